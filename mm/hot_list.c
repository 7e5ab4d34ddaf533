// SPDX-License-Identifier: MIT
/* Hot lists: where single frames wait for their next use.
 *
 * The frame freed last is still in the hart's cache, and most frames that are freed are soon wanted
 * again. So each hart keeps two small stacks of free frames before the buddies: one for memory that
 * can be moved, one for the kernel's own, so that a frame freed by one kind of user does not end in
 * the hands of the other (see buddy.c). An empty one is
 * refilled, a full one relieved of its coldest, HOT_BATCH frames at a time under one hold of the
 * buddy's lock.
 *
 * A list is used by its hart with interrupts off, and once in a while emptied by another one that
 * needs every frame. `busy` keeps the two apart: one atomic swap. A hart that finds its list taken
 * goes to the buddy instead, so that an allocation never waits for a drain; who drains waits for the
 * few dozen instructions of its owner.
 *
 * Invariants: the frames on a list have kind PAGE_HOT and no reference; to their buddy they are
 * allocated. Locks: `busy`, with interrupts off; the buddies' locks are taken after it is left.
 *
 * Source: Bonwick's per-CPU magazines (see slab.c), applied to frames. */
#include "mm/hot_list.h"

#include "kernel/base/string.h"
#include "mm/frames.h"
#include "mm/frames_internal.h"
#include "mm/hot_run.h"

struct hot_list hot_lists[MAX_HARTS][HOT_NR_TYPES];

#define NR_LISTS (MAX_HARTS * HOT_NR_TYPES)

static struct hot_list *list_number(unsigned i)
{
    return &hot_lists[i / HOT_NR_TYPES][i % HOT_NR_TYPES];
}

uint64_t hot_count_all(void)
{
    uint64_t nr = 0;

    for (unsigned i = 0; i < NR_LISTS; i++) {
        nr += hot_count(list_number(i));
    }
    return nr;
}

/* The coldest frames of a list, at most nr, for the buddies. Caller: busy. */
static unsigned take_cold(struct hot_list *hot, struct page **pages, unsigned nr)
{
    uint64_t count = hot_count(hot);

    nr = (unsigned)min_of((uint64_t)nr, count);
    memcpy(pages, hot->pages, nr * sizeof(pages[0]));
    memmove(hot->pages, hot->pages + nr, (count - nr) * sizeof(pages[0]));
    store_relaxed(&hot->nr, count - nr);
    return nr;
}

void hot_return_frames(struct page **pages, unsigned nr)
{
    unsigned done = 0;

    while (done < nr) {
        unsigned run = 1;
        while (done + run < nr && pages[done + run]->region == pages[done]->region) {
            run++;
        }
        buddy_return_hot(&frame_regions[pages[done]->region], pages + done, run);
        done += run;
    }
}

unsigned hot_push_batch(struct page **pages, unsigned nr, enum frame_type type)
{
    uint64_t state = port_irq_save();
    struct hot_list *hot = hot_here(type);
    unsigned pushed = 0;

    if (hot_enter(hot)) {
        uint64_t count = hot_count(hot);

        pushed = (unsigned)min_of((uint64_t)nr, HOT_CAPACITY - count);
        memcpy(hot->pages + count, pages, pushed * sizeof(pages[0]));
        store_relaxed(&hot->nr, count + pushed);
        hot_leave(hot);
    }
    port_irq_restore(state);
    return pushed;
}

void hot_push_slow(struct page *page)
{
    uint64_t state = port_irq_save();
    struct hot_list *hot = hot_here(hot_type(page));
    struct page *cold[HOT_BATCH];
    unsigned nr = 0;

    if (hot_enter(hot)) {
        nr = take_cold(hot, cold, HOT_BATCH);
        hot_leave(hot);
    }
    port_irq_restore(state);
    hot_return_frames(cold, nr);
    if (!hot_push(page)) {
        hot_return_frames(&page, 1);
    }
}

void hot_forget_all(void)
{
    for (unsigned i = 0; i < NR_LISTS; i++) {
        store_relaxed(&list_number(i)->nr, 0);
    }
}

static void drain(struct hot_list *hot)
{
    struct page *pages[HOT_CAPACITY];
    uint64_t state;
    unsigned nr;

    if (hot_count(hot) == 0) {
        return;
    }
    state = port_irq_save();
    /* Held for a few dozen instructions with interrupts off: this wait is short. */
    while (!hot_enter(hot)) {
        port_relax();
    }
    nr = take_cold(hot, pages, HOT_CAPACITY);
    hot_leave(hot);
    port_irq_restore(state);
    hot_return_frames(pages, nr);
}

void frames_drain_hot(void)
{
    hot_run_drain_all();
    for (unsigned i = 0; i < NR_LISTS; i++) {
        drain(list_number(i));
    }
}

void frames_drain_hot_here(void)
{
    hot_run_drain_here();
    for (unsigned type = 0; type < HOT_NR_TYPES; type++) {
        drain(hot_here((enum frame_type)type));
    }
}
