// SPDX-License-Identifier: MIT
/* RAM is a memory file. The direct map is one shared mapping of it; the vmalloc window is a
 * reserved range of addresses into which single pages of the same file are mapped again. So a page
 * has several addresses here, too, and mm/ runs unchanged. Nobody else may use the window, and
 * ASan need not know about it.
 *
 * In a benchmark (HOST_ARENA_IS_PRIVATE) RAM is memory like that of a process's heap, since the system may treat
 * a file's otherwise: where it gives large pages to all private memory, both shall have them. Then a page has
 * one address only, and to map it again fails. */
#define _GNU_SOURCE
#include "tools/host/arena.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "port/memory.h"

#define ARENA_ALIGN (1ul << 30)
#define ARENA_MAX   (64ul << 30)

uint64_t host_direct_map_offset;
uint64_t host_vmalloc_base;

#ifdef HOST_ARENA_IS_PRIVATE
#define ARENA_FLAGS (MAP_PRIVATE | MAP_ANONYMOUS)
#else
#define ARENA_FLAGS MAP_SHARED
#endif

static int arena_file = -1;
static size_t arena_size;
static char *arena_memory; /* ARENA_MAX reserved bytes */

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static char *reserve(size_t size_bytes, size_t align_bytes)
{
    char *memory = mmap(NULL, size_bytes + align_bytes, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED) {
        fail("host arena: cannot reserve addresses");
    }
    return (char *)align_up((uint64_t)memory, align_bytes);
}

static void unmap_over(char *memory, size_t size_bytes)
{
    if (mmap(memory, size_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
             -1, 0) == MAP_FAILED) {
        fail("host arena: cannot unmap");
    }
}

phys_t host_arena(size_t size_bytes)
{
    if (arena_file < 0) {
        arena_file = memfd_create("cairn-ram", MFD_CLOEXEC);
        if (arena_file < 0) {
            fail("host arena: memfd_create");
        }
        arena_memory = reserve(ARENA_MAX, ARENA_ALIGN);
        host_vmalloc_base = (uint64_t)reserve(VMALLOC_SIZE, ARENA_ALIGN);
    } else {
        unmap_over(arena_memory, arena_size);
        unmap_over((char *)host_vmalloc_base, VMALLOC_SIZE);
    }
    arena_size = align_up(size_bytes, PAGE_SIZE);
    if (arena_size > ARENA_MAX || ftruncate(arena_file, 0) != 0 ||
        ftruncate(arena_file, (off_t)arena_size) != 0 ||
        mmap(arena_memory, arena_size, PROT_READ | PROT_WRITE, ARENA_FLAGS | MAP_FIXED, arena_file,
             0) == MAP_FAILED) {
        fail("host arena: no memory");
    }
    host_direct_map_offset = (uint64_t)arena_memory - HOST_RAM_START;
    return phys(HOST_RAM_START);
}

size_t host_arena_size(void)
{
    return arena_size;
}

int host_arena_map(uint64_t address, phys_t frame, size_t len_bytes)
{
    void *there = MAP_FAILED;

    if (ARENA_FLAGS == MAP_SHARED) {
        there = mmap((void *)address, len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                     arena_file, (off_t)(frame.addr - HOST_RAM_START));
    }
    return there == MAP_FAILED ? -ENOMEM : 0;
}

void host_arena_unmap(uint64_t address, size_t len_bytes)
{
    unmap_over((char *)address, len_bytes);
}
