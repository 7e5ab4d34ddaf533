// SPDX-License-Identifier: MIT
/* Large pages of user memory: one leaf of level 1 where a table of 512 entries would stand.
 *
 *     level 1    | table | LEAF  | empty | …              spare tables: one for each leaf
 *                    |      \
 *     level 0    | e | e | …  2 MiB of memory side by side
 *
 * The leaf maps what the 512 entries would map, with the rights that all of them would have, so it
 * can be cut into them at any moment (split), and is whenever somebody wants to change a part of it:
 * that is why mm's code for single pages needs to know nothing of it. A split must not fail. So a
 * leaf is only set by someone who brings a table along, which is kept: any spare table is as good as
 * any other, so it is their number that counts.
 *
 * A leaf is set only where nothing stands. A table that was ever linked stays until the whole tree
 * goes, since others keep pointers into it (struct pte_slot), and looked at it without a lock. A leaf
 * that is cleared as a whole leaves nothing, and may come again.
 *
 * Harts may go on using a leaf's translation after a split: it is the same. When an entry is changed
 * afterwards, the flush of that page's address makes them forget the leaf, too. Accessed and dirty
 * bits are set from the start, so the hardware changes nothing in a leaf.
 *
 * Locks: the page-table lock; where nothing stands, pagetable_prepare() may set a table without it,
 * so a leaf is set by compare-and-swap.
 *
 * Source: RISC-V Privileged Architecture, 4.3.1 (any level may be a leaf); the deposit of tables is
 * Linux's. */
#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/pagetable_internal.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "mm/frames.h"
#include "mm/vmstat.h"

static void push_spare(struct pagetable *table, uint64_t *spare)
{
    spare[0] = table->spare_tables.addr;
    table->spare_tables = virt_to_phys(spare);
    atomic_fetch_add_explicit(&table->nr_tables, 1, memory_order_relaxed);
}

static uint64_t *pop_spare(struct pagetable *table)
{
    uint64_t *spare = phys_to_virt(table->spare_tables);

    assert(table->spare_tables.addr != 0);
    table->spare_tables = phys(spare[0]);
    spare[0] = 0;
    return spare;
}

void pagetable_split(struct pagetable *table, pt_entry_t *upper)
{
    uint64_t leaf = load_relaxed(upper);
    uint64_t *entries = pop_spare(table);

    for (uint64_t i = 0; i < PT_ENTRIES; i++) {
        entries[i] = leaf + (i << PTE_FRAME_SHIFT);
    }
    /* Release: who sees the table sees its entries. */
    store_release(upper, pte_make(virt_to_phys(entries), PTE_VALID));
    vm_count_many(VM_NR_ANON_THPS, -1);
    vm_count(VM_THP_SPLIT_PMD);
}

pt_entry_t *pagetable_find_upper(struct pagetable *table, uint64_t address)
{
    pt_entry_t *entries = phys_to_virt(table->root);
    uint64_t entry = load_dependent(&entries[pt_index(address, 2)]);

    if (!pte_is_table(entry)) {
        return NULL;
    }
    entries = phys_to_virt(pte_frame(entry));
    return &entries[pt_index(address, 1)];
}

struct pte pagetable_get_large(struct pagetable *table, uint64_t address)
{
    pt_entry_t *upper = pagetable_find_upper(table, address);
    uint64_t entry = upper != NULL ? load_relaxed(upper) : 0;

    return pte_decode(pte_is_leaf(entry) ? entry : 0);
}

bool pagetable_is_vacant(struct pagetable *table, uint64_t address)
{
    pt_entry_t *upper = pagetable_find_upper(table, address);

    return upper == NULL || load_relaxed(upper) == 0;
}

int pagetable_prepare_large(struct pagetable *table, uint64_t address, enum alloc_flags flags,
                            struct large_slot *slot)
{
    pt_entry_t *entries = phys_to_virt(table->root);
    pt_entry_t *root_entry = &entries[pt_index(address, 2)];

    if (!pte_is_table(load_dependent(root_entry)) &&
        pagetable_add_table(table, root_entry, flags) == 0) {
        return -ENOMEM;
    }
    slot->entry = pagetable_find_upper(table, address);
    slot->spare = pagetable_alloc_table(flags);
    return slot->spare != NULL ? 0 : -ENOMEM;
}

void pagetable_end_large(struct large_slot *slot)
{
    if (slot->spare != NULL) {
        pagetable_free_table(virt_to_phys(slot->spare));
    }
}

bool pagetable_set_large(struct pagetable *table, struct large_slot *slot, phys_t frame,
                         uint32_t flags)
{
    uint64_t empty = 0;

    assert(frame.addr % PAGETABLE_SPAN_BYTES == 0 && (flags & PTE_RIGHTS) != 0);
    if (!atomic_compare_exchange_strong_explicit(
            slot->entry, &empty,
            pte_encode(frame, flags | PTE_FLAG_ACCESSED |
                                  ((flags & PTE_FLAG_WRITE) != 0 ? PTE_FLAG_DIRTY : 0)),
            memory_order_release, memory_order_relaxed)) {
        return false;
    }
    push_spare(table, slot->spare);
    slot->spare = NULL;
    vm_count(VM_NR_ANON_THPS);
    return true;
}

bool pagetable_clear_large(struct pagetable *table, uint64_t address, uint64_t end, uint64_t *found,
                           struct pte *pte)
{
    address = align_up(address, PAGETABLE_SPAN_BYTES);
    while (address < end && end - address >= PAGETABLE_SPAN_BYTES) {
        pt_entry_t *upper = pagetable_find_upper(table, address);

        if (upper == NULL) {
            address = align_down(address, pt_level_size(2)) + pt_level_size(2);
            continue;
        }
        if (pte_is_leaf(load_relaxed(upper))) {
            *pte = pte_decode(atomic_exchange_explicit(upper, 0, memory_order_acq_rel));
            *found = address;
            pagetable_free_table(virt_to_phys(pop_spare(table)));
            atomic_fetch_sub_explicit(&table->nr_tables, 1, memory_order_relaxed);
            vm_count_many(VM_NR_ANON_THPS, -1);
            return true;
        }
        address += PAGETABLE_SPAN_BYTES;
    }
    return false;
}
