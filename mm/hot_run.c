// SPDX-License-Identifier: MIT
/* Hot runs: where runs of frames wait for their next use.
 *
 * Memory that is larger than the largest slab class is a run of frames, cut out of a buddy's block
 * (kmalloc_large.c). If a run that is freed went back at once, it would be joined with its neighbours under the
 * buddy's lock, and the next one of its length be split off again, from another place, by way of the page
 * records of a dozen free blocks. So each hart keeps some runs as they are, each with its length:
 *
 *     lengths  |  3 |  9 |  3 | 16 |  4 |  .        hot_run_take(3) gives the third: the hottest of that length,
 *     pages    |  * |  * |  * |  * |  * |  .        and what lies behind it moves down
 *              coldest        hottest              hot_run_put() adds behind the last
 *
 * A full store gives its coldest runs back. The lengths are bytes side by side: to search them is to look at half
 * a line of the processor's cache. To join late what is likely to be split again soon is an old improvement of
 * buddy systems; here it's done for those lengths only that are really freed and wanted.
 *
 * As with single frames (hot_list.c) the store is its hart's, with interrupts off, but for the rare moment in
 * which another one empties it, and `busy` keeps the two apart. Who finds it taken does without.
 *
 * Invariants: the first page of each of a run's blocks has kind PAGE_HOT and no reference; to their buddy
 * they are allocated. Locks: `busy`, with interrupts off; the buddies' locks are taken after it is left.
 *
 * Source: Barkley and Lee, "A lazy buddy system bounded by two coalescing delays per class" (1989). */
#include "mm/hot_run.h"

#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"
#include "mm/frames_internal.h"
#include "mm/sanitize.h"

#define NR_RUNS    32u
#define MAX_FRAMES 16u  /* of a run */
#define MAX_SHARE  256u /* of memory, that a hart may keep */

struct run_store {
    _Alignas(64) _Atomic uint32_t busy; /* [a] 1: somebody is at it */
    uint32_t nr;                        /* [busy] */
    _Atomic uint64_t nr_frames;         /* [busy to write] of all runs */
    uint8_t lengths[NR_RUNS];           /* [busy] in frames, the hottest last */
    struct page *pages[NR_RUNS];        /* [busy] */
};

static struct run_store stores[MAX_HARTS];
static uint64_t most_frames; /* [I] after boot: that a hart keeps */

struct run {
    struct page *page;
    uint64_t nr_frames;
};

void hot_run_start(uint64_t nr_total)
{
    memset(stores, 0, sizeof(stores));
    most_frames = min_of(nr_total / MAX_SHARE, (uint64_t)NR_RUNS * MAX_FRAMES);
}

uint64_t hot_run_count_frames(void)
{
    uint64_t nr = 0;

    for (unsigned i = 0; i < MAX_HARTS; i++) {
        nr += load_relaxed(&stores[i].nr_frames);
    }
    return nr;
}

static inline bool enter(struct run_store *store)
{
    return atomic_exchange_explicit(&store->busy, 1, memory_order_acquire) == 0;
}

static inline void leave(struct run_store *store)
{
    store_release(&store->busy, 0);
}

/* Each block of a run is marked: so whoever looks at a page knows that it is free, and who frees it again is
 * told who did it first. */
static void mark_free(struct page *page, uint64_t nr_frames, const void *caller)
{
    for (const struct page *end = page + nr_frames; page < end; page += 1ull << page_order(page)) {
        page->kind = PAGE_HOT;
        page->free.freed_by = caller;
    }
}

static void mark_used(struct page *page, uint64_t nr_frames)
{
    for (const struct page *end = page + nr_frames; page < end; page += 1ull << page_order(page)) {
        page->kind = PAGE_USED;
    }
}

/* Caller: busy, index < nr. */
static struct run remove_run(struct run_store *store, unsigned index)
{
    struct run run = {store->pages[index], store->lengths[index]};
    unsigned nr_behind = --store->nr - index;

    memmove(&store->lengths[index], &store->lengths[index + 1], nr_behind);
    memmove(&store->pages[index], &store->pages[index + 1], nr_behind * sizeof(store->pages[0]));
    store_relaxed(&store->nr_frames, load_relaxed(&store->nr_frames) - run.nr_frames);
    return run;
}

struct page *hot_run_take(uint64_t nr_frames)
{
    struct run run = {NULL, nr_frames};
    uint64_t state = port_irq_save();
    struct run_store *store = &stores[port_hart_id()];

    if (enter(store)) {
        for (unsigned i = store->nr; i-- > 0 && run.page == NULL;) {
            if (store->lengths[i] == nr_frames) {
                run = remove_run(store, i);
            }
        }
        leave(store);
    }
    port_irq_restore(state);
    if (run.page != NULL) {
        mark_used(run.page, nr_frames);
        store_relaxed(&run.page->refs, 1);
        sanitize_allow(page_address(run.page), nr_frames * PAGE_SIZE);
    }
    return run.page;
}

static void give_back(struct run run)
{
    buddy_return_run(&frame_regions[run.page->region], run.page, run.nr_frames);
}

/* Put a run into this hart's store. Returns one that has to be given back instead, and put_again if that made
 * some room, but not enough: a long run takes the place of several. */
static struct run exchange(struct run run, bool *put_again)
{
    uint64_t state = port_irq_save();
    struct run_store *store = &stores[port_hart_id()];
    struct run out = run;

    *put_again = false;
    if (enter(store)) {
        if (store->nr == NR_RUNS || load_relaxed(&store->nr_frames) + run.nr_frames > most_frames) {
            *put_again = true;
            out = remove_run(store, 0);
        } else {
            store->lengths[store->nr] = (uint8_t)run.nr_frames;
            store->pages[store->nr++] = run.page;
            store_relaxed(&store->nr_frames, load_relaxed(&store->nr_frames) + run.nr_frames);
            out.page = NULL;
        }
        leave(store);
    }
    port_irq_restore(state);
    return out;
}

void hot_run_put(struct page *page, uint64_t nr_frames, const void *caller)
{
    struct run run = {page, nr_frames};
    bool put_again = true;

    sanitize_forbid(page_address(page), nr_frames * PAGE_SIZE);
    mark_free(page, nr_frames, caller);
    store_relaxed(&page->refs, 0);
    if (nr_frames > min_of((uint64_t)MAX_FRAMES, most_frames)) {
        give_back(run);
        return;
    }
    while (put_again) {
        struct run out = exchange(run, &put_again);
        if (out.page != NULL) {
            give_back(out);
        }
    }
}

/* Once each run that is there now; its hart may add others. */
static void drain(struct run_store *store)
{
    for (unsigned i = 0; i < NR_RUNS && load_relaxed(&store->nr_frames) != 0; i++) {
        struct run run = {NULL, 0};
        uint64_t state = port_irq_save();

        /* Held for a few dozen instructions with interrupts off: this wait is short. */
        while (!enter(store)) {
            port_relax();
        }
        if (store->nr != 0) {
            run = remove_run(store, 0);
        }
        leave(store);
        port_irq_restore(state);
        if (run.page != NULL) {
            give_back(run);
        }
    }
}

void hot_run_drain_all(void)
{
    for (unsigned i = 0; i < MAX_HARTS; i++) {
        drain(&stores[i]);
    }
}

void hot_run_drain_here(void)
{
    drain(&stores[port_hart_id()]);
}
