// SPDX-License-Identifier: MIT
/* mprotect(2): other rights for what is mapped.
 *
 * The areas of the range are cut out (area_split), each gets its rights, and neighbours that continue
 * each other are joined again. Present entries are given the new rights at once, those that are taken
 * away before anybody learns that the call has ended: one flush follows.
 *
 * Private memory that becomes writable is data, and a promise (space_limits.c, commit.c): its pages
 * may have to be copied now. What may fail comes before what shows: the range is checked and charged
 * as a whole, then cut, and then nothing fails. The promise does not end when the right is taken away
 * again, since copies may be there; but where no page ever was, it does.
 *
 * Locks: space->lock for writing; table_lock around entries. */
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "mm/commit.h"
#include "mm/space_internal.h"

#define AREA_RIGHTS (AREA_READ | AREA_WRITE | AREA_EXEC)

/* Give present entries the new rights. Writing is never added here: the next store faults, and the
 * fault knows whether the page must be copied first or made writable. An accessed or dirty mark that
 * the hardware sets meanwhile may be lost, which nobody looks at; an entry that it has in hand is not
 * brought back, for it compares before it stores. Caller: table_lock. */
static void protect_entries(struct pte_slot slot, unsigned nr, uint32_t flags, uint32_t kept)
{
    for (unsigned i = 0; i < nr; i++) {
        struct pte_slot here = pte_slot_plus(slot, i);
        struct pte pte = pte_slot_get(here);

        if (pte.is_present) {
            pte_slot_set(here, pte.frame, flags | (pte.flags & kept));
        }
    }
}

/* The area's flags with other rights. A promise is made where writing is added (protect_locked), and
 * ends where it is taken away and no page was ever private. */
static uint32_t flags_with(const struct area *area, uint32_t rights)
{
    uint32_t flags = (area->flags & ~(uint32_t)AREA_RIGHTS) | rights;

    if (area_is_accountable(flags)) {
        flags |= AREA_ACCOUNT;
    } else if (area->object == NULL && load_relaxed(&area->family) == NULL) {
        flags &= ~(uint32_t)AREA_ACCOUNT;
    }
    return flags;
}

static void protect_area(struct area *area, uint32_t rights)
{
    struct space *space = area->space;
    uint32_t flags = flags_with(area, rights);
    uint32_t kept = (rights & AREA_WRITE) != 0 ? PTE_FLAG_WRITE | PTE_FLAG_DIRTY : 0;
    uint64_t at = area->start;
    struct pte_slot slot = {0};
    unsigned nr;

    if ((flags & AREA_ACCOUNT) == 0) {
        space_uncharge(area_nr_pages(area), area->flags);
    }
    area_set_flags(area, flags);
    do {
        spin_lock(&space->table_lock);
        nr = pagetable_next_run(&space->table, &at, area->end, &slot);
        protect_entries(slot, nr, area_pte_flags(area, false), kept);
        spin_unlock(&space->table_lock);
        at += (uint64_t)nr << PAGE_SHIFT;
    } while (nr != 0);
    pagetable_flush(&space->table, area->start, area->end);
    if ((rights & AREA_EXEC) != 0) {
        pagetable_sync_icache(); /* code that was just written there as data */
    }
}

struct change { /* what a call would do to the counts */
    uint64_t nr_data, nr_charged;
};

/* Whether areas cover the range without a gap, and all may get the rights. */
static int check_protect(struct space *space, uint64_t start, uint64_t end, uint32_t rights,
                         struct change *change)
{
    for (struct area *area = area_find(space, start); start < end; area = area_next(area)) {
        uint64_t nr_pages;
        uint32_t flags;

        if (!area_contains(area, start)) {
            return -ENOMEM;
        }
        flags = flags_with(area, rights);
        if ((flags & AREA_WRITE) != 0 && (flags & AREA_SHARED) != 0 &&
            (flags & AREA_MAY_WRITE) == 0) {
            return -EACCES;
        }
        if ((flags & AREA_EXEC) != 0 && (flags & AREA_NEVER_EXEC) != 0) {
            return -EACCES;
        }
        nr_pages = (min_of(area->end, end) - start) >> PAGE_SHIFT;
        change->nr_data += area_is_data(flags) && !area_is_data(area->flags) ? nr_pages : 0;
        change->nr_charged += (flags & ~area->flags & AREA_ACCOUNT) != 0 ? nr_pages : 0;
        start = area->end;
    }
    return 0;
}

static int cut_out(struct space *space, uint64_t start, uint64_t end)
{
    int error = area_split(space, start);

    return error != 0 ? error : area_split(space, end);
}

static int protect_locked(struct space *space, uint64_t start, uint64_t end, uint32_t rights)
{
    struct change change = {0, 0};
    struct area *area;
    int error = check_protect(space, start, end, rights, &change);

    if (error == 0 && !space_may_add_data(space, change.nr_data)) {
        error = -ENOMEM;
    }
    if (error == 0 && change.nr_charged != 0) {
        error = commit_charge(change.nr_charged);
    }
    if (error != 0) {
        return error;
    }
    error = cut_out(space, start, end);
    if (error != 0) {
        commit_uncharge(change.nr_charged);
        return error;
    }
    area = area_find(space, start);
    while (area != NULL && area->start < end) {
        protect_area(area, rights);
        area = area_next(area_merge(area));
    }
    return 0;
}

/* The whole of a stack, however far down it has grown: *start is where it begins. */
static int find_stack(struct space *space, uint64_t *start, uint64_t end)
{
    struct area *area = area_find(space, *start);

    if (area == NULL || area->start >= end) {
        return -ENOMEM;
    }
    *start = area->start;
    return (area->flags & AREA_GROWS_DOWN) != 0 ? 0 : -EINVAL;
}

int space_protect(struct space *space, uint64_t address, uint64_t len_bytes, uint32_t flags)
{
    uint64_t end;
    int error = 0;

    if ((address & PAGE_MASK) != 0) {
        return -EINVAL;
    }
    if (len_bytes == 0) {
        return 0;
    }
    if (!space_is_user_range(address, len_bytes)) {
        return -ENOMEM;
    }
    end = align_up(address + len_bytes, PAGE_SIZE);
    rwlock_write_lock(&space->lock);
    if ((flags & AREA_GROWS_DOWN) != 0) {
        error = find_stack(space, &address, end);
    }
    if (error == 0) {
        error = protect_locked(space, address, end, flags & AREA_RIGHTS);
    }
    space_write_unlock(space);
    if (error == 0 && (flags & AREA_WRITE) != 0) { /* locked pages are copied now */
        (void)!space_bring_in_locked(space, address, end);
    }
    return error;
}
