// SPDX-License-Identifier: MIT
/* The one door to physical memory: hot lists before, buddies behind, reclaim when both run dry.
 *
 * Single frames are by far the most wanted: each hart keeps a small stack of them, its hot list
 * (hot_list.c), and frames_alloc(0) and frames_free(0) touch nothing else:
 *
 *     frames_alloc(0) <--> hot list of this hart <-- batches --> buddy of a region <--> blocks
 *
 * Watermarks, in free frames:
 *
 *     0 ...... nr_reserve .......... nr_low .......... nr_high ......... nr_total
 *       only ALLOC_RESERVE   the background task      it rests
 *       is served here       reclaims up to nr_high
 *
 * A failing allocation first empties all hot lists; with ALLOC_WAIT it then makes a block by moving
 * pages, if it wants a block and there is memory enough (compact.c), or reclaims and tries again
 * (reclaim.c decides how long). The frames in hot lists passed the watermark when they were filled
 * in, so the fast path asks nothing.
 *
 * Locks: none here; those of the hot lists and of the buddies are never held together. */
#include "mm/frames.h"

#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/compact.h"
#include "mm/fault_inject.h"
#include "mm/frames_internal.h"
#include "mm/hot_list.h"
#include "mm/hot_run.h"
#include "mm/path_latency.h"
#include "mm/reclaim.h"
#include "mm/sanitize.h"

#define RESERVE_MIN       32ull /* frames that reclaim itself may need */
#define RESERVE_MAX_SHARE 8u    /* of memory: the high watermark is at half of it then */

struct buddy frame_regions[FRAMES_MAX_REGIONS];
unsigned nr_frame_regions;

static _Atomic uint64_t nr_reserve, nr_low, nr_high; /* [a] set at boot, and by the administrator */

/* ---- Allocation ------------------------------------------------------------------------------ */

static uint64_t nr_free_in_buddies(void)
{
    uint64_t nr = 0;

    for (unsigned i = 0; i < nr_frame_regions; i++) {
        nr += load_relaxed(&frame_regions[i].nr_free);
    }
    return nr;
}

/* How many frames the buddies may give for such a request, the watermark kept. */
static uint64_t nr_available(enum alloc_flags flags)
{
    uint64_t nr_free = nr_free_in_buddies();
    uint64_t floor = (flags & ALLOC_RESERVE) != 0 ? 0 : load_relaxed(&nr_reserve);

    if (nr_free < load_relaxed(&nr_low)) {
        reclaim_wake();
    }
    return nr_free > floor ? nr_free - floor : 0;
}

static inline enum frame_type type_of(enum alloc_flags flags)
{
    return (flags & ALLOC_MOVABLE) != 0 ? FRAMES_MOVABLE : FRAMES_UNMOVABLE;
}

static unsigned take_frames(struct page **pages, unsigned nr, enum alloc_flags flags)
{
    uint64_t available = nr_available(flags);
    unsigned taken = 0;

    nr = min_of((uint64_t)nr, available);
    for (unsigned i = 0; i < nr_frame_regions && taken < nr; i++) {
        taken += buddy_take_hot(&frame_regions[i], pages + taken, nr - taken, type_of(flags));
    }
    return taken;
}

/* One frame for the caller and some for the hart's list; only the one when memory is short. */
static struct page *take_batch(enum alloc_flags flags)
{
    struct page *pages[HOT_BATCH];
    unsigned wanted = nr_free_in_buddies() > load_relaxed(&nr_low) ? HOT_BATCH : 1;
    unsigned taken = take_frames(pages, wanted, flags);
    unsigned kept;

    if (taken == 0) {
        return NULL;
    }
    kept = 1 + hot_push_batch(pages + 1, taken - 1, type_of(flags));
    hot_return_frames(pages + kept, taken - kept);
    return pages[0];
}

