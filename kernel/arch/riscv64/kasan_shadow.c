// SPDX-License-Identifier: MIT
/* Where the shadow of a KASAN build lies (what it means: mm/debug/kasan.c).
 *
 * The kernel's half is 256 GiB, so its shadow, a byte for eight, is 32 GiB of addresses, the 32
 * entries 448 to 479 of the root. Hardly any of that needs memory:
 *
 *     shadow of       is
 *     RAM             memory of its own, in leaves of 2 MiB, each for 16 MiB of RAM
 *     the image       the same
 *     the window      pages of its own, each made when the first of its eight pages is mapped
 *     anything else   one page of zeroes, read-only, behind two tables that all entries share
 *
 * The compiler poisons stacks in any function, so there must be a shadow before the first one runs.
 * entry.S calls kasan_map_early(): there the one page serves everything, and is writable. What
 * stands in it is nonsense, and nobody looks until kasan_start(). This file is compiled without
 * instrumentation.
 *
 * Locks: none. The tables are made on one hart, but for the window's pages, which are published by
 * compare-and-swap, as kernel_map.c does with tables, and stay. No other hart is made to forget the
 * page of zeroes that was there: it knows of it only if it used an address of the window that was not
 * mapped, and that ended in a panic. */
#include "port/kasan.h"

#include <stdatomic.h>

#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/pagetable_internal.h"

#define TABLE     PTE_VALID
#define LEAF_R    (PTE_VALID | PTE_GLOBAL | PTE_ACCESSED | PTE_DIRTY | PTE_READ)
#define LEAF_RW   (LEAF_R | PTE_WRITE)
#define ROOT_SIZE pt_level_size(2)

static_assert(KASAN_OFFSET + (DIRECT_MAP_BASE >> 3) == KASAN_SHADOW_BASE,
              "the shadow begins with that of the kernel's half");

extern char _kernel_start[], _kernel_end[];

typedef _Atomic uint64_t table_t[PT_ENTRIES];

static _Alignas(4096) char shared_page[4096];
static _Alignas(4096) table_t shared_lower, shared_upper;

static inline uint64_t entry_for(const void *page, uint64_t bits)
{
    return pte_make(virt_to_phys(page), bits);
}

static void fill(_Atomic uint64_t *entries, unsigned nr, uint64_t entry)
{
    for (unsigned i = 0; i < nr; i++) {
        store_relaxed(&entries[i], entry);
    }
}

static void share_upper(_Atomic uint64_t *root)
{
    fill(&root[pt_index(KASAN_SHADOW_BASE, 2)], KASAN_SHADOW_SIZE / ROOT_SIZE,
         entry_for(shared_upper, TABLE));
}

void kasan_map_early(void)
{
    uint64_t satp;

    __asm__ volatile("csrr %0, satp" : "=r"(satp));
    fill(shared_lower, PT_ENTRIES, entry_for(shared_page, LEAF_RW));
    fill(shared_upper, PT_ENTRIES, entry_for(shared_lower, TABLE));
    share_upper(phys_to_virt(phys(satp << PAGE_SHIFT)));
    __asm__ volatile("sfence.vma" : : : "memory");
}

/* The table below an entry: if it is the shared one, a copy that is the entry's own. */
static _Atomic uint64_t *own_table(_Atomic uint64_t *slot, const table_t shared)
{
    uint64_t seen = load_acquire(slot);
    uint64_t *table;

    if (seen != entry_for(shared, TABLE)) {
        return phys_to_virt(pte_frame(seen));
    }
    table = pagetable_alloc_table(ALLOC_ATOMIC);
    if (table == NULL) {
        return NULL;
    }
    fill((_Atomic uint64_t *)table, PT_ENTRIES, load_relaxed(&shared[0]));
    if (!atomic_compare_exchange_strong_explicit(slot, &seen, entry_for(table, TABLE),
                                                 memory_order_acq_rel, memory_order_acquire)) {
        pagetable_free_table(virt_to_phys(table)); /* another hart was faster */
    }
    return phys_to_virt(pte_frame(load_acquire(slot)));
}

/* A shadow of its own for a range of addresses. */
static int own_range(_Atomic uint64_t *root, uint64_t start, uint64_t end)
{
    uint64_t at = align_down((uint64_t)kasan_shadow_of(start), pt_level_size(1));

    for (; at < (uint64_t)kasan_shadow_of(end - 1) + 1; at += pt_level_size(1)) {
        _Atomic uint64_t *upper = own_table(&root[pt_index(at, 2)], shared_upper);
        struct page *block;

        if (upper == NULL) {
            return -ENOMEM;
        }
        if (pte_is_leaf(load_relaxed(&upper[pt_index(at, 1)]))) {
            continue; /* a neighbouring range's */
        }
        block = frames_alloc(pt_level_shift(1) - PAGE_SHIFT, ALLOC_ATOMIC | ALLOC_ZERO);
        if (block == NULL) {
            return -ENOMEM;
        }
        store_relaxed(&upper[pt_index(at, 1)], pte_make(page_to_phys(block), LEAF_RW));
    }
    return 0;
}

int kasan_map_final(_Atomic uint64_t *root, const struct frame_range *ram, unsigned nr_ram)
{
    int error;

    share_upper(root);
    error = own_range(root, (uint64_t)_kernel_start, (uint64_t)_kernel_end);
    for (unsigned i = 0; i < nr_ram && error == 0; i++) {
        uint64_t end = min_of(ram[i].start.addr + ram[i].len_bytes, DIRECT_MAP_SIZE);

        if (ram[i].start.addr < end) {
            error = own_range(root, DIRECT_MAP_BASE + ram[i].start.addr, DIRECT_MAP_BASE + end);
        }
    }
    for (uint64_t at = (uint64_t)kasan_shadow_of(VMALLOC_BASE);
         error == 0 && at < (uint64_t)kasan_shadow_of(VMALLOC_BASE + VMALLOC_SIZE);
         at += ROOT_SIZE) {
        error = own_table(&root[pt_index(at, 2)], shared_upper) == NULL ? -ENOMEM : 0;
    }
    return error;
}

void kasan_seal(void)
{
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        ((volatile char *)shared_page)[i] = 0;
    }
    fill(shared_lower, PT_ENTRIES, entry_for(shared_page, LEAF_R));
    __asm__ volatile("sfence.vma" : : : "memory");
}

int kasan_map_window(uint64_t address)
{
    uint64_t at = align_down((uint64_t)kasan_shadow_of(address), PAGE_SIZE);
    _Atomic uint64_t *root = (_Atomic uint64_t *)(uintptr_t)pagetable_kernel_root();
    _Atomic uint64_t *upper = phys_to_virt(pte_frame(load_acquire(&root[pt_index(at, 2)])));
    _Atomic uint64_t *lower = own_table(&upper[pt_index(at, 1)], shared_lower);
    uint64_t shared = load_relaxed(&shared_lower[0]);
    _Atomic uint64_t *slot;
    uint64_t *page;

    if (lower == NULL) {
        return -ENOMEM;
    }
    slot = &lower[pt_index(at, 0)];
    if (load_acquire(slot) != shared) {
        return 0;
    }
    page = pagetable_alloc_table(ALLOC_ATOMIC);
    if (page == NULL) {
        return -ENOMEM;
    }
    if (!atomic_compare_exchange_strong_explicit(slot, &shared, entry_for(page, LEAF_RW),
                                                 memory_order_acq_rel, memory_order_acquire)) {
        pagetable_free_table(virt_to_phys(page));
    }
    __asm__ volatile("sfence.vma %0, zero" : : "r"(at) : "memory");
    return 0;
}
