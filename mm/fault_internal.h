// SPDX-License-Identifier: MIT
/* What fault.c (the fault itself, anonymous memory, copies) and fault_object.c (pages of objects)
 * share. */
#ifndef CAIRN_MM_FAULT_INTERNAL_H
#define CAIRN_MM_FAULT_INTERNAL_H

#include "mm/space_internal.h"

/* A fault at work, with space->lock held for reading. */
struct fault {
    struct space *space;
    struct area *area;
    uint64_t address; /* of the page */
    bool is_write;
    struct pte_slot slot; /* of its entry */
    uint64_t entry;       /* as last seen; 0: empty */
    struct page *old; /* a page that the entry maps and that is to be replaced, with a reference of
                           *     the fault's own; or NULL */
};

/** Put `page` (whose reference passes to the entry) in place if the entry is still what the fault
 *  saw. What it replaces is let go, and with it fault->old. Returns 0, or -EAGAIN with the reference
 *  still the caller's. Context: takes the page-table lock; may sleep. */
int must_check fault_install(struct fault *fault, struct page *page, bool is_writable);

/** The same; on failure the reference is dropped. */
static inline int must_check fault_install_or_put(struct fault *fault, struct page *page,
                                                  bool is_writable)
{
    int error = fault_install(fault, page, is_writable);

    if (unlikely(error != 0)) {
        page_put(page);
    }
    return error;
}

/** A private copy of `source` takes the entry. Returns 0, -EAGAIN or -ENOMEM. */
int must_check fault_copy(struct fault *fault, struct page *source);

/** Nothing is there yet, and the area maps an object. Returns as space_fault(), or -EAGAIN. */
int must_check fault_object(struct fault *fault);

/** A store to a shared mapping's page: the object says yes first. The caller's reference passes to
 *  the entry, or is dropped on failure. Returns as fault_object(). */
int must_check fault_shared_write(struct fault *fault, struct page *page);

/** Count an object's page as mapped if it may be; false: it left its object. Caller: the
 *  page-table lock. */
bool must_check fault_begin_mapping(struct space *space, const struct area *area,
                                    struct page *page);

#endif
