// SPDX-License-Identifier: MIT
/* The kernel's half: built once, shared by all.
 *
 * Every root has the same upper 256 entries. They are complete from kernel_map_init() on (the
 * vmalloc window's 16 tables are made in advance), so a change below them is seen through every
 * root, and no root is ever touched again.
 *
 * The image is mapped by pages, for the rights of its parts end at page borders: text R-X, rodata
 * R--, data RW-, and the pages below the two boot stacks not at all. Its code and constants are
 * read-only through the direct map, too. Everything else of RAM is mapped with the largest leaves
 * that fit (1 GiB, 2 MiB, 4 KiB), RW-.
 *
 * Locks: none. An entry of the vmalloc window belongs to whoever owns the address, which is
 * mm/vmalloc.c's business; tables are published by compare-and-swap and never freed: the window is
 * reused, and a table serves 2 MiB of it. */
#include "kernel/arch/riscv64/kernel_map.h"

#include <stdatomic.h>

#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/asid.h"
#include "kernel/arch/riscv64/offsets.h"
#include "kernel/arch/riscv64/pagetable_internal.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "port/kasan.h"

#define LEAF      (PTE_VALID | PTE_GLOBAL | PTE_ACCESSED | PTE_DIRTY)
#define RIGHTS_R  (LEAF | PTE_READ)
#define RIGHTS_RW (LEAF | PTE_READ | PTE_WRITE)
#define RIGHTS_RX (LEAF | PTE_READ | PTE_EXEC)

extern char _text_start[], _text_end[], _rodata_start[], _rodata_end[], _data_start[],
    _kernel_end[];
extern char boot_stack[], emergency_stack[];

uint64_t kernel_image_offset; /* entry.S */
uint64_t kernel_satp;         /* entry.S: what secondary harts start with */

static _Atomic uint64_t *kernel_root; /* [I] after kernel_map_init */

const uint64_t *pagetable_kernel_root(void)
{
    return (const uint64_t *)kernel_root;
}

struct frame_range kernel_image_range(void)
{
    return (struct frame_range){virt_to_phys(_text_start), (uint64_t)(_kernel_end - _text_start)};
}

/* The entry for `address` at a level, making the tables above it; NULL when memory is out. */
static _Atomic uint64_t *make_entry(uint64_t address, int to_level)
{
    _Atomic uint64_t *entries = kernel_root;

    for (int level = PT_LEVELS - 1; level > to_level; level--) {
        _Atomic uint64_t *slot = &entries[pt_index(address, level)];

        if (!pte_is_table(load_acquire(slot))) {
            uint64_t *table = pagetable_alloc_table(ALLOC_ATOMIC);

            uint64_t none = 0;

            if (table == NULL) {
                return NULL;
            }
            if (!atomic_compare_exchange_strong_explicit(
                    slot, &none, pte_make(virt_to_phys(table), PTE_VALID), memory_order_acq_rel,
                    memory_order_acquire)) {
                pagetable_free_table(virt_to_phys(table)); /* another hart was faster */
            }
        }
        entries = phys_to_virt(pte_frame(load_acquire(slot)));
    }
    return &entries[pt_index(address, to_level)];
}

/* Map a range by the largest leaves that its alignment allows. */
static int map_range(uint64_t address, phys_t start, uint64_t len_bytes, uint64_t rights)
{
    uint64_t done = 0;

    while (done < len_bytes) {
        int level = PT_LEVELS - 1;
        _Atomic uint64_t *entry;

        while (((address + done) | (start.addr + done)) % pt_level_size(level) != 0 ||
               len_bytes - done < pt_level_size(level)) {
            level--;
        }
        entry = make_entry(address + done, level);
        if (entry == NULL) {
            return -ENOMEM;
        }
        store_relaxed(entry, pte_make(phys(start.addr + done), rights));
        done += pt_level_size(level);
    }
    return 0;
}

static int map_image_part(const char *start, const char *end, uint64_t rights)
{
    for (const char *at = start; at < end; at += PAGE_SIZE) {
        _Atomic uint64_t *entry = make_entry((uint64_t)at, 0);

        if (entry == NULL) {
            return -ENOMEM;
        }
        store_relaxed(entry, pte_make(virt_to_phys(at), rights));
    }
    return 0;
}

static int map_image(void)
{
    int error = map_image_part(_text_start, _text_end, RIGHTS_RX);

    if (error == 0) {
        error = map_image_part(_rodata_start, _rodata_end, RIGHTS_R);
    }
    if (error == 0) {
        error = map_image_part(_data_start, _kernel_end, RIGHTS_RW);
    }
    if (error == 0) {
        store_relaxed(make_entry((uint64_t)boot_stack - PAGE_SIZE, 0), 0);
        store_relaxed(make_entry((uint64_t)emergency_stack - PAGE_SIZE, 0), 0);
    }
    return error;
}

