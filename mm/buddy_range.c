// SPDX-License-Identifier: MIT
/* Frames by the range, and page blocks withdrawn from circulation.
 *
 * A buddy system gives blocks of 2^k frames. Some want other lengths (a device, 300 frames), and
 * some want a range that is in use to become free (compaction). Both are served by taking the
 * frames of a range one by one:
 *
 *     isolate     the page blocks of the range: their free blocks leave the lists that are
 *                 allocated from, and what is freed there from now on doesn't come back to them
 *     evacuate    whoever can moves the pages in use elsewhere (compact.c)
 *     take        all frames of the range are free now: they are the caller's, as single frames
 *     end         the rest of the page blocks goes back into circulation
 *
 *     isolated   | . . u . . u . . . . u . |      u: moved, then freed, and still here
 *     range          |<---------->|               taken when all of it is free
 *
 * Single frames, because an allocated block can only be given back as it was taken, and a range has
 * no order. They are given back one by one, or by the range; joined, they are blocks again.
 *
 * Locks: buddy->lock around every step; between the steps the isolated frames are nobody's. */
#include "kernel/base/assert.h"
#include "kernel/base/bits.h"
#include "mm/buddy_internal.h"

/* Allocated single frames from now on. The pages are tails, or a block's that is being split. */
static void make_single(struct page *page, uint64_t nr, uint8_t order)
{
    for (uint64_t i = 0; i < nr; i++) {
        page[i].kind = PAGE_USED;
        page[i].order = order;
    }
}

/* Where the type of a page block is kept that all of whose frames are allocated. */
static uint8_t *home_of(struct page_block *block)
{
    return block->type == FRAMES_ISOLATED ? &block->home_type : &block->type;
}

void buddy_split_block(struct buddy *buddy, struct page *page, unsigned order, enum frame_type type)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    struct page_block *block = block_of(buddy, frame_number(buddy, page));

    assert(page_order(page) == order && page->kind >= PAGE_USED);
    make_single(page, frames_of(order), type == FRAMES_MOVABLE ? PAGE_ORDER_MOVABLE : 0);
    for (unsigned i = 0; order >= PAGE_BLOCK_ORDER && i < 1u << (order - PAGE_BLOCK_ORDER); i++) {
        *home_of(&block[i]) = (uint8_t)type;
    }
    spin_unlock_irqrestore(&buddy->lock, state);
}

void buddy_trim_block(struct buddy *buddy, struct page *page, uint64_t nr_frames)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    uint64_t nr_all = frames_of(page_order(page));
    uint8_t type = page->order & PAGE_ORDER_MOVABLE;
    uint64_t first = frame_number(buddy, page);

    assert(page->kind >= PAGE_USED && nr_frames != 0 && nr_frames <= nr_all);
    buddy_release_run(buddy, first + nr_frames, nr_all - nr_frames);
    for (uint64_t kept = nr_frames; kept != 0; kept -= frames_of(bit_last(kept))) {
        struct page *piece = page + (nr_frames - kept);
        piece->kind = PAGE_USED;
        piece->order = (uint8_t)(type | bit_last(kept));
    }
    spin_unlock_irqrestore(&buddy->lock, state);
}

static void make_tails(struct page *page, uint64_t nr, const void *caller)
{
    for (uint64_t i = 0; i < nr; i++) {
        page[i].kind = PAGE_TAIL;
        page[i].order = 0;
        page[i].free.freed_by = caller;
    }
}

enum buddy_verdict buddy_free_range(struct buddy *buddy, struct page *page, uint64_t nr,
                                    const void *caller, uint64_t *bad_index)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    enum buddy_verdict verdict = BUDDY_OK;

    for (uint64_t i = 0; i < nr && verdict == BUDDY_OK; i++) {
        verdict = buddy_judge(buddy, page + i, 0);
        *bad_index = i;
    }
    if (verdict == BUDDY_OK) {
        make_tails(page, nr, caller);
        buddy_release_run(buddy, frame_number(buddy, page), nr);
    }
    spin_unlock_irqrestore(&buddy->lock, state);
    return verdict;
}

