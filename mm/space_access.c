// SPDX-License-Identifier: MIT
/* Reaching into an address space from outside: /proc/PID/cmdline, futex keys, faulting ranges in beforehand.
 *
 * A page of another process is reached by faulting it in as that process would, taking a reference under the page-table
 * lock, and copying through the direct map. */
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "mm/space_internal.h"

/* The page at the address, with a reference, as an access of this kind would find it. */
static int get_user_page(struct space *space, uint64_t address, enum fault_access access,
                         struct page **out)
{
    uint32_t needed = access == FAULT_WRITE ? PTE_FLAG_WRITE : PTE_FLAG_READ;

    for (;;) {
        struct page *page = NULL;
        struct pte pte;
        int error;

        spin_lock(&space->table_lock);
        pte = pagetable_get(&space->table, address);
        if (pte.is_present && (pte.flags & needed) != 0) {
            page = page_from_phys(pte.frame);
            page_get(page);
        }
        spin_unlock(&space->table_lock);
        if (page != NULL) {
            *out = page;
            return 0;
        }
        error = space_fault(space, address, access);
        if (error != 0) {
            return error;
        }
    }
}

static size_t copy_pages(struct space *space, uint64_t address, char *buffer, size_t len,
                         enum fault_access access)
{
    size_t done = 0;

    if (address >= USER_END || len > USER_END - address) {
        return 0;
    }
    while (done < len) {
        uint64_t offset = (address + done) & PAGE_MASK;
        size_t part = min_of(PAGE_SIZE - offset, len - done);
        struct page *page;
        char *there;

        if (get_user_page(space, align_down(address + done, PAGE_SIZE), access, &page) != 0) {
            break;
        }
        there = (char *)page_address(page) + offset;
        if (access == FAULT_WRITE) {
            memcpy(there, buffer + done, part);
        } else {
            memcpy(buffer + done, there, part);
        }
        page_put(page);
        done += part;
    }
    return done;
}

size_t space_read(struct space *space, uint64_t address, void *buffer, size_t len_bytes)
{
    return copy_pages(space, address, buffer, len_bytes, FAULT_READ);
}

size_t space_write(struct space *space, uint64_t address, const void *buffer, size_t len_bytes)
{
    return copy_pages(space, address, (char *)buffer, len_bytes, FAULT_WRITE);
}

int space_fault_range(struct space *space, uint64_t address, uint64_t len_bytes,
                      enum fault_access access)
{
    uint64_t end;

    if (address >= USER_END || len_bytes > USER_END - address) {
        return -EFAULT;
    }
    end = address + len_bytes;
    for (address = align_down(address, PAGE_SIZE); address < end; address += PAGE_SIZE) {
        struct page *page;
        int error = get_user_page(space, address, access, &page);

        if (error != 0) {
            return error;
        }
        page_put(page);
    }
    return 0;
}

int space_get_key(struct space *space, uint64_t address, bool is_private, struct space_key *key)
{
    struct area *area;
    int error = 0;

    if (address >= USER_END) {
        return -EFAULT;
    }
    if (is_private) { /* the caller vouches that only this space uses it: no need to look */
        *key = (struct space_key){.object = space, .offset = address};
        return 0;
    }
    rwlock_read_lock(&space->lock);
    area = area_find(space, address);
    if (!area_contains(area, address)) {
        error = -EFAULT;
    } else if ((area->flags & AREA_SHARED) != 0 && area->object != NULL) {
        *key = (struct space_key){
            .object = area->object,
            .offset = (area_index(area, address) << PAGE_SHIFT) | (address & PAGE_MASK),
        };
    } else {
        *key = (struct space_key){.object = space, .offset = address};
    }
    rwlock_read_unlock(&space->lock);
    return error;
}
