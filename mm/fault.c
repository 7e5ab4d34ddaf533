// SPDX-License-Identifier: MIT
/* Page faults: filling the page tables from what the areas say.
 *
 * Memory is given at the last moment. A fault finds its area, checks the access against it, and
 * then there are few cases:
 *
 *    nothing there   anonymous   read: the page of zeros, read-only    write: a fresh zeroed page
 *                    private     read: the object's page, read-only    write: a copy of it
 *                    shared      read: the object's page, read-only    write: the object's page,
 *                    made writable first
 *    read-only page, write to    anonymous page that nobody else maps: made writable in place
 *                    private     anything else: a copy (copy-on-write, after fork or a read)
 *                    shared      made writable
 *
 * "Made writable" (map_object_ops.make_writable) is where a file system learns that a page becomes
 * dirty.
 *
 * Locks. space->lock for reading keeps the areas; the work that may sleep (allocation, reading a
 * page) is done without the page-table lock; then the lock is taken, the entry looked at again,
 * and the new one set only if nothing has changed, else the work is thrown away and the access
 * tried again. The tree of page tables is walked once: an entry's place does not change. Whether an
 * anonymous page has one mapper is told by its reference count: every entry holds one, and with
 * space->lock held and the count at 1 nobody can add another.
 *
 * Pages of objects: fault_object.c. */
#include "mm/fault_internal.h"

#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/string.h"
#include "kernel/base/test_point.h"
#include "mm/frames.h"
#include "mm/frames_internal.h"
#include "mm/huge.h"
#include "mm/swap.h"
#include "mm/vmstat.h"

static struct page *_Atomic the_zero_page;

/* The frame of zeros, made for the first who needs it. Context: may sleep. */
static struct page *zero_page(void)
{
    struct page *page = atomic_load_explicit(&the_zero_page, memory_order_acquire);

    if (unlikely(page == NULL)) {
        struct page *fresh = frames_alloc(0, ALLOC_KERNEL | ALLOC_ZERO);

        if (fresh == NULL) {
            return NULL;
        }
        if (atomic_compare_exchange_strong(&the_zero_page, &page, fresh)) {
            return fresh;
        }
        frames_free(fresh, 0);
    }
    return page;
}

bool is_zero_page(const struct page *page)
{
    return page == atomic_load_explicit(&the_zero_page, memory_order_relaxed);
}

static inline bool replaces_anonymous(const struct fault *fault)
{
    return fault->old != NULL && fault->old->kind == PAGE_ANON;
}

/* The entry mapped something else before. Every hart must stop using the old page before it is let go;
 * where the same page was only given more rights, the others may find that out by a fault of their own. */
static void drop_replaced(struct fault *fault, const struct page *page)
{
    struct page *old = fault->old;
    unsigned nr_refs = old != NULL; /* the fault's, and below the entry's */

    if (old == NULL) {
        old = page_from_phys(pte_frame(fault->entry));
    }
    if (old != page) {
        pagetable_flush(&fault->space->table, fault->address, fault->address + PAGE_SIZE);
    }
    if (!is_zero_page(old)) {
        nr_refs++;
        if (old->kind != PAGE_ANON) {
            space_count_page(fault->space, old, -1);
        }
    }
    page_put_refs(old, nr_refs);
}

/* One anonymous page in another's place leaves their number as it is. */
static inline bool begin_mapping(const struct fault *fault, struct page *page)
{
    if (likely(page->kind == PAGE_ANON)) {
        if (!replaces_anonymous(fault)) {
            atomic_fetch_add_explicit(&fault->space->nr_anon_pages, 1, memory_order_relaxed);
        }
        return true;
    }
    return is_zero_page(page) || fault_begin_mapping(fault->space, fault->area, page);
}

/* Any difference counts, the right to write above all: another thread that was given it has stored
 * there since, and a copy made before must not take the page's place. */
int fault_install(struct fault *fault, struct page *page, bool is_writable)
{
    struct space *space = fault->space;

    spin_lock(&space->table_lock);
    if (load_relaxed(fault->slot.entry) != fault->entry || !begin_mapping(fault, page)) {
        spin_unlock(&space->table_lock);
        return -EAGAIN;
    }
    pte_slot_set(fault->slot, page_to_phys(page), area_pte_flags(fault->area, is_writable));
    spin_unlock(&space->table_lock);
    if (fault->entry != 0) {
        drop_replaced(fault, page);
    }
    return 0;
}

static inline struct page *alloc_anonymous(const struct fault *fault)
{
    struct area *area = fault->area;
    struct page *page;

    if (unlikely(load_acquire(&area->family) == NULL) && anon_join(area) != 0) {
        return NULL;
    }
    page = frames_alloc(0, ALLOC_WAIT | ALLOC_USER | ALLOC_MOVABLE);
    if (page != NULL) {
        page->kind = PAGE_ANON;
        page->anon.family = load_relaxed(&area->family);
        page->anon.index = area->anon_index + ((fault->address - area->start) >> PAGE_SHIFT);
        vm_count(VM_NR_ANON_PAGES);
    }
    return page;
}

static int fault_anonymous(struct fault *fault)
{
    struct page *page;

    if (!fault->is_write) {
        page = zero_page();
        return page == NULL ? -ENOMEM : fault_install(fault, page, false);
    }
    page = alloc_anonymous(fault);
    if (page == NULL) {
        return -ENOMEM;
    }
    page_zero(page_address(page));
    return fault_install_or_put(fault, page, true);
}