void buddy_free_page_block(struct buddy *buddy, struct page *page, const void *caller)
{
    uint64_t frame = frame_number(buddy, page);
    uint64_t state = spin_lock_irqsave(&buddy->lock);

    debug_assert(frame % PAGE_BLOCK_FRAMES == 0);
    make_tails(page, PAGE_BLOCK_FRAMES, caller);
    buddy_release_block(buddy, frame, PAGE_BLOCK_ORDER);
    spin_unlock_irqrestore(&buddy->lock, state);
}

struct page *buddy_join_single(struct buddy *buddy, struct page *page, unsigned order,
                               enum frame_type type)
{
    uint64_t frame = frame_number(buddy, page);
    uint64_t nr = frames_of(order);
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    struct page_block *block = block_of(buddy, frame);

    assert(frame % PAGE_BLOCK_FRAMES == 0 && order <= PAGE_BLOCK_ORDER);
    *home_of(block) = (uint8_t)type;
    make_tails(page, PAGE_BLOCK_FRAMES, NULL);
    page->kind = PAGE_USED;
    page->order = (uint8_t)order;
    buddy_release_run(buddy, frame + nr, PAGE_BLOCK_FRAMES - nr);
    spin_unlock_irqrestore(&buddy->lock, state);
    return page;
}

/* ---- Isolation ------------------------------------------------------------------------------- */

bool buddy_isolate(struct buddy *buddy, uint64_t block)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    struct page_block *record = &buddy->blocks[block];
    bool is_ours = record->type != FRAMES_ISOLATED;

    if (is_ours) {
        buddy_cut_free_block(buddy, block);
        record->home_type = record->type;
        buddy_set_block_type(buddy, block, FRAMES_ISOLATED);
        count_add(&buddy->nr_free, -(uint64_t)record->nr_free);
        count_add(&buddy->nr_isolated, record->nr_free);
    }
    spin_unlock_irqrestore(&buddy->lock, state);
    return is_ours;
}

void buddy_end_isolation(struct buddy *buddy, uint64_t block)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    struct page_block *record = &buddy->blocks[block];
    uint64_t frame = buddy_block_start(buddy, block);

    assert(record->type == FRAMES_ISOLATED);
    buddy_cut_free_block(buddy, block);
    buddy_set_block_type(buddy, block, (enum frame_type)record->home_type);
    count_add(&buddy->nr_isolated, -(uint64_t)record->nr_free);
    count_add(&buddy->nr_free, record->nr_free);
    if (record->nr_free == PAGE_BLOCK_FRAMES) { /* free again, so that it joins its buddy */
        struct page *page = page_of(buddy, frame);
        buddy_unlist_block(buddy, page, PAGE_BLOCK_ORDER);
        buddy_count_block(buddy, frame, PAGE_BLOCK_ORDER, -1);
        buddy_release_block(buddy, frame, PAGE_BLOCK_ORDER);
    }
    spin_unlock_irqrestore(&buddy->lock, state);
}

/* ---- Taking a range -------------------------------------------------------------------------- */

/* The free block that a frame lies in, which is in the frame's page block; NULL: it is in none. */
static struct page *free_block_around(struct buddy *buddy, uint64_t frame)
{
    for (unsigned order = 0; order <= PAGE_BLOCK_ORDER; order++) {
        uint64_t first = align_down(frame, frames_of(order));
        if (first < buddy->first_frame) {
            break;
        }
        if (page_of(buddy, first)->order == (PAGE_ORDER_FREE | order)) {
            return page_of(buddy, first);
        }
    }
    return NULL;
}

