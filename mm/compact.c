// SPDX-License-Identifier: MIT
/* Compaction: large blocks out of fragmented memory.
 *
 * After a while of running, half of memory may be free and no two of its frames side by side. What
 * is in the way are mostly pages of users and files, and those can be moved (migrate.c). The
 * question is which, and where to.
 *
 * Linux runs two scanners towards each other: one collects pages to move from the bottom of a zone,
 * the other free frames from its top, and where they meet memory is in two halves. That is the most
 * thorough way, and moves most. We want one block at a time, and choose it: the page block (2 MiB)
 * that has the fewest pages to move, which the buddy counts for each (buddy_cheapest_block). It is
 * evacuated:
 *
 *     1. look:     only free frames and movable pages in it? Else remember that, choose another
 *     2. isolate:  what is free in it, or becomes free, stays where it is (buddy_range.c)
 *     3. move:     each page to a frame that the allocator gives, which is in some other page block,
 *                  of those that are movable and already broken, since it splits no larger block
 *                  than it must
 *     4. take:     all of it is free now. It is the caller's, or goes back as one block
 *
 *     before   | u . . . u . . . | u u . u . u u . | s u . s . u . u |      s: a slab, cannot move
 *     after    | . . . . . . . . | u u u u . u u u | s u . s . u . u |      (u: of a user or a file)
 *
 * The grouping of the buddy makes that work: without it every page block would have its s. A page that
 * is in use at this moment (an I/O, a fault in the middle of copying, a fork) is asked again a few
 * times; then another block is tried, and this one left alone for the next BUSY_REST attempts, or, if
 * it has frames that cannot be moved at all, FAILURE_REST. (When all candidates rest, they are tried
 * all the same.) An attempt tries at most MAX_CANDIDATES page blocks, each of which has at most 511
 * pages to move, so what an allocation can be made to wait for has a limit, and does not grow with fragmentation or the size of memory but for one look
 * at the record of each page block.
 *
 * Whoever finds no block of order 1 or more, and may sleep, compacts; and as others will want one,
 * too, wakes the background task, which makes blocks until NR_SPARE of that order are free.
 *
 * A range (compact_take_range) is evacuated in the same way, but for the choice.
 *
 * Locks: one compacts at a time, since two would meet again and again at the locks that moving a page
 * only tries for. The others wait, whatever they hold: who compacts waits for no sleeping lock and
 * allocates without ALLOC_WAIT, and so comes to an end. The same keeps it from recursion.
 *
 * Source: Gorman and Healy, "Supporting superpage allocation without additional hardware support"
 * (ISMM 2008), for the aim; evacuation of the emptiest block is how copying collectors choose their
 * regions (Detlefs et al., "Garbage-first garbage collection", 2004). */
#include "mm/compact.h"

#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/sync/mutex.h"
#include "mm/frames_internal.h"
#include "mm/migrate.h"
#include "mm/path_latency.h"
#include "mm/vmstat.h"

#define MAX_CANDIDATES 32u
#define FAILURE_REST   64u /* attempts for which a page block with unmovable frames is left alone */
#define BUSY_REST      16u /* … and one with pages that were in use */
#define NR_SPARE       2u  /* blocks that the background task makes */
#define MAX_TRIES      6u  /* for pages that are in use just now */
#define BATCH          16u

static struct mutex one_at_a_time = MUTEX_INIT(one_at_a_time, LOCK_RANK_RECLAIM, "compaction");
static uint32_t nr_attempts = FAILURE_REST; /* [one_at_a_time] numbers the attempts */

/* ---- One range ------------------------------------------------------------------------------- */

static bool looks_movable(const struct buddy *region, uint64_t first, uint64_t end)
{
    for (uint64_t frame = first; frame < end; frame++) {
        if (!page_looks_movable(&region->pages[frame - region->first_frame])) {
            return false;
        }
    }
    return true;
}

/* Frames to move pages to. They come from the buddies and not from a hot list, where the frame would
 * be that has just been moved away from. */
struct targets {
    struct page *pages[BATCH];
    unsigned nr;
};

