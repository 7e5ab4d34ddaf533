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
 * tried again. Whether an anonymous page has one mapper is told by its reference count: every
 * entry holds one, and with space->lock held and the count at 1 nobody can add another. */
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/string.h"
#include "kernel/base/test_point.h"
#include "mm/frames.h"
#include "mm/space_internal.h"
#include "mm/vmstat.h"

#define FAULT_AROUND_PAGES 16u

struct fault {
    struct space *space;
    struct area *area;
    uint64_t address; /* of the page */
    bool is_write;
    struct pte pte; /* as last seen */
};

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

/* Whether the entry is still what the fault saw. The right to write counts: another thread that
 * was given it has stored there since, and a copy made before must not take the page's place. */
static bool is_unchanged(struct fault *fault, struct pte now)
{
    return now.is_present == fault->pte.is_present &&
           (!now.is_present || (now.frame.addr == fault->pte.frame.addr &&
                                ((now.flags ^ fault->pte.flags) & PTE_FLAG_WRITE) == 0));
}

/* Count the page as mapped if it may be: truncation takes a page out of its object and then
 * looks whether it is mapped; we count it first and then look whether it is still there. One of
 * the two sees the other. Caller: table_lock, so that the entry is there when truncation comes
 * to remove it. */
static bool begin_mapping(struct space *space, const struct area *area, struct page *page)
{
    if (is_zero_page(page)) {
        return true;
    }
    space_count_page(space, page, 1);
    if (page->kind != PAGE_CACHE || area->object->ops->has_page == NULL) {
        return true;
    }
    fence_full();
    if (area->object->ops->has_page(area->object, page)) {
        return true;
    }
    space_count_page(space, page, -1);
    return false;
}

/* Every hart must stop using the old page before it is let go; where the same page was only
 * given more rights, the others may find that out by a fault of their own. */
static void drop_replaced(struct fault *fault, struct page *old, const struct page *page)
{
    if (old != page) {
        pagetable_flush(&fault->space->table, fault->address, fault->address + PAGE_SIZE);
    } else {
        pagetable_flush_local(&fault->space->table, fault->address);
    }
    if (!is_zero_page(old)) {
        space_count_page(fault->space, old, -1);
        page_put(old);
    }
}

/* Put `page` (whose reference passes to the entry) in place if the entry is still what the fault
 * saw. Returns 0, or -EAGAIN with the reference still the caller's, or -ENOMEM. */
static int install(struct fault *fault, struct page *page, bool is_writable)
{
    struct space *space = fault->space;
    uint32_t flags = area_pte_flags(fault->area, is_writable);
    int error = pagetable_prepare(&space->table, fault->address, ALLOC_KERNEL);
    struct pte now;

    if (error != 0) {
        return error;
    }
    spin_lock(&space->table_lock);
    now = pagetable_get(&space->table, fault->address);
    if (!is_unchanged(fault, now) || !begin_mapping(space, fault->area, page)) {
        spin_unlock(&space->table_lock);
        return -EAGAIN;
    }
    pagetable_set(&space->table, fault->address, page_to_phys(page), flags);
    spin_unlock(&space->table_lock);
    if (now.is_present) {
        drop_replaced(fault, page_from_phys(now.frame), page);
    } else {
        pagetable_flush_local(&space->table, fault->address);
    }
    return 0;
}

static int install_or_put(struct fault *fault, struct page *page, bool is_writable)
{
    int error = install(fault, page, is_writable);

    if (error != 0) {
        page_put(page);
    }
    return error;
}

static struct page *alloc_anonymous(const struct fault *fault, enum alloc_flags more)
{
    struct page *page;

    if (anon_join(fault->area) != 0) {
        return NULL;
    }
    page = frames_alloc(0, ALLOC_WAIT | ALLOC_USER | ALLOC_MOVABLE | more);
    if (page != NULL) {
        page->kind = PAGE_ANON;
        anon_set_page(page, fault->area, fault->address);
        vm_count(VM_NR_ANON_PAGES);
    }
    return page;
}

