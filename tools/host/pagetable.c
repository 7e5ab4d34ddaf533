// SPDX-License-Identifier: MIT
/* The parts of port/pagetable.h that need a processor, for the host: the tree itself is the
 * kernel's own (kernel/arch/riscv64/pagetable.c). Flushes are counted; the kernel's window is
 * mapped for real, by mmap. */
#include "tools/host/pagetable.h"

#include <stdatomic.h>

#include "kernel/arch/riscv64/pagetable_internal.h"
#include "kernel/base/assert.h"
#include "tools/host/arena.h"
#include "port/memory.h"

static uint64_t kernel_root[512];
static _Atomic uint64_t nr_flushes, flush_start, flush_end, nr_icache_syncs;

const uint64_t *pagetable_kernel_root(void)
{
    return kernel_root;
}

void pagetable_forget(struct pagetable *table)
{
    (void)table;
}

void pagetable_flush(struct pagetable *table, uint64_t start, uint64_t end)
{
    (void)table;
    nr_flushes++;
    flush_start = start;
    flush_end = end;
}

void pagetable_sync_icache(void)
{
    nr_icache_syncs++;
}

int pagetable_map_kernel(uint64_t address, phys_t frame, uint32_t flags)
{
    (void)flags;
    assert(address >= host_vmalloc_base && address < host_vmalloc_base + VMALLOC_SIZE);
    return host_arena_map(address, frame, PAGE_SIZE);
}

void pagetable_unmap_kernel(uint64_t address, uint64_t len_bytes)
{
    assert(address >= host_vmalloc_base && address + len_bytes <= host_vmalloc_base + VMALLOC_SIZE);
    host_arena_unmap(address, len_bytes);
}

void pagetable_hide_kernel(uint64_t address)
{
    host_arena_unmap(address, PAGE_SIZE);
}

uint64_t host_nr_flushes(void)
{
    return nr_flushes;
}

uint64_t host_last_flush_start(void)
{
    return flush_start;
}

uint64_t host_last_flush_end(void)
{
    return flush_end;
}

uint64_t host_nr_icache_syncs(void)
{
    return nr_icache_syncs;
}
