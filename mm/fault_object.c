// SPDX-License-Identifier: MIT
/* Page faults on what is mapped from an object: a file's pages, seen from mm.
 *
 * A read maps the object's page. Where one page is read others soon are, and each that is in memory anyway
 * could be mapped at once and save a fault of its own; but for a program that reads here and there, they
 * would be many times the work of the one page that it asked for. So memory is seen as aligned windows of
 * 16 pages, and the page table itself remembers what the program does: the first fault in a window maps
 * its page alone. The next one finds a page of the window mapped, or the page just before it, and maps all
 * that there is of the window: the cache is asked once, and the pages are entered under one hold of the
 * page-table lock. So a file read in order costs a fault in 16 pages, one read here and there a short
 * fault a page, and text that is run a short one and a long one where it is used.
 *
 *     pages    | . . . . . . . . . . . . . . . . | . . . . . . . . . . . . . . . . |
 *     read 5   | . . . . . x . . . . . . . . . . | . . . . . . . . . . . . . . . . |
 *     read 9   | x x x x x x x x x x x x x x x x | . . . . . . . . . . . . . . . . |
 *     read 16  | x x x x x x x x x x x x x x x x | x x x x x x x x x x x x x x x x |
 *
 * Only when the page itself is not in memory it is read in, which may sleep. Neighbours are entered
 * read-only, in empty entries of the same page table, so nothing needs to be allocated or flushed for them.
 *
 * A store to a private mapping copies (fault_copy). A store to a shared one asks the object first
 * (map_object_ops.make_writable): that is where a file system learns that the page becomes dirty.
 *
 * Truncation. It takes a page out of its object, and then looks whether the page is mapped; we count
 * a page as mapped, and then look whether it is still the object's. With a full fence between the
 * two steps on both sides, one of them sees the other: either we take the page back out, or it finds
 * our entry, which is there when it gets the page-table lock. */
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/test_point.h"
#include "mm/fault_internal.h"

#define AROUND_PAGES         16u
#define PAGETABLE_SPAN_PAGES (PAGETABLE_SPAN_BYTES >> PAGE_SHIFT)

static bool has_page(const struct map_object *object, const struct page *page)
{
    return object->ops->has_page == NULL ||
           object->ops->has_page((struct map_object *)object, page);
}

bool fault_begin_mapping(struct space *space, const struct area *area, struct page *page)
{
    space_count_page(space, page, 1);
    fence_full(); /* counted, then looked: see above */
    if (has_page(area->object, page)) {
        return true;
    }
    space_count_page(space, page, -1);
    return false;
}

/* Beyond the object's end a fault is SIGBUS: tell it from "nothing mapped here". */
static int object_error(int error)
{
    return error == -EFAULT ? -ENODATA : error;
}

/* Instructions were read into this page as data: let every hart's fetches see them, once. */
static void sync_instructions(const struct area *area, struct page *page)
{
    if ((area->flags & AREA_EXEC) != 0 && !page_has(page, PAGE_ICACHE)) {
        pagetable_sync_icache();
        page_set(page, PAGE_ICACHE);
    }
}

/* ---- The window around a fault --------------------------------------------------------------- */

struct around {
    uint64_t start; /* address of the first page */
    unsigned nr;
    unsigned own;                     /* the number of the page that faulted */
    struct page *pages[AROUND_PAGES]; /* each with a reference, or NULL */
};

/* Whether a page of the window, or the page before it, is mapped. Only a hint, so without the lock. */
static bool has_neighbours(const struct fault *fault)
{
    uint64_t page = fault->address >> PAGE_SHIFT;
    const _Atomic uint64_t *first = fault->slot.entry - page % AROUND_PAGES;
    uint64_t any = page % PAGETABLE_SPAN_PAGES < AROUND_PAGES ? 0 : load_relaxed(first - 1);

#pragma GCC unroll 16
    for (unsigned i = 0; i < AROUND_PAGES; i++) {
        any |= load_relaxed(&first[i]);
    }
    return any != 0;
}

static void choose_window(const struct fault *fault, struct around *around)
{
    const struct area *area = fault->area;
    uint64_t window = align_down(fault->address, AROUND_PAGES * PAGE_SIZE);
    uint64_t end = min_of(window + AROUND_PAGES * PAGE_SIZE, area->end);

    around->start = max_of(window, area->start);
    around->nr = (unsigned)((end - around->start) >> PAGE_SHIFT);
    around->own = (unsigned)((fault->address - around->start) >> PAGE_SHIFT);
}