static int fault_anonymous(struct fault *fault)
{
    struct page *page;

    if (!fault->is_write) {
        page = zero_page();
        return page == NULL ? -ENOMEM : install(fault, page, false);
    }
    page = alloc_anonymous(fault, ALLOC_ZERO);
    return page == NULL ? -ENOMEM : install_or_put(fault, page, true);
}

/* A private copy of `source` takes the entry. */
static int fault_copy(struct fault *fault, struct page *source)
{
    struct page *copy;

    if (is_zero_page(source)) {
        copy = alloc_anonymous(fault, ALLOC_ZERO);
    } else {
        copy = alloc_anonymous(fault, 0);
        if (copy != NULL) {
            memcpy(page_address(copy), page_address(source), PAGE_SIZE);
        }
    }
    if (copy == NULL) {
        return -ENOMEM;
    }
    TEST_POINT(TEST_FAULT_COPIED, source);
    if ((fault->area->flags & AREA_EXEC) != 0) {
        pagetable_sync_icache();
    }
    return install_or_put(fault, copy, true);
}

/* Instructions were read into this page as data: let every hart's fetches see them, once. */
static void sync_instructions(const struct area *area, struct page *page)
{
    if ((area->flags & AREA_EXEC) != 0 && !page_has(page, PAGE_ICACHE)) {
        pagetable_sync_icache();
        page_set(page, PAGE_ICACHE);
    }
}

/* Map the neighbours that are in memory anyway: each saves a fault of its own. Read-only, and
 * only empty entries in the same page table, so nothing needs to be allocated or flushed. */
static void fault_around(struct fault *fault)
{
    struct area *area = fault->area;
    struct map_object *object = area->object;
    uint64_t window = align_down(fault->address, FAULT_AROUND_PAGES * PAGE_SIZE);
    uint64_t start = max_of(window, area->start);
    uint64_t end = min_of(window + FAULT_AROUND_PAGES * PAGE_SIZE, area->end);
    uint32_t flags = area_pte_flags(area, false);

    if (object->ops->find_page == NULL) {
        return;
    }
    for (uint64_t address = start; address < end; address += PAGE_SIZE) {
        struct page *page;
        bool is_set = false;

        if (address == fault->address) {
            continue;
        }
        page = object->ops->find_page(object, area_index(area, address));
        if (page == NULL) {
            continue;
        }
        sync_instructions(area, page);
        spin_lock(&fault->space->table_lock);
        if (!pagetable_get(&fault->space->table, address).is_present &&
            begin_mapping(fault->space, area, page)) {
            pagetable_set(&fault->space->table, address, page_to_phys(page), flags);
            is_set = true;
        }
        spin_unlock(&fault->space->table_lock);
        if (!is_set) {
            page_put(page);
        }
    }
}

/* A shared mapping writes: the object says yes first and keeps the page locked until the entry
 * is there, so that writeback cannot clean the page in between. */
static int fault_shared_write(struct fault *fault, struct page *page)
{
    const struct map_object_ops *ops = fault->area->object->ops;
    /* Tables are made before the page is locked: making them may have to wait for memory. */
    int error = pagetable_prepare(&fault->space->table, fault->address, ALLOC_KERNEL);

    if (error == 0) {
        error = ops->make_writable(fault->area->object, page);
    }
    if (error == 0) {
        error = install(fault, page, true);
        ops->unlock_page(page);
    }
    if (error != 0) {
        page_put(page);
    }
    return error;
}

/* Beyond the object's end a fault is SIGBUS: tell it from "nothing mapped here". */
static int object_error(int error)
{
    return error == -EFAULT ? -ENODATA : error;
}

