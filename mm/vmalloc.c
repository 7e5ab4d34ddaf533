// SPDX-License-Identifier: MIT
/* The kernel's own window of addresses, mapped page by page.
 *
 * The direct map gives every frame an address, so memory that need not be contiguous needs no
 * mapping at all. The window is for the rest: big buffers out of scattered frames, stacks that
 * fault instead of running into their neighbour, and device registers, which lie outside RAM.
 * window.c hands out the addresses; this file puts frames behind them.
 *
 * An area's frames hang on one another by page->used.private, from area->first_page on: freeing an
 * area needs no array. Freeing unmaps first, which makes every hart forget the addresses, and only
 * then gives the frames back.
 *
 * A stack is aligned to twice its size: an address below it has the bit KERNEL_STACK_SIZE set, an
 * address in it has not. (Who needs many stacks, one after the other, keeps some: unmapping costs a
 * flush of all harts' TLBs. See kernel/task/stack.c.)
 *
 *          |  guard, or empty  |  stack, grows down  | guard |
 *          bit = 1             ^ bit = 0             ^ bit = 1
 *                              2n * KERNEL_STACK_SIZE
 *
 * Locks: the window's own; everything else belongs to the caller. */
#include "mm/vmalloc.h"

#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/once.h"
#include "kernel/base/printk.h"
#include "mm/debug/guard_pool.h"
#include "mm/debug/leak.h"
#include "mm/frames.h"
#include "mm/slab.h"
#include "mm/vmstat.h"
#include "mm/vmalloc_inspect.h"
#include "mm/window.h"
#include "port/pagetable.h"

enum vmalloc_kind { VMALLOC_MEMORY, VMALLOC_STACK, VMALLOC_DEVICE };

struct vmalloc_area {
    struct window_area window;
    struct page *first_page; /* [I] NULL for devices */
    uint32_t kind;           /* [I] enum vmalloc_kind */
    struct owner owner;      /* [I] set while the leak search is on */
    void *mark;              /* [leak search] */
};

SLAB_CACHE(vmalloc_area_cache, struct vmalloc_area, NULL);

static struct window window;       /* [once] guards itself */
static _Atomic uint64_t nr_mapped; /* [a] pages of memory and stacks */
static struct once once = ONCE_INIT("vmalloc", ONCE_RETRY);

static int initialise(void *unused)
{
    (void)unused;
    /* The first page of the window stays unmapped: a guard before the first area. Its end is the
     * guard pool's. */
    window_init(&window, VMALLOC_BASE + PAGE_SIZE, VMALLOC_SIZE - PAGE_SIZE - GUARD_POOL_BYTES);
    return 0;
}

/* ---- Areas ----------------------------------------------------------------------------------- */

static struct vmalloc_area *area_create(enum vmalloc_kind kind, uint64_t len_bytes,
                                        uint64_t align_bytes, enum alloc_flags flags)
{
    struct vmalloc_area *area;

    if (once_get(&once, initialise, NULL) != 0) {
        return NULL;
    }
    area = slab_alloc(&vmalloc_area_cache, flags & ~(unsigned)ALLOC_ZERO);
    if (area == NULL) {
        return NULL;
    }
    area->kind = kind;
    area->first_page = NULL;
    area->mark = NULL;
    leak_track(&area->owner);
    if (window_alloc(&window, len_bytes, align_bytes, &area->window) != 0) {
        slab_free(&vmalloc_area_cache, area);
        return NULL;
    }
    return area;
}

static void free_frames(struct page *page)
{
    while (page != NULL) {
        struct page *next = (struct page *)page->used.private;
        frames_free(page, 0);
        atomic_fetch_sub_explicit(&nr_mapped, 1, memory_order_relaxed);
        page = next;
    }
}

static void count_stack(const struct vmalloc_area *area, int64_t sign)
{
    if (area->kind == VMALLOC_STACK) {
        vm_count_many(VM_NR_KERNEL_STACK, sign * (int64_t)(KERNEL_STACK_SIZE / 1024));
    }
}

static void area_destroy(struct vmalloc_area *area)
{
    count_stack(area, -1);
    pagetable_unmap_kernel(area->window.start, area->window.len_bytes);
    window_free(&window, &area->window);
    free_frames(area->first_page);
    slab_free(&vmalloc_area_cache, area);
}