/* [start, end) of RAM into the direct map; the image's constant part read-only. */
static int map_ram_piece(uint64_t start, uint64_t end)
{
    uint64_t constant_start = virt_to_phys(_text_start).addr;
    uint64_t constant_end = virt_to_phys(_rodata_end).addr;
    uint64_t cuts[4] = {start, constant_start, constant_end, end};

    for (int i = 0; i < 3; i++) {
        uint64_t from = max_of(cuts[i], start);
        uint64_t to = min_of(cuts[i + 1], end);
        int error;

        if (from >= to) {
            continue;
        }
        error = map_range(DIRECT_MAP_BASE + from, phys(from), to - from,
                          i == 1 ? RIGHTS_R : RIGHTS_RW);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* The first forbidden range that touches [at, end), by address; NULL if none does. */
static const struct frame_range *next_forbidden(const struct frame_range *forbidden, unsigned nr,
                                                uint64_t at, uint64_t end)
{
    const struct frame_range *first = NULL;

    for (unsigned i = 0; i < nr; i++) {
        const struct frame_range *range = &forbidden[i];

        if (range->start.addr < end && range->start.addr + range->len_bytes > at &&
            (first == NULL || range->start.addr < first->start.addr)) {
            first = range;
        }
    }
    return first;
}

static int map_ram(const struct frame_range *ram, const struct frame_range *forbidden,
                   unsigned nr_forbidden)
{
    uint64_t at = align_up(ram->start.addr, PAGE_SIZE);
    uint64_t end = min_of(align_down(ram->start.addr + ram->len_bytes, PAGE_SIZE), DIRECT_MAP_SIZE);

    while (at < end) {
        const struct frame_range *hole = next_forbidden(forbidden, nr_forbidden, at, end);
        uint64_t stop = hole == NULL ? end : min_of(align_down(hole->start.addr, PAGE_SIZE), end);

        if (stop > at) {
            int error = map_ram_piece(at, stop);

            if (error != 0) {
                return error;
            }
        }
        at = hole == NULL ? end : align_up(hole->start.addr + hole->len_bytes, PAGE_SIZE);
    }
    return 0;
}

static int make_vmalloc_tables(void)
{
    for (uint64_t at = VMALLOC_BASE; at < VMALLOC_BASE + VMALLOC_SIZE; at += pt_level_size(2)) {
        if (make_entry(at, 1) == NULL) {
            return -ENOMEM;
        }
    }
    return 0;
}

int kernel_map_init(const struct frame_range *ram, unsigned nr_ram,
                    const struct frame_range *forbidden, unsigned nr_forbidden)
{
    int error;

    kernel_root = (_Atomic uint64_t *)pagetable_alloc_table(ALLOC_ATOMIC);
    if (kernel_root == NULL) {
        return -ENOMEM;
    }
    error = map_image();
    for (unsigned i = 0; error == 0 && i < nr_ram; i++) {
        error = map_ram(&ram[i], forbidden, nr_forbidden);
    }
    if (error == 0) {
        error = make_vmalloc_tables();
    }
    if (error == 0) {
        error = kasan_map_final(kernel_root, ram, nr_ram);
    }
    if (error != 0) {
        return error;
    }
    kernel_satp = 8ul << 60 | virt_to_phys((const void *)kernel_root).addr >> PAGE_SHIFT;
    pagetable_activate(NULL);
    tlb_flush_kernel(0, UINT64_MAX);
    return 0;
}

static _Atomic uint64_t *find_entry(uint64_t address, int *found_level)
{
    _Atomic uint64_t *entries = kernel_root;
    int level = PT_LEVELS - 1;

    for (; level > 0; level--) {
        uint64_t entry = load_acquire(&entries[pt_index(address, level)]);

        if (!pte_is_table(entry)) {
            break;
        }
        entries = phys_to_virt(pte_frame(entry));
    }
    *found_level = level;
    return &entries[pt_index(address, level)];
}

struct pte kernel_map_get(uint64_t address)
{
    int level;
    uint64_t entry = load_relaxed(find_entry(address, &level));
    struct pte pte = {.is_present = (entry & PTE_VALID) != 0};

    if (pte.is_present) {
        pte.frame = phys(pte_frame(entry).addr + address % pt_level_size(level));
        pte.flags = entry & (PTE_RIGHTS | PTE_FLAG_USER);
    }
    return pte;
}

int pagetable_map_kernel(uint64_t address, phys_t frame, uint32_t flags)
{
    _Atomic uint64_t *entry;

    assert(address >= VMALLOC_BASE && address < VMALLOC_BASE + VMALLOC_SIZE);
    entry = make_entry(address, 0);
    if (entry == NULL || kasan_map_window(address) != 0) {
        return -ENOMEM;
    }
    store_release(entry, pte_encode(frame, flags | PTE_FLAG_ACCESSED | PTE_FLAG_DIRTY));
    return 0;
}

void pagetable_unmap_kernel(uint64_t address, uint64_t len_bytes)
{
    assert(address >= VMALLOC_BASE && address + len_bytes <= VMALLOC_BASE + VMALLOC_SIZE);
    for (uint64_t at = address; at < address + len_bytes; at += PAGE_SIZE) {
        int level;
        _Atomic uint64_t *entry = find_entry(at, &level);

        if (level == 0) {
            atomic_exchange_explicit(entry, 0, memory_order_acq_rel);
        }
    }
    tlb_flush_kernel(address, address + len_bytes);
}

void pagetable_hide_kernel(uint64_t address)
{
    int level;
    _Atomic uint64_t *entry = find_entry(address, &level);

    assert(address >= VMALLOC_BASE && address < VMALLOC_BASE + VMALLOC_SIZE);
    if (level == 0) {
        atomic_exchange_explicit(entry, 0, memory_order_acq_rel);
        __asm__ volatile("sfence.vma %0, zero" : : "r"(address) : "memory");
    }
}