int fault_copy(struct fault *fault, struct page *source)
{
    struct page *copy = alloc_anonymous(fault);

    if (copy == NULL) {
        return -ENOMEM;
    }
    if (is_zero_page(source)) {
        page_zero(page_address(copy));
    } else {
        page_copy(page_address(copy), page_address(source));
    }
    TEST_POINT(TEST_FAULT_COPIED, source);
    if ((fault->area->flags & AREA_EXEC) != 0) {
        pagetable_sync_icache();
    }
    return fault_install_or_put(fault, copy, true);
}

static bool is_allowed(const struct area *area, enum fault_access access)
{
    switch (access) {
    case FAULT_WRITE: return (area->flags & AREA_WRITE) != 0;
    case FAULT_EXEC: return (area->flags & AREA_EXEC) != 0;
    default: return (area->flags & (AREA_READ | AREA_WRITE)) != 0;
    }
}

static_assert(PTE_FLAG_READ << FAULT_WRITE == PTE_FLAG_WRITE &&
                  PTE_FLAG_READ << FAULT_EXEC == PTE_FLAG_EXEC,
              "rights stand in the order of the kinds of access");

static inline bool grants(struct pte pte, enum fault_access access)
{
    return (pte.flags & ((uint32_t)PTE_FLAG_READ << access)) != 0;
}

/* A page is there, and lacks the right that the access asks for. Whether an anonymous page has
 * other holders is looked at under the page-table lock, and those who are about to copy a page hold a
 * reference that they took under the same lock: so nobody copies a page while its owner stores to
 * it. */
static int fault_present(struct fault *fault, enum fault_access access)
{
    struct space *space = fault->space;
    struct page *page;
    struct pte pte;
    bool is_alone;
    int error;

    spin_lock(&space->table_lock);
    fault->entry = load_relaxed(fault->slot.entry);
    pte = pte_decode(fault->entry);
    if (!pte.is_present || grants(pte, access)) {
        if (pte.is_present && (pte.flags & PTE_FLAG_ACCESSED) == 0) {
            /* The hand of swap_out.c took the mark, and this machine leaves setting it to us. */
            pte_slot_set(fault->slot, pte.frame, pte.flags | PTE_FLAG_ACCESSED);
        }
        /* Another hart was faster, or this one remembered an older entry. */
        spin_unlock(&space->table_lock);
        return 0;
    }
    page = page_of_frame(pte.frame.addr >> PAGE_SHIFT);
    is_alone = page->kind == PAGE_ANON && page_refs(page) == 1;
    if (!fault->is_write || is_alone) { /* mprotect added rights, or the page is ours alone */
        pte_slot_set(fault->slot, pte.frame, area_pte_flags(fault->area, fault->is_write));
        spin_unlock(&space->table_lock);
        return 0;
    }
    page_get(page); /* so that it cannot go while it is copied */
    spin_unlock(&space->table_lock);
    if ((fault->area->flags & AREA_SHARED) != 0 && page->kind == PAGE_CACHE) {
        return fault_shared_write(fault, page);
    }
    fault->old = page;
    error = fault_copy(fault, page);
    if (error != 0) {
        page_put(page);
    }
    return error;
}

/* The fault proper, with space->lock held for reading. */
static int fault_in_area(struct space *space, struct area *area, uint64_t address,
                         enum fault_access access)
{
    struct fault fault = {
        .space = space,
        .area = area,
        .address = align_down(address, PAGE_SIZE),
        .is_write = access == FAULT_WRITE,
        .slot = pagetable_find(&space->table, address),
    };

    if (unlikely(fault.slot.entry == NULL)) { /* the first page in these 2 MiB, or a large one */
        int error = 0;

        if (!huge_fault(area, address)) {
            error = pagetable_prepare(&space->table, fault.address, ALLOC_KERNEL, &fault.slot);
        }
        if (error != 0 || fault.slot.entry == NULL) { /* a large page is mapped now */
            return error;
        }
    }
    /* Looked at without the lock: who acts on it looks again. */
    fault.entry = load_relaxed(fault.slot.entry);
    if (fault.entry != 0) {
        struct pte pte = pte_decode(fault.entry);

        return pte.is_swapped
                   ? swap_in(area, fault.address, pte_swap_slot(pte), fault.is_write, ALLOC_WAIT)
                   : fault_present(&fault, access);
    }
    return area->object != NULL ? fault_object(&fault) : fault_anonymous(&fault);
}

int space_fault(struct space *space, uint64_t address, enum fault_access access)
{
    struct area *area;
    int error;

    if (address >= USER_END) {
        return -EFAULT;
    }
    vm_count(VM_PGFAULT);
    rwlock_read_lock(&space->lock);
    area = load_relaxed(&space->hint); /* faults come in runs */
    if (!area_contains(area, address)) {
        area = area_find(space, address);
        store_relaxed(&space->hint, area);
    }
    if (area == NULL) {
        error = -EFAULT;
    } else if (!area_contains(area, address)) {
        bool may_grow = (area->flags & AREA_GROWS_DOWN) != 0;

        rwlock_read_unlock(&space->lock);
        return may_grow ? space_grow_stack(space, address) : -EFAULT;
    } else if (!is_allowed(area, access)) {
        error = -EACCES;
    } else {
        error = fault_in_area(space, area, address, access);
    }
    rwlock_read_unlock(&space->lock);
    return error == -EAGAIN ? 0 : error;
}
