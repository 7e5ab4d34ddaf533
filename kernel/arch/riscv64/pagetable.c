// SPDX-License-Identifier: MIT
/* The Sv39 tree of an address space: three levels of tables of 512 entries.
 *
 * Idea: the tables are a cache of what mm's areas say, so nothing here fails once the tables that
 * lead to an address exist, and that is a step of its own (pagetable_prepare), which a caller can
 * take before it holds locks. Tables of the user half are freed only with the whole tree: a
 * pointer into one stays good for as long as the caller's space does.
 *
 * Invariants: the upper half of every root equals the kernel's, entry for entry, from
 * pagetable_init() on. An entry of the user half is either zero, a table, a page (at level 0), or a
 * large page (at level 1: pagetable_large.c). A page that nobody may touch has its valid bit clear and
 * PTE_SOFT_NO_ACCESS set. A page that was swapped out leaves the number of its slot behind, in an
 * entry that is neither (PTE_SOFT_SWAP).
 *
 * Locks: the owner's page-table lock serialises writers. The hardware is a writer, too: it sets
 * accessed and dirty bits at any moment, so entries are exchanged, never cleared by a load and a
 * store. pagetable_prepare() may run without the lock: it publishes a table by compare-and-swap,
 * and the loser frees its own.
 *
 * No processor is needed here: this file is also the host's. asid.c holds what talks to the
 * hardware.
 * Source: RISC-V Privileged Architecture, 4.4. */
#include "kernel/arch/riscv64/pagetable_internal.h"

#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/string.h"
#include "mm/frames.h"
#include "mm/vmstat.h"

typedef pt_entry_t entry_t;

static entry_t *table_at(phys_t frame)
{
    return (entry_t *)phys_to_virt(frame);
}

uint64_t *pagetable_alloc_table(enum alloc_flags flags)
{
    struct page *page = frames_alloc(0, flags | ALLOC_ZERO);

    if (page == NULL) {
        return NULL;
    }
    page->kind = PAGE_TABLE;
    vm_count(VM_NR_TABLE_PAGES);
    return page_address(page);
}

void pagetable_free_table(phys_t frame)
{
    struct page *page = page_from_phys(frame);

    page->kind = PAGE_USED;
    vm_count_many(VM_NR_TABLE_PAGES, -1);
    frames_free(page, 0);
}

int pagetable_init(struct pagetable *table)
{
    uint64_t *root = pagetable_alloc_table(ALLOC_KERNEL);

    if (root == NULL) {
        return -ENOMEM;
    }
    memcpy(root + PT_USER_ENTRIES, pagetable_kernel_root() + PT_USER_ENTRIES,
           (PT_ENTRIES - PT_USER_ENTRIES) * sizeof(*root));
    table->root = virt_to_phys(root);
    table->spare_tables = phys(0);
    atomic_init(&table->nr_tables, 1);
    atomic_init(&table->asid, 0);
    atomic_init(&table->hart_mask, 0);
    atomic_init(&table->stale_mask, 0);
    return 0;
}

static void destroy_level(phys_t frame, int level, unsigned nr_entries)
{
    entry_t *entries = table_at(frame);

    for (unsigned i = 0; level > 0 && i < nr_entries; i++) {
        uint64_t entry = load_relaxed(&entries[i]);

        if (pte_is_table(entry)) {
            destroy_level(pte_frame(entry), level - 1, PT_ENTRIES);
        }
    }
    pagetable_free_table(frame);
}

void pagetable_destroy(struct pagetable *table)
{
    pagetable_forget(table);
    destroy_level(table->root, PT_LEVELS - 1, PT_USER_ENTRIES);
    table->root = phys(0);
}

uint64_t pagetable_add_table(struct pagetable *table, entry_t *slot, enum alloc_flags flags)
{
    uint64_t *new_table = pagetable_alloc_table(flags);
    uint64_t entry = 0;
    uint64_t new_entry;

    if (new_table == NULL) {
        return 0;
    }
    new_entry = pte_make(virt_to_phys(new_table), PTE_VALID);
    if (atomic_compare_exchange_strong_explicit(slot, &entry, new_entry, memory_order_acq_rel,
                                                memory_order_acquire)) {
        atomic_fetch_add_explicit(&table->nr_tables, 1, memory_order_relaxed);
        return new_entry;
    }
    pagetable_free_table(virt_to_phys(new_table)); /* another hart was faster */
    return entry;
}

