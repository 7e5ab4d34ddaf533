// SPDX-License-Identifier: MIT
/* What the files of the address-space code share among themselves. */
#ifndef CAIRN_MM_SPACE_INTERNAL_H
#define CAIRN_MM_SPACE_INTERNAL_H

#include "mm/anon.h"
#include "mm/space.h"
#include "mm/vmstat.h"

/* Entries handled for each hold of a page-table lock: bounds both the hold and the kernel stack. */
#define SPACE_BATCH 32u

/* ---- area.c: the tree of areas. Callers hold space->lock, for writing where they change it. -- */

/** The area that contains the address, or else the first one above it; NULL if there is none. */
struct area *area_find(struct space *space, uint64_t address);
struct area *area_next(struct area *area);
struct area *area_prev(struct area *area);
/** Whether the area contains the address; area may be NULL. */
static inline bool area_contains(const struct area *area, uint64_t address)
{
    return area != NULL && area->start <= address && address < area->end;
}

/** A new area with references to object and file taken; in no tree yet. NULL when memory is short. Whether the
 *  process may have it is the caller's to ask (space_may_add_area()). */
struct area *must_check area_new(struct space *space, uint64_t start, uint64_t end, uint32_t flags,
                                 struct map_object *object, uint64_t object_index, void *file);
/** A new area that will show at [start, end) what `from` shows from `skipped_bytes` on: the same
 *  object, file and family. Otherwise as area_new(). Caller: from's space->lock for writing. */
struct area *must_check area_new_like(const struct area *from, uint64_t skipped_bytes,
                                      struct space *space, uint64_t start, uint64_t end);
/** Put it into the tree, and on the lists of its object and its family. With AREA_ACCOUNT its pages
 *  have been charged (space_charge): the charge is the area's from now on. */
void area_insert(struct area *area);
/** Drop an area that is in no tree: at space_write_unlock(), since dropping its file may take
 *  file-system locks, which come before space->lock. */
void area_discard(struct area *area);
/** Take it out of both and discard it; its charge ends. Its pages are unmapped already. */
void area_destroy(struct area *area);
/** Make `address` a boundary: an area that spans it becomes two. Returns 0 or -ENOMEM: no memory, or the process has
 *  as many areas as it may have. The second one doesn't ask for that. */
int must_check area_split(struct space *space, uint64_t address);
int must_check area_split_always(struct space *space, uint64_t address);
/** Join the area with its neighbours where they continue each other. Returns the area that now has
 *  its place. */
struct area *area_merge(struct area *area);
/** Change its flags, and what the space counts by them. Caller: space->lock for writing. */
void area_set_flags(struct area *area, uint32_t flags);
/** Change an area's bounds; object_index follows start. What it gains must have been charged
 *  (space_charge), what it loses be uncharged by the caller. */
void area_resize(struct area *area, uint64_t start, uint64_t end);
/** Keep everybody away who comes to the area's pages from its object or family. May sleep. */
void area_lock_lists(struct area *area);
void area_unlock_lists(struct area *area);
static inline uint64_t area_nr_pages(const struct area *area)
{
    return (area->end - area->start) >> PAGE_SHIFT;
}
/** Whether such an area's pages are a process's data, which RLIMIT_DATA bounds: not its stacks. */
static inline bool area_is_data(uint32_t flags)
{
    return (flags & (AREA_WRITE | AREA_SHARED | AREA_GROWS_DOWN)) == AREA_WRITE;
}
/** Whether they are a promise that the account of commit.c must know of. */
static inline bool area_is_accountable(uint32_t flags)
{
    return (flags & (AREA_WRITE | AREA_SHARED | AREA_NO_RESERVE)) == AREA_WRITE;
}
/** Page of the object that an address of the area shows. */
static inline uint64_t area_index(const struct area *area, uint64_t address)
{
    return area->object_index + ((address - area->start) >> PAGE_SHIFT);
}
/** Release space->lock after writing, then drop what discarded areas held. Every write hold ends
 *  with this. */
void space_write_unlock(struct space *space);

/* ---- area_room.c; callers hold space->lock, for writing where they change the tree -------------- */

/** Kept free below what may grow downwards, so that it does not run into its neighbour unseen: when
 *  something is placed below it, and when it grows towards something. */
#define STACK_GAP_BYTES (256 * PAGE_SIZE)
/** Never handed out: a null pointer with an offset must fault. */
#define LOWEST_BYTES    (16 * PAGE_SIZE)

/** The span of the subtree at the node, from itself and its children: space->areas' augment. */
void area_sum_up(struct rb_node *node);
/** Whether that is what the area has noted. For checks. */
bool area_is_summed_up(const struct area *area);
/** Room for len_bytes below space->mmap_top, as high as possible. Returns 0 when there is none. */
uint64_t area_find_room(struct space *space, uint64_t len_bytes);