static struct page *next_target(struct targets *targets)
{
    if (targets->nr == 0) {
        targets->nr = frames_alloc_cold(targets->pages, BATCH, ALLOC_MOVABLE | ALLOC_USER);
    }
    return targets->nr != 0 ? targets->pages[targets->nr - 1] : NULL;
}

/* Move one page, or find that it is free by now. */
static int move_page(struct page *page, struct targets *targets)
{
    struct page *target;
    int error;

    if (!page_looks_movable(page)) {
        return -EBUSY;
    }
    target = next_target(targets);
    if (target == NULL) {
        return -ENOMEM;
    }
    error = page_migrate(page, target);
    targets->nr -= error == 0;
    return error == -EBUSY ? 0 : error; /* it is looked at again, when all have had their turn */
}

/* Move every page of the range that is in use, once. Returns 0, -EBUSY when one never can be moved,
 * or -ENOMEM. */
static int move_pages(struct buddy *region, uint64_t first, uint64_t end)
{
    struct targets targets = {.nr = 0};
    struct page *pages[BATCH];
    int error = 0;
    unsigned nr;

    while (error == 0 &&
           (nr = buddy_gather_used(region, &first, end, pages, array_size(pages))) != 0) {
        for (unsigned i = 0; i < nr && error == 0; i++) {
            error = move_page(pages[i], &targets);
        }
        frames_drain_hot_here(); /* before others are given what was just emptied */
    }
    frames_free_bulk(targets.pages, targets.nr);
    return error;
}

/* Empty an isolated range and take it. What is in use for a moment, or rests in a hot list, is given
 * another chance. */
static int evacuate(struct buddy *region, uint64_t first, uint64_t nr_frames)
{
    for (unsigned i = 0; i < MAX_TRIES; i++) {
        int error = move_pages(region, first, first + nr_frames);

        frames_drain_hot();
        if (error != 0) {
            return error;
        }
        if (buddy_take_range(region, first, nr_frames)) {
            return 0;
        }
        port_yield(); /* to those who use the last ones */
    }
    return -EAGAIN;
}

/* Isolate the page blocks [*next, end) of a region, as far as they are nobody else's. */
static bool isolate_blocks(struct buddy *region, uint64_t *next, uint64_t end)
{
    while (*next < end && buddy_isolate(region, *next)) {
        (*next)++;
    }
    return *next == end;
}

static int take_from_region(struct buddy *region, uint64_t first, uint64_t nr_frames)
{
    uint64_t base = region->first_frame >> PAGE_BLOCK_ORDER;
    uint64_t block = (first >> PAGE_BLOCK_ORDER) - base;
    uint64_t end = ((first + nr_frames - 1) >> PAGE_BLOCK_ORDER) - base + 1;
    uint64_t next = block;
    int error = -EAGAIN;

    if (!looks_movable(region, first, first + nr_frames)) {
        return -EBUSY;
    }
    if (isolate_blocks(region, &next, end)) {
        error = evacuate(region, first, nr_frames);
    }
    while (next > block) {
        buddy_end_isolation(region, --next);
    }
    return error;
}

int compact_take_range(uint64_t first_frame, uint64_t nr_frames)
{
    struct page *page = page_of_frame(first_frame);
    int error;

    if (page == NULL || nr_frames == 0) {
        return -EBUSY;
    }
    mutex_lock(&one_at_a_time);
    error = take_from_region(&frame_regions[page->region], first_frame, nr_frames);
    mutex_unlock(&one_at_a_time);
    return error;
}

/* ---- The cheapest page block ----------------------------------------------------------------- */

/* Try candidates of one region that have not failed after attempt `since`, until one is taken.
 * Returns its first page, or NULL. */
static struct page *take_cheapest(struct buddy *region, uint32_t since, uint32_t attempt,
                                  unsigned *nr_left)
{
    while (*nr_left > 0) {
        uint64_t block = buddy_cheapest_block(region, since);
        uint64_t first;
        int error;

        if (block == UINT64_MAX) {
            return NULL;
        }
        (*nr_left)--;
        first = buddy_block_start(region, block);
        error = take_from_region(region, first, PAGE_BLOCK_FRAMES);
        if (error == 0) {
            return &region->pages[first - region->first_frame];
        }
        if (error == -ENOMEM) {
            return NULL; /* no candidate will find room */
        }
        /* Past the point up to which it rests, seen from the attempts to come. */
        buddy_note_failure(region, block,
                           error == -EAGAIN ? max_of(since, attempt - FAILURE_REST + BUSY_REST) + 1
                                            : attempt);
    }
    return NULL;
}