/* Whether the range lies in isolated page blocks; free blocks larger than those are cut. */
static bool is_range_isolated(struct buddy *buddy, uint64_t frame, uint64_t end)
{
    for (; frame < end; frame = align_down(frame, PAGE_BLOCK_FRAMES) + PAGE_BLOCK_FRAMES) {
        struct page_block *block = block_of(buddy, frame);
        if (block->type != FRAMES_ISOLATED) {
            return false;
        }
        buddy_cut_free_block(buddy, (uint64_t)(block - buddy->blocks));
    }
    return true;
}

static bool is_range_free(struct buddy *buddy, uint64_t frame, uint64_t end)
{
    while (frame < end) {
        const struct page *page = free_block_around(buddy, frame);
        if (page == NULL) {
            return false;
        }
        frame = frame_number(buddy, page) + frames_of(free_block_order(page));
    }
    return true;
}

bool buddy_take_range(struct buddy *buddy, uint64_t first_frame, uint64_t nr_frames)
{
    uint64_t end = first_frame + nr_frames;
    uint64_t frame = first_frame;
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    bool is_free = is_range_isolated(buddy, first_frame, end) &&
                   is_range_free(buddy, first_frame, end);

    while (is_free && frame < end) {
        struct page *page = free_block_around(buddy, frame);
        unsigned order = free_block_order(page);
        uint64_t first = frame_number(buddy, page);
        uint64_t behind = first + frames_of(order);
        uint64_t taken_end = min_of(behind, end);

        buddy_unlist_block(buddy, page, order);
        buddy_count_block(buddy, first, order, -1);
        make_single(page_of(buddy, frame), taken_end - frame, 0);
        buddy_release_run(buddy, first, frame - first); /* what sticks out stays free */
        buddy_release_run(buddy, taken_end, behind - taken_end);
        frame = taken_end;
    }
    spin_unlock_irqrestore(&buddy->lock, state);
    return is_free;
}

unsigned buddy_gather_used(struct buddy *buddy, uint64_t *first, uint64_t end, struct page **pages,
                           unsigned nr)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    unsigned found = 0;

    while (*first < end && found < nr) {
        struct page *page = free_block_around(buddy, *first);
        if (page != NULL) {
            *first = frame_number(buddy, page) + frames_of(free_block_order(page));
        } else {
            pages[found++] = page_of(buddy, *first);
            (*first)++;
        }
    }
    spin_unlock_irqrestore(&buddy->lock, state);
    return found;
}

/* ---- Which page block to evacuate ------------------------------------------------------------ */

uint64_t buddy_cheapest_block(struct buddy *buddy, uint32_t since)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    uint64_t cheapest = UINT64_MAX;
    unsigned best = 0;

    for (uint64_t block = 0; block < buddy->nr_page_blocks; block++) {
        const struct page_block *record = &buddy->blocks[block];
        unsigned value = record->nr_free;

        /* Nothing would be gained by a full one: its pages would break up free blocks elsewhere. */
        if (record->type == FRAMES_ISOLATED || record->failed_at > since || record->nr_free == 0 ||
            block_end(buddy, block) - block_first(buddy, block) != PAGE_BLOCK_FRAMES) {
            continue;
        }
        value += record->type == FRAMES_MOVABLE ? PAGE_BLOCK_FRAMES : 0;
        if (value > best) {
            best = value;
            cheapest = block;
        }
    }
    spin_unlock_irqrestore(&buddy->lock, state);
    return cheapest;
}

void buddy_note_failure(struct buddy *buddy, uint64_t block, uint32_t attempt)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);

    buddy->blocks[block].failed_at = attempt;
    spin_unlock_irqrestore(&buddy->lock, state);
}

uint64_t buddy_count_page_blocks(struct buddy *buddy, enum frame_type type)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    uint64_t nr = 0;

    for (uint64_t block = 0; block < buddy->nr_page_blocks; block++) {
        nr += buddy->blocks[block].type == type;
    }
    spin_unlock_irqrestore(&buddy->lock, state);
    return nr;
}