static struct page *take_block(unsigned order, enum alloc_flags flags)
{
    if (order == 0) {
        return take_batch(flags);
    }
    if (nr_available(flags) < 1ull << order) {
        return NULL;
    }
    for (unsigned i = 0; i < nr_frame_regions; i++) {
        struct page *page = buddy_alloc_block(&frame_regions[i], order, type_of(flags));
        if (page != NULL) {
            return page;
        }
    }
    return NULL;
}

/* At most one line a second: who fails will likely fail again. */
static void report_failure(unsigned order, enum alloc_flags flags, const void *caller)
{
    static _Atomic uint64_t next_report_ns; /* [a] */
    uint64_t now = port_clock_ns();

    if ((flags & ALLOC_QUIET) == 0 && now >= load_relaxed(&next_report_ns)) {
        store_relaxed(&next_report_ns, now + 1000000000ull);
        pr_warn("frames: no block of order %u for %pS, flags %#x, %llu frames free", order, caller,
                (unsigned)flags, (unsigned long long)frames_nr_free());
    }
}

static __attribute__((noinline)) struct page *zero_block(struct page *page, unsigned order)
{
    char *address = page_address(page);

    for (uint64_t i = 0; i < 1ull << order; i++) {
        page_zero(address + i * PAGE_SIZE);
    }
    return page;
}

/* Make a frame from the buddies or a hot list its new owner's. */
static inline struct page *hand_out(struct page *page, unsigned order, enum alloc_flags flags,
                                    const void *caller)
{
    page->kind = PAGE_USED;
    store_relaxed(&page->flags, 0);
    store_relaxed(&page->refs, 1);
    store_relaxed(&page->dirty_sectors, 0);
    store_relaxed(&page->maps, 0);
    page->used.private = 0;
    page->used.taken_by = caller;
    sanitize_allow(page_address(page), PAGE_SIZE << order);
    if ((flags & ALLOC_ZERO) != 0) {
        return zero_block(page, order);
    }
    return page;
}

/* The page, or NULL when there is none to be had after all. */
static struct page *find_block(unsigned order, enum alloc_flags flags, const void *caller)
{
    struct page *page;

    if (order > BUDDY_MAX_ORDER) {
        report_failure(order, flags, caller);
        return NULL;
    }
    page = take_block(order, flags);
    for (unsigned attempt = 0; page == NULL; attempt++) {
        enum reclaim_verdict verdict;

        frames_drain_hot();
        page = take_block(order, flags);
        if (page == NULL) {
            page = compact_for_allocation(order, flags);
        }
        if (page != NULL) {
            break;
        }
        verdict = reclaim_for_allocation(order, flags, attempt, caller);
        if (verdict == RECLAIM_TRY_RESERVE) {
            page = take_block(order, flags | ALLOC_RESERVE);
        }
        if (verdict != RECLAIM_TRY_AGAIN && page == NULL) {
            report_failure(order, flags, caller);
            return NULL;
        }
    }
    return page;
}

static __attribute__((noinline)) struct page *alloc_slow(unsigned order, enum alloc_flags flags,
                                                         const void *caller)
{
    uint64_t start_ns = port_clock_ns();
    struct page *page = find_block(order, flags, caller);

    path_latency_record(order == 0 ? ALLOC_FRAME_REFILL : ALLOC_FRAME_BLOCK, start_ns);
    return page == NULL ? NULL : hand_out(page, order, flags, caller);
}

struct page *frames_alloc(unsigned order, enum alloc_flags flags)
{
    struct page *page;

    if (fault_inject_now(FAULT_FRAMES)) {
        return NULL;
    }
    if (unlikely(order != 0 || (page = hot_pop(type_of(flags))) == NULL)) {
        return alloc_slow(order, flags, __builtin_return_address(0));
    }
    return hand_out(page, 0, flags, __builtin_return_address(0));
}