/* The first page of a whole page block, as single frames; or NULL. When all candidates rest, those
 * that do are better than none. */
static struct page *make_page_block(void)
{
    unsigned nr_left = MAX_CANDIDATES;
    struct page *page = NULL;
    uint32_t attempt, since[2];

    mutex_lock(&one_at_a_time);
    attempt = ++nr_attempts;
    since[0] = attempt - FAILURE_REST;
    since[1] = attempt - 1;
    for (unsigned round = 0; round < array_size(since) && page == NULL; round++) {
        for (unsigned i = 0; i < nr_frame_regions && page == NULL; i++) {
            page = take_cheapest(&frame_regions[i], since[round], attempt, &nr_left);
        }
    }
    mutex_unlock(&one_at_a_time);
    return page;
}

/* Moving takes as many free frames as there are pages to move, and must leave the reserve. */
static bool has_room(void)
{
    struct frames_stats stats;

    frames_get_stats(&stats);
    return stats.nr_free > stats.nr_reserve + PAGE_BLOCK_FRAMES;
}

struct page *compact_for_allocation(unsigned order, enum alloc_flags flags)
{
    struct page *page = NULL;
    uint64_t start_ns;

    if (order == 0 || order > PAGE_BLOCK_ORDER || (flags & ALLOC_WAIT) == 0 || !port_may_sleep() ||
        !has_room()) {
        return NULL;
    }
    vm_count(VM_COMPACT_STALL);
    start_ns = port_clock_ns();
    page = make_page_block();
    if (page != NULL) {
        page = buddy_join_single(&frame_regions[page->region], page, order,
                                 (flags & ALLOC_MOVABLE) != 0 ? FRAMES_MOVABLE : FRAMES_UNMOVABLE);
    }
    vm_count(page != NULL ? VM_COMPACT_SUCCESS : VM_COMPACT_FAIL);
    path_latency_record(ALLOC_COMPACT, start_ns);
    compact_wake(order);
    return page;
}

/* ---- The background task --------------------------------------------------------------------- */

static struct task *_Atomic background; /* [a] NULL until compact_start() */
static _Atomic uint32_t wanted_order;   /* [a] 0: nothing to do */

void compact_wake(unsigned order)
{
    struct task *task = load_relaxed(&background);
    uint32_t none = 0;

    if (task != NULL && order != 0 && order <= PAGE_BLOCK_ORDER &&
        atomic_compare_exchange_strong(&wanted_order, &none, order)) {
        (void)port_wake(task);
    }
}

static uint64_t nr_blocks_of(unsigned order)
{
    struct frames_stats stats;
    uint64_t nr = 0;

    frames_get_stats(&stats);
    for (; order < BUDDY_NR_ORDERS; order++) {
        nr += stats.nr_by_order[order];
    }
    return nr;
}

static void make_spare_blocks(unsigned order)
{
    while (nr_blocks_of(order) < NR_SPARE && has_room()) {
        struct page *page = make_page_block();

        if (page == NULL) {
            break;
        }
        buddy_free_page_block(&frame_regions[page->region], page, NULL);
        port_yield();
    }
}

static void background_main(void *unused)
{
    (void)unused;
    atomic_store(&background, port_self());
    for (;;) {
        uint32_t order;

        port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
        if (atomic_load(&wanted_order) == 0) {
            (void)!port_block(PORT_NO_DEADLINE);
        }
        port_block_cancel();
        order = atomic_load(&wanted_order);
        if (order != 0) {
            vm_count(VM_COMPACT_WAKE);
            make_spare_blocks(order);
            atomic_store(&wanted_order, 0);
        }
    }
}

int compact_start(void)
{
    return port_spawn("compact", background_main, NULL) != NULL ? 0 : -ENOMEM;
}
