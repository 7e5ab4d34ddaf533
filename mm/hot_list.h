// SPDX-License-Identifier: MIT
/* Hot lists: each hart's stack of free single frames. The theory stands in hot_list.c; the two
 * operations that every order-0 allocation and free makes are inline. */
#ifndef CAIRN_MM_HOT_LIST_H
#define CAIRN_MM_HOT_LIST_H

#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "mm/buddy.h"

#define HOT_CAPACITY 62u /* a list is 512 bytes then: its address is a shift away */
#define HOT_BATCH    32u

struct hot_list {
    _Alignas(64) _Atomic uint32_t busy; /* [a] 1: somebody is at it */
    _Atomic uint64_t nr;                /* [busy to write] */
    struct page *pages[HOT_CAPACITY];   /* [busy] the hottest last */
};

static_assert(sizeof(struct hot_list) == 512, "see HOT_CAPACITY");

/* Frames for what can be moved stay apart from the others here, too. */
#define HOT_NR_TYPES 2u

extern struct hot_list hot_lists[MAX_HARTS][HOT_NR_TYPES]; /* by enum frame_type */

/** Give frames of kind PAGE_HOT back to the buddies that they came from. Context: any. */
void hot_return_frames(struct page **pages, unsigned nr);

/** Put frames of kind PAGE_HOT, taken for the type, onto this hart's list, in this order. Returns how many
 *  it took: there may be no room for all, or another hart is draining the list. Context: any. */
unsigned must_check hot_push_batch(struct page **pages, unsigned nr, enum frame_type type);

/** hot_push() found no room: make some, and push again. Context: any. */
void hot_push_slow(struct page *page);

/** Empty the lists without a look at their frames: only for frames_init(). */
void hot_forget_all(void);

/** Frames in all lists. */
uint64_t hot_count_all(void);

static inline bool hot_enter(struct hot_list *hot)
{
    return atomic_exchange_explicit(&hot->busy, 1, memory_order_acquire) == 0;
}

static inline void hot_leave(struct hot_list *hot)
{
    store_release(&hot->busy, 0);
}

static inline uint64_t hot_count(const struct hot_list *hot)
{
    return load_relaxed(&hot->nr);
}

/* Which list a frame belongs to: that for which it was taken from its buddy. */
static inline enum frame_type hot_type(const struct page *page)
{
    return (page->order & PAGE_ORDER_MOVABLE) != 0 ? FRAMES_MOVABLE : FRAMES_UNMOVABLE;
}

/* This hart's list of the type. By bytes, since GCC would work out the address of an array's element
 * anew for each of its fields. Interrupts are off. */
static inline struct hot_list *hot_here(enum frame_type type)
{
    uint64_t offset = (uint64_t)port_hart_id() * sizeof(hot_lists[0]) +
                      (uint64_t)type * sizeof(struct hot_list);

    return (struct hot_list *)((char *)hot_lists + offset);
}

/** The hottest frame of this hart's list of the type, or NULL when there is none, or another hart is draining
 *  it. Context: any. */
static inline struct page *hot_pop(enum frame_type type)
{
    uint64_t state = port_irq_save();
    struct hot_list *hot = hot_here(type);
    struct page *page = NULL;

    if (likely(hot_enter(hot))) {
        uint64_t nr = hot_count(hot);
        if (likely(nr != 0)) {
            page = hot->pages[nr - 1];
            store_relaxed(&hot->nr, nr - 1);
        }
        hot_leave(hot);
    }
    port_irq_restore(state);
    return page;
}

/** Put a frame, whose kind is PAGE_HOT, onto this hart's list. Returns false when there is no room,
 *  or another hart is draining it. Context: any. */
static inline bool hot_push(struct page *page)
{
    uint64_t state = port_irq_save();
    struct hot_list *hot = hot_here(hot_type(page));
    bool has_room = false;

    if (likely(hot_enter(hot))) {
        uint64_t nr = hot_count(hot);
        has_room = nr < HOT_CAPACITY;
        if (likely(has_room)) {
            hot->pages[nr] = page;
            store_relaxed(&hot->nr, nr + 1);
        }
        hot_leave(hot);
    }
    port_irq_restore(state);
    return has_room;
}

#endif