unsigned frames_alloc_bulk(struct page **pages, unsigned nr, enum alloc_flags flags)
{
    unsigned taken = 0;

    if (fault_inject_now(FAULT_FRAMES)) {
        return 0;
    }
    while (taken < nr && (pages[taken] = hot_pop(type_of(flags))) != NULL) {
        taken++;
    }
    if (taken < nr) {
        taken += take_frames(pages + taken, nr - taken, flags);
    }
    for (unsigned i = 0; i < taken; i++) {
        (void)hand_out(pages[i], 0, flags, __builtin_return_address(0));
    }
    while (taken < nr) { /* short of memory: one by one, reclaiming */
        pages[taken] = frames_alloc(0, flags);
        if (pages[taken] == NULL) {
            break;
        }
        taken++;
    }
    return taken;
}

unsigned frames_alloc_cold(struct page **pages, unsigned nr, enum alloc_flags flags)
{
    unsigned taken = take_frames(pages, nr, flags);

    for (unsigned i = 0; i < taken; i++) {
        (void)hand_out(pages[i], 0, flags, __builtin_return_address(0));
    }
    return taken;
}

/* ---- Freeing --------------------------------------------------------------------------------- */

/* Who freed a wrongly freed frame before, or who has the block that it lies in. */
static void name_other_call(const struct page *page, enum buddy_verdict verdict)
{
    const struct page *holder = buddy_find_holder(region_of_page(page), page);

    if (holder != NULL && (holder->kind == PAGE_USED || holder->kind == PAGE_WINDOW)) {
        pr_err("frames: … it lies in the block of order %u at frame %#llx, allocated by %pS",
               page_order(holder), (unsigned long long)page_to_phys(holder).addr,
               holder->used.taken_by);
    } else if (holder == NULL && (verdict == BUDDY_DOUBLE || verdict == BUDDY_NOT_FIRST)) {
        pr_err("frames: … it was last freed by %pS", page->free.freed_by);
    }
}

static void refuse_free(const struct page *page, unsigned order, enum buddy_verdict verdict,
                        const void *caller)
{
    if (verdict == BUDDY_FOREIGN) {
        pr_err("frames: bad free of page %p, order %u, by %pS: %s", (const void *)page, order,
               caller, buddy_verdict_text(verdict));
    } else {
        pr_err("frames: bad free of frame %#llx, order %u, by %pS: %s (kind %u)",
               (unsigned long long)page_to_phys(page).addr, order, caller,
               buddy_verdict_text(verdict), page->kind);
        name_other_call(page, verdict);
    }
}

/* An allocated single frame: the only thing that a hot list takes. */
static inline bool may_be_hot(const struct page *page, unsigned order)
{
    return order == 0 && page_order(page) == 0 && page->kind >= PAGE_USED;
}

static inline void make_hot(struct page *page, const void *caller)
{
    sanitize_forbid(page_address(page), PAGE_SIZE);
    page->kind = PAGE_HOT;
    store_relaxed(&page->refs, 0);
    page->free.freed_by = caller;
}

static inline void free_hot(struct page *page, const void *caller)
{
    make_hot(page, caller);
    if (unlikely(!hot_push(page))) {
        hot_push_slow(page);
    }
}

/* Frames of further regions, blocks, and what must be refused. */
static __attribute__((noinline)) void free_slow(struct page *page, unsigned order,
                                                const void *caller)
{
    struct buddy *region = region_of_page(page);
    enum buddy_verdict verdict = BUDDY_FOREIGN;

    if (region != NULL && may_be_hot(page, order)) {
        free_hot(page, caller);
        return;
    }
    if (region != NULL) {
        verdict = buddy_judge(region, page, order);
    }
    if (verdict == BUDDY_OK) {
        sanitize_forbid(page_address(page), PAGE_SIZE << order);
        verdict = buddy_free_block(region, page, order, caller);
    }
    if (verdict != BUDDY_OK) {
        refuse_free(page, order, verdict, caller);
    }
}

void frames_free(struct page *page, unsigned order)
{
    const void *caller = __builtin_return_address(0);

    if (likely(region_has_page(&frame_regions[0], page) && may_be_hot(page, order))) {
        free_hot(page, caller);
    } else {
        free_slow(page, order, caller);
    }
}

/* Pushed onto the hart's list while there is room; what is left goes to the buddies in few holds of
 * their locks. */
