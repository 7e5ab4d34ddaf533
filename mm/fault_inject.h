// SPDX-License-Identifier: MIT
/* Allocations that fail on demand, so that tests can show that every caller survives a NULL.
 *
 * Armed with n, the n-th allocation from now on fails, and then (when told so) every one after
 * it. In builds without CAIRN_TEST_HOOKS the question is a constant and the compiler removes it. */
#ifndef CAIRN_MM_FAULT_INJECT_H
#define CAIRN_MM_FAULT_INJECT_H

#include "kernel/base/types.h"

enum fault_site {
    FAULT_FRAMES = 1u << 0,  /* frames_alloc, frames_alloc_bulk */
    FAULT_OBJECTS = 1u << 1, /* slab_alloc, and so kmalloc */
};

#ifdef CAIRN_TEST_HOOKS

/** Let the nth allocation (1: the next) at one of `sites` fail.
 *  @and_all_after: it and every later one, until fault_inject_disarm(). Context: any. */
void fault_inject_arm(unsigned sites, uint64_t nth, bool and_all_after);

/** Stop. Returns how many allocations failed since it was armed: 0 means that n was beyond the
 *  last one. */
uint64_t fault_inject_disarm(void);

/** Asked by the allocators: must this allocation fail? Context: any. */
bool fault_inject_now(enum fault_site site);

#else

static inline bool fault_inject_now(enum fault_site site)
{
    (void)site;
    return false;
}

#endif
#endif
