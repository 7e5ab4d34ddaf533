// SPDX-License-Identifier: MIT
/* Copying an address space for fork, without copying its memory.
 *
 * The child gets areas like the parent's, and its page tables refer to the same anonymous pages.
 * Both sides lose the right to write to them; the first store on either side faults and makes a
 * copy, or finds itself the last holder and takes the page over (fault.c). Pages of objects are not
 * entered in the child at all: they are in the cache, and a fault brings them back for less than it
 * costs to copy entries that the coming execve throws away. The child's areas join the parent's
 * families (anon.c), so that who starts from a page finds both sides.
 *
 * The parent's entries are taken in batches: under its page-table lock the right to write goes
 * and references are taken; then, without that lock, since tables must be allocated, the child
 * gets them. One flush at the end makes the parent's harts forget their writable translations;
 * until then a store may still hit a shared page, which is as if it had come before. */
#include "kernel/abi/errno.h"
#include "mm/space_internal.h"

struct fork_batch {
    struct space *parent;
    uint64_t next;
    unsigned nr;
    struct {
        uint64_t address;
        struct page *page;
        uint32_t flags;
    } entries[SPACE_BATCH];
};

static bool share_entry(struct pte_slot slot, uint64_t address, struct pte pte, void *arg)
{
    struct fork_batch *batch = arg;
    struct page *page = page_from_phys(pte.frame);

    batch->next = address + PAGE_SIZE;
    if (page->kind != PAGE_ANON) {
        return true; /* the cache's, or the page of zeros */
    }
    if ((pte.flags & PTE_FLAG_WRITE) != 0) {
        pte.flags &= ~(uint32_t)(PTE_FLAG_WRITE | PTE_FLAG_DIRTY);
        pte_slot_reduce(slot, PTE_FLAG_WRITE | PTE_FLAG_DIRTY);
    }
    page_get(page);
    batch->entries[batch->nr].address = address;
    batch->entries[batch->nr].page = page;
    batch->entries[batch->nr].flags = pte.flags;
    batch->nr++;
    return batch->nr < SPACE_BATCH;
}

/* How many of the batch's entries from `first` on lie in one lowest-level table. */
static unsigned nr_in_one_table(const struct fork_batch *batch, unsigned first)
{
    uint64_t start = align_down(batch->entries[first].address, PAGETABLE_SPAN_BYTES);
    uint64_t end = start + PAGETABLE_SPAN_BYTES;
    unsigned nr = 1;

    while (first + nr < batch->nr && batch->entries[first + nr].address < end) {
        nr++;
    }
    return nr;
}

/* Enter what was collected into the child. On failure the rest of the batch's references are
 * dropped. */
static int enter_batch(struct space *child, struct fork_batch *batch)
{
    unsigned done = 0;

    while (done < batch->nr) {
        unsigned nr = nr_in_one_table(batch, done);
        uint64_t start = batch->entries[done].address;
        struct pte_slot slot;
        int error = pagetable_prepare(&child->table, start, ALLOC_KERNEL, &slot);

        if (error != 0) {
            for (; done < batch->nr; done++) {
                page_put(batch->entries[done].page);
            }
            return error;
        }
        spin_lock(&child->table_lock);
        for (unsigned i = done; i < done + nr; i++) {
            uint64_t offset = (batch->entries[i].address - start) >> PAGE_SHIFT;

            pte_slot_set((struct pte_slot){slot.entry + offset},
                         page_to_phys(batch->entries[i].page), batch->entries[i].flags);
        }
        spin_unlock(&child->table_lock);
        atomic_fetch_add_explicit(&child->nr_anon_pages, nr, memory_order_relaxed);
        done += nr;
    }
    return 0;
}

static int share_pages(struct space *parent, struct space *child, const struct area *area)
{
    struct fork_batch batch = {.parent = parent, .next = area->start};
    int error = 0;

    while (error == 0 && batch.next < area->end) {
        uint64_t from = batch.next;

        batch.nr = 0;
        batch.next = area->end;
        spin_lock(&parent->table_lock);
        pagetable_walk(&parent->table, from, area->end, share_entry, &batch);
        spin_unlock(&parent->table_lock);
        if (batch.nr < SPACE_BATCH) {
            batch.next = area->end;
        }
        error = enter_batch(child, &batch);
    }
    return error;
}

static int fork_area(struct space *parent, struct space *child, struct area *area)
{
    struct area *copy = area_new_like(area, 0, child, area->start, area->end);

    if (copy == NULL) {
        return -ENOMEM;
    }
    area_insert(copy);
    return (area->flags & AREA_SHARED) != 0 ? 0 : share_pages(parent, child, area);
}

static void copy_layout(struct space *child, const struct space *parent)
{
    child->brk_start = parent->brk_start;
    child->brk_end = parent->brk_end;
    child->mmap_top = parent->mmap_top;
    child->stack_top = parent->stack_top;
    child->arg_start = parent->arg_start;
    child->arg_end = parent->arg_end;
    child->env_start = parent->env_start;
    child->env_end = parent->env_end;
    child->limit_address_space_bytes = parent->limit_address_space_bytes;
    child->limit_stack_bytes = parent->limit_stack_bytes;
    child->limit_data_bytes = parent->limit_data_bytes;
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
