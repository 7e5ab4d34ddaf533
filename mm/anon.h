// SPDX-License-Identifier: MIT
/* The reverse map of anonymous pages: from a frame to the page-table entries that map it. Who takes
 * such pages away from their holders, to swap them out or to move them, starts here. Theory in
 * anon.c. */
#ifndef CAIRN_MM_ANON_H
#define CAIRN_MM_ANON_H

#include "kernel/base/list.h"
#include "kernel/sync/mutex.h"
#include "mm/page.h"

struct area;

/* The areas whose anonymous pages may be the same: one area, what it was cut into, and its copies
 * in the children of its process. */
struct anon_family {
    struct mutex lock; /* LOCK_RANK_ANON */
    struct list areas; /* [lock] struct area, by their anon_node; a live family has one */
};

/** Before an area gets its first anonymous page: give it a family unless it has one by now, a
 *  neighbour's where the two could become one area. Every page of the area then notes family and
 *  index. Context: may sleep; the caller holds space->lock for reading at least.
 *  Returns 0 or -ENOMEM. */
int must_check anon_join(struct area *area);

/** For area.c: enter an area into the list of its family, or take it out; NULL families are
 *  ignored. anon_leave() returns the family if that was its last area, for anon_free(). Caller:
 *  space->lock for writing, family->lock. */
void anon_enter(struct area *area);
struct anon_family *must_check anon_leave(struct area *area);
/** Caller: not family->lock. */
void anon_free(struct anon_family *family);

/** Find who maps a frame. If it is an anonymous page that somebody maps: returns its family, locked,
 *  and has taken a reference to the page. Otherwise, or when the family's lock is taken (reclaim may
 *  run with any lock held), returns NULL. Any frame may be asked about at any time.
 *  Context: may sleep, but does not wait for the family's lock. */
struct anon_family *must_check anon_lock_page(struct page *page);

/** Undo it: unlocks the family, and drops the reference. */
void anon_unlock_page(struct anon_family *family, struct page *page);

/** Call visit for every area and address where page `index` of the family (page->anon.index) may be
 *  mapped; the entry there may hold something else, and is looked at under the page-table lock of
 *  area->space. A visit that returns false ends the walk. Spaces stay alive until the family is
 *  unlocked. Caller: family->lock. */
void anon_for_each(struct anon_family *family, uint64_t index,
                   bool (*visit)(struct area *area, uint64_t address, void *arg), void *arg);

/** How many page-table entries map the page. While it equals page_refs() less the caller's own
 *  references nobody else uses the page. Caller: anon_lock_page(). */
unsigned anon_count_entries(struct anon_family *family, struct page *page);

#endif
