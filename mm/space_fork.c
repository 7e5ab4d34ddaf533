// SPDX-License-Identifier: MIT
/* Copying an address space for fork, without copying its memory.
 *
 * The child gets areas like the parent's, and its page tables refer to the same anonymous pages.
 * Both sides lose the right to write to them; the first store on either side faults and makes a
 * copy, or finds itself the last holder and takes the page over (fault.c). Pages of objects are not
 * entered in the child at all: they are in the cache, and a fault brings them back for less than it
 * costs to copy entries that the coming execve throws away. The child's areas join the parent's
 * families (anon.c), so that who starts from a page finds both sides. What madvise(2) has marked is
 * left out (AREA_DONT_FORK), or comes empty (AREA_WIPE_ON_FORK).
 *
 * Entries are copied table by table, a stretch under one hold of both page-table locks, the parent's
 * and then the child's. The child's table is made before, without them, once there is something to
 * put into it. One flush at the end makes the parent's harts forget their writable translations;
 * until then a store may still hit a shared page, which is as if it had come before. */
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "mm/commit.h"
#include "mm/space_internal.h"
#include "mm/swap.h"

/* Entries looked at in one hold of the locks: a few microseconds' work. */
#define STRETCH 128u

/* Share the entry's page if it is an anonymous one: the cache's pages, and the page of zeros, fault
 * back in. Caller: both table_locks. */
static inline bool share_entry(struct space *child, struct pte_slot from, struct pte_slot to)
{
    struct pte pte = pte_slot_get(from);
    struct page *page;

    if (unlikely(pte.is_swapped)) {
        swap_slot_get(pte_swap_slot(pte));
        pte_slot_set_swapped(to, pte_swap_slot(pte));
        swap_count_entry(child, 1);
    }
    if (!pte.is_present) {
        return false;
    }
    page = page_from_phys(pte.frame);
    if (page->kind != PAGE_ANON) {
        return false;
    }
    if ((pte.flags & PTE_FLAG_WRITE) != 0) {
        pte_slot_reduce(from, PTE_FLAG_WRITE | PTE_FLAG_DIRTY);
    }
    page_get(page);
    pte_slot_set(to, pte.frame, pte.flags & ~(uint32_t)(PTE_FLAG_WRITE | PTE_FLAG_DIRTY));
    return true;
}

static void share_stretch(struct space *parent, struct space *child, struct pte_slot from,
                          struct pte_slot to, unsigned nr)
{
    unsigned nr_shared = 0;

    spin_lock(&parent->table_lock);
    spin_lock_nested(&child->table_lock); /* nobody holds a child's and wants a parent's */
    for (unsigned i = 0; i < nr; i++) {
        nr_shared += share_entry(child, pte_slot_plus(from, i), pte_slot_plus(to, i));
    }
    spin_unlock(&child->table_lock);
    spin_unlock(&parent->table_lock);
    atomic_fetch_add_explicit(&child->nr_anon_pages, nr_shared, memory_order_relaxed);
}

/* The first entry that is not empty. Caller: the parent's table_lock, since who moves a page clears its
 * entry for a moment. */
static unsigned first_used(struct pte_slot slot, unsigned nr)
{
    unsigned i = 0;

    while (i < nr && load_relaxed(&slot.entry[i]) == 0) {
        i++;
    }
    return i;
}

/* Caller: the parent's lock for writing. */
static int share_pages(struct space *parent, struct space *child, const struct area *area)
{
    uint64_t at = area->start;

    for (;;) {
        struct pte_slot from = {0}, to;
        unsigned nr, skipped;
        int error;

        spin_lock(&parent->table_lock);
        nr = pagetable_next_run(&parent->table, &at, area->end, &from);
        skipped = first_used(from, nr);
        spin_unlock(&parent->table_lock);
        if (nr == 0) {
            return 0;
        }
        if (skipped != nr) {
            nr = min_of(nr, skipped + STRETCH);
            error = pagetable_prepare(&child->table, at, ALLOC_KERNEL, &to);
            if (error != 0) {
                return error;
            }
            share_stretch(parent, child, pte_slot_plus(from, skipped), pte_slot_plus(to, skipped),
                          nr - skipped);
        }
        at += (uint64_t)nr << PAGE_SHIFT;
    }
}

static int fork_area(struct space *parent, struct space *child, struct area *area)
{
    uint64_t nr_promised = (area->flags & AREA_ACCOUNT) != 0 ? area_nr_pages(area) : 0;
    struct area *copy;

    if (nr_promised != 0 && commit_charge(nr_promised) != 0) {
        return -ENOMEM;
    }
    copy = area_new_like(area, 0, child, area->start, area->end);
    if (copy == NULL) {
        commit_uncharge(nr_promised);
        return -ENOMEM;
    }
    copy->flags &= ~(uint32_t)AREA_LOCK_FLAGS; /* locks are not inherited */
    if ((copy->flags & AREA_WIPE_ON_FORK) != 0) {
        store_relaxed(&copy->family, NULL); /* it has no pages yet */
    }
    area_insert(copy);
    return load_relaxed(&copy->family) == NULL ? 0 : share_pages(parent, child, area);
}

static void copy_layout(struct space *child, const struct space *parent)
{
    child->brk_start = parent->brk_start;
    child->brk_end = parent->brk_end;
    child->mmap_top = parent->mmap_top;
    child->stack_top = parent->stack_top;
    child->start_stack = parent->start_stack;
    child->arg_start = parent->arg_start;
    child->arg_end = parent->arg_end;
    child->env_start = parent->env_start;
    child->env_end = parent->env_end;
    child->limit_address_space_bytes = parent->limit_address_space_bytes;
    child->limit_stack_bytes = parent->limit_stack_bytes;
    child->limit_data_bytes = parent->limit_data_bytes;
    child->limit_locked_bytes = parent->limit_locked_bytes;
}

int space_fork(struct space *parent, struct space **out)
{
    struct space *child = space_create();
    struct area *area;
    int error = 0;

    if (child == NULL) {
        return -ENOMEM;
    }
    rwlock_write_lock(&parent->lock);
    rwlock_write_lock_nested(
        &child->lock); /* nobody else knows it; for the checks of the area functions */
    copy_layout(child, parent);
    rb_for_each (area, &parent->areas, node) {
        if ((area->flags & AREA_DONT_FORK) == 0 && error == 0) {
            error = fork_area(parent, child, area);
        }
    }
    space_write_unlock(child);
    pagetable_flush(&parent->table, 0, USER_END);
    space_write_unlock(parent);
    if (error != 0) {
        space_put(child);
        return error;
    }
    *out = child;
    return 0;
}