static __attribute__((noinline)) int add_tables(struct pagetable *table, uint64_t address,
                                                enum alloc_flags flags, struct pte_slot *slot)
{
    entry_t *entries = table_at(table->root);

    for (int level = PT_LEVELS - 1; level > 0; level--) {
        entry_t *upper = &entries[pt_index(address, level)];
        uint64_t entry = load_dependent(upper);

        if (entry == 0) {
            entry = pagetable_add_table(table, upper, flags);
            if (entry == 0) {
                return -ENOMEM;
            }
        }
        if (pte_is_leaf(entry)) {
            slot->entry = NULL;
            return 0;
        }
        entries = pte_table(entry);
    }
    slot->entry = &entries[pt_index(address, 0)];
    return 0;
}

int pagetable_prepare(struct pagetable *table, uint64_t address, enum alloc_flags flags,
                      struct pte_slot *slot)
{
    entry_t *entry = pagetable_find(table, address).entry;

    if (unlikely(entry == NULL)) {
        return add_tables(table, address, flags, slot);
    }
    slot->entry = entry;
    return 0;
}

/* The entry of a single page for someone who changes it: a large page around it is split. */
static entry_t *find_single(struct pagetable *table, uint64_t address)
{
    entry_t *entry = pagetable_find(table, address).entry;
    entry_t *upper;

    if (unlikely(entry == NULL) && (upper = pagetable_find_upper(table, address)) != NULL &&
        pte_is_leaf(load_relaxed(upper))) {
        pagetable_split(table, upper);
        entry = pagetable_find(table, address).entry;
    }
    return entry;
}

void pagetable_set(struct pagetable *table, uint64_t address, phys_t frame, uint32_t flags)
{
    entry_t *entry = find_single(table, address);

    assert(entry != NULL);
    pte_slot_set((struct pte_slot){entry}, frame, flags);
}

struct pte pagetable_get(struct pagetable *table, uint64_t address)
{
    entry_t *entry = pagetable_find(table, address).entry;
    struct pte pte;

    if (likely(entry != NULL)) {
        return pte_decode(load_relaxed(entry));
    }
    pte = pagetable_get_large(table, address);
    pte.frame.addr += align_down(address & (PAGETABLE_SPAN_BYTES - 1), PAGE_SIZE);
    return pte;
}

struct pte pagetable_clear(struct pagetable *table, uint64_t address)
{
    entry_t *entry = find_single(table, address);

    return entry != NULL ? pte_slot_clear((struct pte_slot){entry}) : pte_decode(0);
}

unsigned pagetable_next_run(struct pagetable *table, uint64_t *address, uint64_t end,
                            struct pte_slot *slot)
{
    uint64_t at = *address;

    while (at < end) {
        entry_t *entries = table_at(table->root);
        int level = PT_LEVELS - 1;
        uint64_t size, next;

        for (; level > 0; level--) {
            entry_t *upper = &entries[pt_index(at, level)];
            uint64_t entry = load_dependent(upper);

            if (unlikely(pte_is_leaf(entry))) {
                pagetable_split(table, upper);
                entry = load_relaxed(upper);
            }
            if (!pte_is_table(entry)) {
                break;
            }
            entries = pte_table(entry);
        }
        /* As far as one lowest-level table reaches, or a table of which there is none. */
        size = pt_level_size(max_of(level, 1));
        next = align_down(at, size) + size;
        if (level == 0) {
            *address = at;
            slot->entry = &entries[pt_index(at, 0)];
            return (unsigned)((min_of(next, end) - at + PAGE_SIZE - 1) >> PAGE_SHIFT);
        }
        at = next;
    }
    return 0;
}

void pagetable_walk(struct pagetable *table, uint64_t start, uint64_t end,
                    bool (*visit)(struct pte_slot slot, uint64_t address, struct pte pte,
                                  void *arg),
                    void *arg)
{
    uint64_t address = align_down(start, PAGE_SIZE);
    struct pte_slot slot;
    unsigned nr;

    while ((nr = pagetable_next_run(table, &address, end, &slot)) != 0) {
        for (; nr > 0; nr--, slot = pte_slot_plus(slot, 1), address += PAGE_SIZE) {
            struct pte pte = pte_slot_get(slot);

            if ((pte.is_present || pte.is_swapped) && !visit(slot, address, pte, arg)) {
                return;
            }
        }
    }
}