static void put_pages(const struct around *around)
{
    for (unsigned i = 0; i < around->nr; i++) {
        if (around->pages[i] != NULL) {
            page_put(around->pages[i]);
        }
    }
}

/* Collect what is in memory, or NULLs. */
static void find_pages(const struct fault *fault, struct around *around)
{
    struct map_object *object = fault->area->object;

    object->ops->find_pages(object, area_index(fault->area, around->start), around->nr,
                            around->pages);
}

/* The same after the page itself was read in, and is in memory if it was not truncated since. */
static int read_and_find_pages(const struct fault *fault, struct around *around)
{
    struct map_object *object = fault->area->object;
    struct page *page;
    int error = object->ops->get_page(object, area_index(fault->area, fault->address), AROUND_PAGES,
                                      &page);

    if (error != 0) {
        put_pages(around);
        return object_error(error);
    }
    TEST_POINT(TEST_FAULT_FOUND, page);
    put_pages(around);
    find_pages(fault, around);
    if (around->pages[around->own] == NULL) {
        around->pages[around->own] = page;
    } else {
        page_put(page);
    }
    return 0;
}

/* Enter the pages whose entries are empty; their references pass to the entries, and their places in
 * the window become NULL. Caller: the page-table lock. */
static void enter_pages(struct fault *fault, struct around *around)
{
    struct map_object *object = fault->area->object;
    uint32_t flags = area_pte_flags(fault->area, false);
    struct pte_slot first = {fault->slot.entry - around->own};

    for (unsigned i = 0; i < around->nr; i++) {
        if (around->pages[i] != NULL && load_relaxed(&first.entry[i]) == 0) {
            space_count_page(fault->space, around->pages[i], 1);
        }
    }
    fence_full(); /* counted, then looked: see above */
    for (unsigned i = 0; i < around->nr; i++) {
        struct pte_slot slot = {first.entry + i};
        struct page *page = around->pages[i];

        if (page == NULL || load_relaxed(slot.entry) != 0) {
            continue;
        }
        if (has_page(object, page)) {
            pte_slot_set(slot, page_to_phys(page), flags);
            around->pages[i] = NULL;
        } else {
            space_count_page(fault->space, page, -1);
        }
    }
}

/* ---- Reading and writing --------------------------------------------------------------------- */

/* A read that maps what there is of the window. Apart: a fault of one page shall not pay for its stack. */
static __attribute__((noinline)) int fault_around(struct fault *fault)
{
    struct around around;
    int error = 0;

    choose_window(fault, &around);
    find_pages(fault, &around);
    if (around.pages[around.own] == NULL) {
        error = read_and_find_pages(fault, &around);
        if (error != 0) {
            return error;
        }
    } else {
        TEST_POINT(TEST_FAULT_FOUND, around.pages[around.own]);
    }
    for (unsigned i = 0; i < around.nr && (fault->area->flags & AREA_EXEC) != 0; i++) {
        if (around.pages[i] != NULL) {
            sync_instructions(fault->area, around.pages[i]);
        }
    }
    spin_lock(&fault->space->table_lock);
    enter_pages(fault, &around);
    spin_unlock(&fault->space->table_lock);
    if (around.pages[around.own] != NULL) {
        error = -EAGAIN; /* another was faster, or truncation */
    }
    put_pages(&around);
    return error;
}

/* The page stays locked until the entry is there, so that writeback cannot clean it in between. */
int fault_shared_write(struct fault *fault, struct page *page)
{
    const struct map_object_ops *ops = fault->area->object->ops;
    int error = ops->make_writable(fault->area->object, page);

    if (error == 0) {
        error = fault_install(fault, page, true);
        ops->unlock_page(page);
    }
    if (error != 0) {
        page_put(page);
    }
    return object_error(error);
}

int fault_object(struct fault *fault)
{
    struct area *area = fault->area;
    const struct map_object_ops *ops = area->object->ops;
    struct page *page;
    int error;

    if (!fault->is_write && has_neighbours(fault) && ops->find_pages != NULL) {
        return fault_around(fault);
    }
    error = ops->get_page(area->object, area_index(area, fault->address), AROUND_PAGES, &page);
    if (error != 0) {
        return object_error(error);
    }
    TEST_POINT(TEST_FAULT_FOUND, page);
    sync_instructions(area, page);
    if (!fault->is_write) {
        return fault_install_or_put(fault, page, false);
    }
    if ((area->flags & AREA_SHARED) != 0) {
        return fault_shared_write(fault, page);
    }
    error = fault_copy(fault, page);
    page_put(page);
    return error;
}