static int fault_object(struct fault *fault)
{
    struct area *area = fault->area;
    struct page *page;
    int error = area->object->ops->get_page(area->object, area_index(area, fault->address),
                                            FAULT_AROUND_PAGES, &page);

    if (error != 0) {
        return object_error(error);
    }
    TEST_POINT(TEST_FAULT_FOUND, page);
    sync_instructions(area, page);
    if (fault->is_write && (area->flags & AREA_SHARED) != 0) {
        return object_error(fault_shared_write(fault, page));
    }
    if (fault->is_write) {
        error = fault_copy(fault, page);
        page_put(page);
        return error;
    }
    error = install_or_put(fault, page, false);
    if (error == 0) {
        fault_around(fault);
    }
    return error;
}

/* Make the entry writable in place if it is the page's only holder. Others who are about to copy
 * the page hold a reference that they took under the same lock: so nobody copies a page while
 * its owner stores to it. */
static bool take_over(struct fault *fault, struct page *page)
{
    struct space *space = fault->space;
    bool is_alone = false;
    struct pte now;

    TEST_POINT(TEST_FAULT_ALONE, page);
    spin_lock(&space->table_lock);
    now = pagetable_get(&space->table, fault->address);
    if (now.is_present && now.frame.addr == fault->pte.frame.addr &&
        page_refs(page) == 2) { /* the entry's reference, and the caller's */
        pagetable_set(&space->table, fault->address, now.frame, area_pte_flags(fault->area, true));
        is_alone = true;
    }
    spin_unlock(&space->table_lock);
    if (is_alone) {
        pagetable_flush_local(&space->table, fault->address);
    }
    return is_alone;
}

/* A write to a page that is mapped read-only although its area may be written. */
static int fault_read_only(struct fault *fault, struct page *page)
{
    int error;

    if (page->kind == PAGE_ANON && take_over(fault, page)) {
        return 0;
    }
    if ((fault->area->flags & AREA_SHARED) != 0 && page->kind == PAGE_CACHE) {
        page_get(page); /* for the entry, or to be put on failure */
        error = fault_shared_write(fault, page);
        return object_error(error);
    }
    return fault_copy(fault, page);
}

static bool is_allowed(const struct area *area, enum fault_access access)
{
    switch (access) {
    case FAULT_WRITE: return (area->flags & AREA_WRITE) != 0;
    case FAULT_EXEC: return (area->flags & AREA_EXEC) != 0;
    default: return (area->flags & (AREA_READ | AREA_WRITE)) != 0;
    }
}

static bool grants(struct pte pte, enum fault_access access)
{
    uint32_t needed = access == FAULT_WRITE  ? PTE_FLAG_WRITE
                      : access == FAULT_EXEC ? PTE_FLAG_EXEC
                                             : PTE_FLAG_READ;

    return pte.is_present && (pte.flags & needed) != 0;
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
    };
    struct page *page = NULL;
    int error;

    spin_lock(&space->table_lock);
    fault.pte = pagetable_get(&space->table, fault.address);
    if (fault.pte.is_present && !grants(fault.pte, access)) {
        page = page_from_phys(fault.pte.frame);
        page_get(page); /* so that it cannot go while it is copied */
    }
    spin_unlock(&space->table_lock);
    if (!fault.pte.is_present) {
        return area->object != NULL ? fault_object(&fault) : fault_anonymous(&fault);
    }
    if (page == NULL) { /* another hart was faster, or this one remembered an older entry */
        pagetable_flush_local(&space->table, fault.address);
        return 0;
    }
    if (fault.is_write) {
        error = fault_read_only(&fault, page);
    } else { /* rights were added by mprotect and the entry still lacks them */
        spin_lock(&space->table_lock);
        if (pagetable_get(&space->table, fault.address).frame.addr == fault.pte.frame.addr) {
            pagetable_set(&space->table, fault.address, fault.pte.frame,
                          area_pte_flags(area, false));
        }
        spin_unlock(&space->table_lock);
        pagetable_flush_local(&space->table, fault.address);
        error = 0;
    }
    page_put(page);
    return error;
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
    area = area_find(space, address);
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