/* ---- advise.c; callers hold space->lock --------------------------------------------------------- */

/** Whether areas cover [start, end) without a gap: 0 or -ENOMEM. */
int must_check space_check_covered(struct space *space, uint64_t start, uint64_t end);

/* ---- unmap.c --------------------------------------------------------------------------------- */

enum unmap_what {
    UNMAP_ALL,
    UNMAP_OBJECT_PAGES, /* leave private copies */
};

/** Clear page-table entries of [start, end), make every hart forget them, drop the pages'
 *  references.
 *  Context: may sleep. */
void space_unmap_pages(struct space *space, uint64_t start, uint64_t end, enum unmap_what what);

/** Pages are about to be taken: note how many are resident. Context: any. */
void space_note_peak(struct space *space);

/** Account for a page that an entry begins (+1) or ceases (-1) to map. */
static inline void space_count_page(struct space *space, struct page *page, int change)
{
    _Atomic uint64_t *counter = page->kind == PAGE_CACHE ? &space->nr_object_pages
                                                         : &space->nr_anon_pages;

    if (page->kind == PAGE_CACHE) {
        uint32_t before = atomic_fetch_add_explicit(&page->maps, (uint32_t)change,
                                                    memory_order_relaxed);

        if (before == 0 || before + (uint32_t)change == 0) { /* the first mapping, or the last */
            vm_count_many(VM_NR_MAPPED, change);
        }
    }
    atomic_fetch_add_explicit(counter, (uint64_t)(int64_t)change, memory_order_relaxed);
}

static_assert(AREA_READ << 1 == PTE_FLAG_READ && AREA_WRITE << 1 == PTE_FLAG_WRITE &&
                  AREA_EXEC << 1 == PTE_FLAG_EXEC,
              "an area's rights are those of its entries, a bit further up");

/** Flags of the page-table entries of an area, for a page that may (not) be written. */
static inline uint64_t area_pte_flags(const struct area *area, bool is_writable)
{
    uint64_t rights = (area->flags & (AREA_READ | AREA_WRITE | AREA_EXEC)) << 1;

    if ((rights & PTE_FLAG_WRITE) != 0) {
        rights |= is_writable ? PTE_FLAG_READ | PTE_FLAG_DIRTY : PTE_FLAG_READ;
    }
    return (is_writable ? rights : rights & ~(uint64_t)PTE_FLAG_WRITE) | PTE_FLAG_USER |
           PTE_FLAG_ACCESSED;
}

/* ---- space_limits.c; callers hold space->lock for writing -------------------------------------- */

/** Whether the process may have nr_pages more, of an area with such flags.
 *  @nr_replaced: pages of the space that go for them, at most as many
 *  Returns 0, -EAGAIN (RLIMIT_MEMLOCK) or -ENOMEM (RLIMIT_AS, RLIMIT_DATA). */
int must_check space_check_limits(struct space *space, uint64_t nr_pages, uint64_t nr_replaced,
                                  uint32_t flags);

/** The same without replacing, and then a charge to the account if the flags have AREA_ACCOUNT.
 *  Returns 0, -EAGAIN or -ENOMEM. */
int must_check space_charge(struct space *space, uint64_t nr_pages, uint32_t flags);
void space_uncharge(uint64_t nr_pages, uint32_t flags);

/** Whether the process may have one area more. */
bool space_may_add_area(const struct space *space);
/** Whether nr_pages of what is mapped may become data: by RLIMIT_DATA. */
bool space_may_add_data(struct space *space, uint64_t nr_pages);
/** Whether nr_pages more may be locked into memory: by RLIMIT_MEMLOCK, or by privilege. */
bool space_may_lock(struct space *space, uint64_t nr_pages);

/* ---- mlock.c --------------------------------------------------------------------------------- */

/** Fault in those parts of [start, end) that are locked, but not only on fault. Returns 0, or the first
 *  error after having gone on. Caller: not space->lock. */
int must_check space_bring_in_locked(struct space *space, uint64_t start, uint64_t end);

/* ---- space.c --------------------------------------------------------------------------------- */

static inline bool space_is_user_range(uint64_t start, uint64_t len_bytes)
{
    return len_bytes <= USER_END && start <= USER_END - len_bytes;
}

/** Remove what is mapped in [start, end). Returns 0, or -ENOMEM with nothing changed. Caller:
 *  space->lock for writing. */
int must_check space_remove_range(struct space *space, uint64_t start, uint64_t end);

/** Extend the stack area above the address down to it. Returns 0 or -EFAULT. Takes space->lock. */
int must_check space_grow_stack(struct space *space, uint64_t address);

/* ---- fault.c --------------------------------------------------------------------------------- */

/** Whether it is the frame of zeros that untouched anonymous memory shows to readers; not
 *  reference-counted. Context: any. */
bool is_zero_page(const struct page *page);

#endif
