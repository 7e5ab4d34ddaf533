// SPDX-License-Identifier: MIT
/* mremap(2): growing, shrinking and moving a mapping.
 *
 * Moving carries page-table entries over, not memory: they are taken out at the old place and entered
 * at the new one. The tables of the new place are prepared before anything is taken out, so that a
 * move either happens or leaves the mapping where it was. (What MREMAP_FIXED replaces is gone then, as
 * on Linux.)
 *
 * What a mapping gains is charged before (space_limits.c); what it had moves with it.
 *
 * One flush follows. Until then a thread may still go to the old place, and meets the page that it met
 * before; so nobody may take a page away at the new place in the meantime, knowing only that one. Who
 * takes pages away (truncation, writeback, swapping) comes from the object or the family: their locks
 * are held until the flush is done. */
#include "kernel/abi/errno.h"
#include "kernel/base/test_point.h"
#include "mm/space_internal.h"

static int prepare_tables(struct space *space, uint64_t start, uint64_t end)
{
    for (uint64_t address = start; address < end;
         address = align_down(address, PAGETABLE_SPAN_BYTES) + PAGETABLE_SPAN_BYTES) {
        struct pte_slot slot;
        int error = pagetable_prepare(&space->table, address, ALLOC_KERNEL, &slot);

        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* Move the entries of one run, of which those at the new place lie in one table, too. Caller:
 * table_lock. */
static void move_entries(struct pte_slot from, struct pte_slot to, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        struct pte pte = pte_slot_get(pte_slot_plus(from, i));

        if (pte.is_present) {
            pte = pte_slot_clear(pte_slot_plus(from, i));
            pte_slot_set(pte_slot_plus(to, i), pte.frame, pte.flags);
        } else if (pte.is_swapped) {
            (void)pte_slot_clear(pte_slot_plus(from, i));
            pte_slot_set_swapped(pte_slot_plus(to, i), pte_swap_slot(pte));
        }
    }
}

static void move_pages(struct space *space, uint64_t from, uint64_t to, uint64_t len)
{
    uint64_t at = from;
    unsigned nr;

    do {
        struct pte_slot source, target;

        spin_lock(&space->table_lock);
        nr = pagetable_next_run(&space->table, &at, from + len, &source);
        if (nr != 0) {
            uint64_t there = at - from + to;
            unsigned room = pagetable_next_run(&space->table, &there, to + len, &target);

            nr = min_of(nr, room); /* its tables were prepared: there is some */
            move_entries(source, target, nr);
        }
        spin_unlock(&space->table_lock);
        at += (uint64_t)nr << PAGE_SHIFT;
    } while (nr != 0);
    pagetable_flush(&space->table, from, from + len);
}

static bool is_free(struct space *space, uint64_t start, uint64_t end)
{
    struct area *area = area_find(space, start);

    return end <= USER_END && (area == NULL || area->start >= end);
}

/* Move [old, old + len) of one area, which is an area of its own by now, to `to`, where it
 * becomes new_len long. */
static int move_area(struct area *area, uint64_t to, uint64_t new_len)
{
    struct space *space = area->space;
    uint64_t len = area->end - area->start;
    struct area *copy;
    int error = prepare_tables(space, to, to + min_of(len, new_len));

    if (error != 0 || !space_may_add_area(space)) {
        return error != 0 ? error : -ENOMEM;
    }
    copy = area_new_like(area, 0, space, to, to + new_len);
    if (copy == NULL) {
        return -ENOMEM;
    }
    area_insert(copy);
    area_lock_lists(area);
    move_pages(space, area->start, to, min_of(len, new_len));
    area_unlock_lists(area);
    space_unmap_pages(space, area->start, area->end, UNMAP_ALL);
    area_set_flags(area, area->flags & ~(uint32_t)AREA_ACCOUNT); /* its charge is the copy's now */
    area_destroy(area);
    (void)area_merge(copy);
    return 0;
}

struct remap {
    uint64_t old, old_len, new_len;
    bool may_move, is_fixed;
    uint64_t fixed;
};

static bool is_remap_possible(const struct remap *remap)
{
    if (((remap->old | remap->fixed) & PAGE_MASK) != 0 || remap->new_len == 0 ||
        remap->old_len > USER_END || remap->new_len > USER_END ||
        remap->old > USER_END - remap->old_len) {
        return false;
    }
    return !remap->is_fixed || (remap->fixed != 0 && remap->fixed <= USER_END - remap->new_len &&
                                (remap->fixed >= remap->old + remap->old_len ||
                                 remap->old >= remap->fixed + remap->new_len));
}

static uint64_t nr_pages_grown(const struct remap *remap)
{
    return remap->new_len > remap->old_len ? (remap->new_len - remap->old_len) >> PAGE_SHIFT : 0;
}

/* Move what is mapped at the old place, which lies in one area, to another. */
static int move_range(struct space *space, const struct remap *remap, uint64_t *address)
{
    uint64_t to = remap->is_fixed ? remap->fixed : area_find_room(space, remap->new_len);
    int error;

    if (to == 0) {
        return -ENOMEM;
    }
    error = area_split(space, remap->old);
    if (error == 0) {
        error = area_split(space, remap->old + remap->old_len);
    }
    if (error == 0) {
        error = move_area(area_find(space, remap->old), to, remap->new_len);
    }
    if (error == 0) {
        *address = to;
    }
    return error;
}

/* With an old length of 0 nothing moves: what is shared there is shown at another place, too. */
static int duplicate(struct space *space, struct area *area, const struct remap *remap,
                     uint64_t *address)
{
    uint64_t skipped = remap->old - area->start;
    uint64_t to;
    struct area *copy;

    if ((area->flags & AREA_SHARED) == 0) {
        return -EINVAL;
    }
    if (!remap->may_move) {
        return -ENOMEM;
    }
    to = remap->is_fixed ? remap->fixed : area_find_room(space, remap->new_len);
    if (to == 0 || !space_may_add_area(space)) {
        return -ENOMEM;
    }
    copy = area_new_like(area, skipped, space, to, to + remap->new_len);
    if (copy == NULL) {
        return -ENOMEM;
    }
    if (remap->is_fixed) {
        int error = space_remove_range(space, to, to + remap->new_len);

        if (error != 0) {
            area_discard(copy);
            return error;
        }
    }
    area_insert(copy);
    (void)area_merge(copy);
    *address = to;
    return 0;
}

/* What the growth needs is charged. Returns 0 and the address; or an error, and the charge is still
 * the caller's. */
static int remap_charged(struct space *space, struct area *area, struct remap *remap,
                         uint64_t *address)
{
    uint64_t old_end = remap->old + remap->old_len;
    int error = 0;

    if (remap->is_fixed) { /* the target is replaced, as mmap(MAP_FIXED) would */
        error = space_remove_range(space, remap->fixed, remap->fixed + remap->new_len);
        TEST_POINT(TEST_REMAP_CLEARED, space);
    }
    if (error == 0 && remap->new_len < remap->old_len) {
        error = space_remove_range(space, remap->old + remap->new_len, old_end);
        remap->old_len = remap->new_len;
    }
    if (error != 0) {
        return error;
    }
    if (!remap->is_fixed && remap->new_len == remap->old_len) {
        *address = remap->old;
        return 0;
    }
    if (!remap->is_fixed && area->end == old_end &&
        is_free(space, old_end, remap->old + remap->new_len)) {
        area_resize(area, area->start, remap->old + remap->new_len);
        (void)area_merge(area);
        *address = remap->old;
        return 0;
    }
    return remap->may_move ? move_range(space, remap, address) : -ENOMEM;
}

/* All of it under one hold of the lock: between the making of room and the taking of it nobody
 * else may map there. */
static int remap_locked(struct space *space, struct remap *remap, uint64_t *address)
{
    struct area *area = area_find(space, remap->old);
    uint64_t nr_grown = nr_pages_grown(remap);
    bool only_shrinks = !remap->is_fixed && remap->new_len <= remap->old_len;
    uint32_t flags;
    int error = 0;

    /* What is cut off may be of several areas. */
    if (!area_contains(area, remap->old) ||
        (remap->old + remap->old_len > area->end && !only_shrinks)) {
        return -EFAULT;
    }
    flags = area->flags;
    if (nr_grown != 0) {
        error = space_charge(space, nr_grown, flags);
    }
    if (error != 0) {
        return error;
    }
    error = remap->old_len == 0 ? duplicate(space, area, remap, address)
                                : remap_charged(space, area, remap, address);
    if (error != 0) {
        space_uncharge(nr_grown, flags);
    }
    return error;
}

int space_remap(struct space *space, uint64_t old_address, uint64_t old_len, uint64_t new_len,
                bool may_move, bool is_fixed, uint64_t new_fixed, uint64_t *address)
{
    struct remap remap = {
        .old = old_address,
        .old_len = align_up(min_of(old_len, USER_END + 1), PAGE_SIZE),
        .new_len = align_up(min_of(new_len, USER_END + 1), PAGE_SIZE),
        .may_move = may_move,
        .is_fixed = is_fixed,
        .fixed = is_fixed ? new_fixed : 0,
    };
    int error;

    if (!is_remap_possible(&remap)) {
        return -EINVAL;
    }
    rwlock_write_lock(&space->lock);
    error = remap_locked(space, &remap, address);
    space_write_unlock(space);
    if (error == 0 && remap.new_len > remap.old_len) {
        (void)!space_bring_in_locked(space, *address + remap.old_len, *address + remap.new_len);
    }
    return error;
}