/* Put a frame behind each page of an area. On failure what is there stays, for area_destroy(). */
static int area_populate(struct vmalloc_area *area, enum alloc_flags flags)
{
    uint64_t end = area->window.start + area->window.len_bytes;

    for (uint64_t address = area->window.start; address < end; address += PAGE_SIZE) {
        struct page *page = frames_alloc(0, flags);
        int error;
        if (page == NULL) {
            return -ENOMEM;
        }
        page->kind = PAGE_WINDOW;
        page->used.private = (uint64_t)area->first_page;
        area->first_page = page;
        atomic_fetch_add_explicit(&nr_mapped, 1, memory_order_relaxed);
        error = pagetable_map_kernel(address, page_to_phys(page), PTE_FLAG_READ | PTE_FLAG_WRITE);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static struct vmalloc_area *create_memory(enum vmalloc_kind kind, uint64_t len_bytes,
                                          uint64_t align_bytes, enum alloc_flags flags)
{
    struct vmalloc_area *area = area_create(kind, len_bytes, align_bytes, flags);

    if (area == NULL) {
        return NULL;
    }
    count_stack(area, 1);
    if (area_populate(area, flags) != 0) {
        area_destroy(area);
        return NULL;
    }
    return area;
}

/* The area that begins exactly at a pointer. */
static struct vmalloc_area *area_at(const void *pointer, enum vmalloc_kind kind)
{
    struct window_area *found = NULL;
    struct vmalloc_area *area;

    if (load_acquire(&once.state) == ONCE_DONE) {
        found = window_find(&window, (uint64_t)pointer);
    }
    if (found == NULL || found->start != (uint64_t)pointer) {
        return NULL;
    }
    area = container_of(found, struct vmalloc_area, window);
    return area->kind == kind ? area : NULL;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

void *vmalloc(size_t size_bytes, enum alloc_flags flags)
{
    struct vmalloc_area *area = create_memory(VMALLOC_MEMORY, size_bytes, PAGE_SIZE, flags);

    return area == NULL ? NULL : (void *)area->window.start;
}

void vfree(const void *pointer)
{
    struct vmalloc_area *area;

    if (pointer == NULL) {
        return;
    }
    area = area_at(pointer, VMALLOC_MEMORY);
    if (area == NULL) { /* device registers may begin inside their first page */
        area = area_at((const void *)align_down((uint64_t)pointer, PAGE_SIZE), VMALLOC_DEVICE);
    }
    if (area == NULL) {
        pr_err("vmalloc: bad free of %p by %pS", pointer, __builtin_return_address(0));
        return;
    }
    area_destroy(area);
}

/* ---- Stacks ---------------------------------------------------------------------------------- */

void *vmalloc_stack(void)
{
    struct vmalloc_area *area = create_memory(VMALLOC_STACK, KERNEL_STACK_SIZE,
                                              2 * KERNEL_STACK_SIZE, ALLOC_KERNEL);

    return area == NULL ? NULL : (void *)area->window.start;
}

void vfree_stack(void *stack)
{
    struct vmalloc_area *area;

    if (stack == NULL) {
        return;
    }
    area = area_at(stack, VMALLOC_STACK);
    if (area == NULL) {
        pr_err("vmalloc: bad free of stack %p by %pS", stack, __builtin_return_address(0));
        return;
    }
    area_destroy(area);
}

/* ---- Devices --------------------------------------------------------------------------------- */

volatile void *vmalloc_map_device(phys_t start, size_t len_bytes)
{
    uint64_t offset = start.addr & PAGE_MASK;
    uint64_t first = start.addr - offset;
    struct vmalloc_area *area;

    if (len_bytes == 0 || start.addr + len_bytes < start.addr) {
        return NULL;
    }
    area = area_create(VMALLOC_DEVICE, offset + len_bytes, PAGE_SIZE, ALLOC_KERNEL);
    if (area == NULL) {
        return NULL;
    }
    for (uint64_t at = 0; at < area->window.len_bytes; at += PAGE_SIZE) {
        if (pagetable_map_kernel(area->window.start + at, phys(first + at),
                                 PTE_FLAG_READ | PTE_FLAG_WRITE | PTE_FLAG_DEVICE) != 0) {
            area_destroy(area);
            return NULL;
        }
    }
    return (volatile void *)(area->window.start + offset);
}

/* ---- Looking --------------------------------------------------------------------------------- */

bool vmalloc_contains(const void *pointer)
{
    uint64_t address = (uint64_t)pointer;

    return address - VMALLOC_BASE < VMALLOC_SIZE && load_acquire(&once.state) == ONCE_DONE &&
           window_find(&window, address) != NULL;
}

uint64_t vmalloc_nr_pages(void)
{
    return load_relaxed(&nr_mapped);
}

/* ---- For the leak search ---------------------------------------------------------------------- */

static bool view_of(struct window_area *found, struct vmalloc_view *view)
{
    struct vmalloc_area *area = container_of(found, struct vmalloc_area, window);

    if (found == NULL || area->kind == VMALLOC_DEVICE) {
        return false;
    }
    *view = (struct vmalloc_view){.start = found->start,
                                  .len_bytes = found->len_bytes,
                                  .is_stack = area->kind == VMALLOC_STACK,
                                  .owner = &area->owner,
                                  .mark = &area->mark,
                                  .record = &found->start};
    return true;
}

bool vmalloc_find(uint64_t address, struct vmalloc_view *view)
{
    return load_acquire(&once.state) == ONCE_DONE && view_of(window_find(&window, address), view);
}

bool vmalloc_next(uint64_t address, struct vmalloc_view *view)
{
    struct window_area *area = NULL;

    while (load_acquire(&once.state) == ONCE_DONE &&
           (area = window_next(&window, address)) != NULL && !view_of(area, view)) {
        address = area->start + area->len_bytes;
    }
    return area != NULL;
}

const void *vmalloc_of_mark(void **mark)
{
    return (const void *)container_of(mark, struct vmalloc_area, mark)->window.start;
}