void frames_free_bulk(struct page **pages, unsigned nr)
{
    const void *caller = __builtin_return_address(0);
    struct page *rest[HOT_BATCH];
    unsigned nr_rest = 0;

    for (unsigned i = 0; i < nr; i++) {
        struct page *page = pages[i];

        if (unlikely(region_of_page(page) == NULL || !may_be_hot(page, 0))) {
            free_slow(page, 0, caller);
            continue;
        }
        make_hot(page, caller);
        if (!hot_push(page)) {
            rest[nr_rest++] = page;
        }
        if (nr_rest == HOT_BATCH) {
            hot_return_frames(rest, nr_rest);
            nr_rest = 0;
        }
    }
    hot_return_frames(rest, nr_rest);
}

void frames_trim(struct page *page, uint64_t nr_frames)
{
    uint64_t nr_all = 1ull << page_order(page);

    if (nr_frames < nr_all) {
        sanitize_forbid((char *)page_address(page) + nr_frames * PAGE_SIZE,
                        (nr_all - nr_frames) * PAGE_SIZE);
        buddy_trim_block(region_of_page(page), page, nr_frames);
    }
}

/* ---- Figures --------------------------------------------------------------------------------- */

uint64_t frames_nr_total(void)
{
    uint64_t nr = 0;

    for (unsigned i = 0; i < nr_frame_regions; i++) {
        nr += load_relaxed(&frame_regions[i].nr_managed);
    }
    return nr;
}

static void set_watermarks(uint64_t nr)
{
    store_relaxed(&nr_reserve, nr);
    store_relaxed(&nr_low, 3 * nr);
    store_relaxed(&nr_high, 4 * nr);
}

void frames_set_watermarks(void)
{
    uint64_t nr_total = frames_nr_total();
    uint64_t nr = min_of(max_of(nr_total / 128, RESERVE_MIN), 1024ull);

    /* Under a hundredth of memory, 128 KiB to 4 MiB; but small memories are not reserved away. */
    set_watermarks(min_of(nr, nr_total / RESERVE_MAX_SHARE));
}

int frames_set_reserve(uint64_t nr_frames)
{
    if (nr_frames < RESERVE_MIN || nr_frames > frames_nr_total() / RESERVE_MAX_SHARE) {
        return -EINVAL;
    }
    set_watermarks(nr_frames);
    return 0;
}

uint64_t frames_nr_free(void)
{
    uint64_t nr = nr_free_in_buddies() + hot_count_all() + hot_run_count_frames();

    for (unsigned i = 0; i < nr_frame_regions; i++) {
        nr += load_relaxed(&frame_regions[i].nr_isolated);
    }
    return nr;
}

void frames_get_stats(struct frames_stats *stats)
{
    static_assert(BUDDY_NR_ORDERS <= array_size(stats->nr_by_order), "an entry an order");

    *stats = (struct frames_stats){.nr_reserve = load_relaxed(&nr_reserve),
                                   .nr_low = load_relaxed(&nr_low),
                                   .nr_high = load_relaxed(&nr_high)};
    for (unsigned i = 0; i < nr_frame_regions; i++) {
        struct buddy *region = &frame_regions[i];
        stats->nr_total += load_relaxed(&region->nr_managed);
        for (unsigned order = 0; order < BUDDY_NR_ORDERS; order++) {
            for (unsigned type = 0; type < FRAMES_NR_TYPES; type++) {
                stats->nr_by_order[order] += load_relaxed(&region->nr_blocks[type][order]);
            }
        }
    }
    stats->nr_free = frames_nr_free();
}

void frames_get_type_stats(unsigned type, struct frames_type_stats *stats)
{
    *stats = (struct frames_type_stats){0};
    for (unsigned i = 0; i < nr_frame_regions; i++) {
        for (unsigned order = 0; order < BUDDY_NR_ORDERS; order++) {
            stats->nr_by_order[order] += load_relaxed(&frame_regions[i].nr_blocks[type][order]);
        }
        stats->nr_page_blocks += buddy_count_page_blocks(&frame_regions[i], (enum frame_type)type);
    }
}
