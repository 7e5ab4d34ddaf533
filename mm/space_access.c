// SPDX-License-Identifier: MIT
/* Reaching into an address space from outside: /proc/PID/cmdline, futex keys, faulting ranges in
 * beforehand.
 *
 * A page of another process is reached by faulting it in as that process would, and copied through
 * the direct map under the page-table lock: to the rest of the kernel that is an access of the
 * process itself. Whoever takes a right away (fork, writeback) takes that lock, too, and so comes
 * before the copy or after it. */
#include "kernel/abi/errno.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"
#include "mm/space_internal.h"

#define PAGES_A_LOOK 64u /* that are brought in between two looks for a fatal signal */

struct transfer { /* a part that lies in one page */
    uint64_t address;
    char *buffer;
    size_t len;
};

/* The page is there and may be accessed so: do it. */
static bool try_access(struct space *space, uint64_t address, enum fault_access access,
                       const struct transfer *transfer)
{
    uint32_t needed = (uint32_t)PTE_FLAG_READ << access; /* as grants() in fault.c */
    struct pte pte;
    bool is_granted;

    spin_lock(&space->table_lock);
    pte = pagetable_get(&space->table, address);
    is_granted = pte.is_present && (pte.flags & needed) != 0;
    if (is_granted && transfer != NULL) {
        char *there = (char *)phys_to_virt(pte.frame) + (transfer->address & PAGE_MASK);

        if (access == FAULT_WRITE) {
            memcpy(there, transfer->buffer, transfer->len);
        } else {
            memcpy(transfer->buffer, there, transfer->len);
        }
    }
    spin_unlock(&space->table_lock);
    return is_granted;
}

/* Fault the page in until the access is possible. transfer: what to copy then, or NULL. */
static int access_page(struct space *space, uint64_t address, enum fault_access access,
                       const struct transfer *transfer)
{
    while (!try_access(space, address, access, transfer)) {
        int error = space_fault(space, address, access);

        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static size_t copy_pages(struct space *space, uint64_t address, char *buffer, size_t len,
                         enum fault_access access)
{
    size_t done = 0;

    if (address >= USER_END || len > USER_END - address) {
        return 0;
    }
    while (done < len) {
        uint64_t at = address + done;
        struct transfer transfer = {.address = at,
                                    .buffer = buffer + done,
                                    .len = min_of(PAGE_SIZE - (at & PAGE_MASK), len - done)};

        if (access_page(space, align_down(at, PAGE_SIZE), access, &transfer) != 0) {
            break;
        }
        done += transfer.len;
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

/* Whether a fatal signal waits for the caller: a wait that it would end, and that ends at once without it. */
static bool is_killed(void)
{
    port_block_prepare(PORT_BLOCK_KILLABLE);
    return port_block(0) == -ERESTARTSYS;
}

/* Who was killed stops: if it was for want of memory, what he took on would come from the reserve. */
int space_fault_range(struct space *space, uint64_t address, uint64_t len_bytes,
                      enum fault_access access)
{
    uint64_t nr = 0;
    uint64_t end;

    if (address >= USER_END || len_bytes > USER_END - address) {
        return -EFAULT;
    }
    end = address + len_bytes;
    for (address = align_down(address, PAGE_SIZE); address < end; address += PAGE_SIZE) {
        int error = access_page(space, address, access, NULL);

        if (error == 0 && ++nr % PAGES_A_LOOK == 0 && is_killed()) {
            error = -EINTR;
        }
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* Entries that hold a page; a large page is looked at, and not split. */
static void note_mapped(struct space *space, uint64_t start, uint64_t end, uint8_t *is_resident)
{
    uint64_t at = start;

    spin_lock(&space->table_lock);
    while (at < end) {
        uint64_t next = min_of(align_down(at, PAGETABLE_SPAN_BYTES) + PAGETABLE_SPAN_BYTES, end);
        struct pte_slot slot = pagetable_find(&space->table, at);
        bool is_large = slot.entry == NULL && pagetable_get_large(&space->table, at).is_present;

        for (; at < next; at += PAGE_SIZE) {
            if (is_large || (slot.entry != NULL && pte_slot_get(slot).is_present)) {
                is_resident[(at - start) >> PAGE_SHIFT] = 1;
            }
            slot = slot.entry != NULL ? pte_slot_plus(slot, 1) : slot;
        }
    }
    spin_unlock(&space->table_lock);
}

/* Pages of the area's object that are in memory, mapped or not. */
static void note_cached(const struct area *area, uint64_t start, uint64_t end, uint8_t *is_resident)
{
    const struct map_object_ops *ops = area->object->ops;
    struct page *pages[16];

    for (uint64_t at = start; at < end; at += array_size(pages) * PAGE_SIZE) {
        unsigned nr = (unsigned)min_of((end - at) >> PAGE_SHIFT, (uint64_t)array_size(pages));

        ops->find_pages(area->object, area_index(area, at), nr, pages);
        for (unsigned i = 0; i < nr; i++) {
            if (pages[i] != NULL) {
                is_resident[((at - start) >> PAGE_SHIFT) + i] = 1;
                page_put(pages[i]);
            }
        }
    }
}

int space_find_resident(struct space *space, uint64_t address, unsigned nr, uint8_t *is_resident)
{
    uint64_t end = address + ((uint64_t)nr << PAGE_SHIFT);
    uint64_t at = address;
    int error = 0;

    memset(is_resident, 0, nr);
    rwlock_read_lock(&space->lock);
    for (struct area *area = area_find(space, address); at < end; area = area_next(area)) {
        uint64_t part_end;

        if (!area_contains(area, at)) {
            error = -ENOMEM;
            break;
        }
        part_end = min_of(area->end, end);
        if (area->object != NULL && area->object->ops->find_pages != NULL) {
            note_cached(area, at, part_end, is_resident + ((at - address) >> PAGE_SHIFT));
        }
        note_mapped(space, at, part_end, is_resident + ((at - address) >> PAGE_SHIFT));
        at = part_end;
    }
    rwlock_read_unlock(&space->lock);
    return error;
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
