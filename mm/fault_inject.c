// SPDX-License-Identifier: MIT
/* One countdown for all harts. A test arms it with 1, 2, 3, … and runs its operation each time,
 * until a run ends with no failure: then every allocation of the operation has failed once. */
#include "mm/fault_inject.h"

#ifdef CAIRN_TEST_HOOKS

#include <stdatomic.h>

static _Atomic uint32_t armed_sites; /* [a] 0: disarmed */
static _Atomic int64_t countdown;    /* [a] allocations until the failing one */
static _Atomic uint32_t for_ever;    /* [a] */
static _Atomic uint64_t nr_failed;   /* [a] */

void fault_inject_arm(unsigned sites, uint64_t nth, bool and_all_after)
{
    atomic_store(&armed_sites, 0);
    atomic_store(&countdown, (int64_t)nth);
    atomic_store(&for_ever, and_all_after);
    atomic_store(&nr_failed, 0);
    atomic_store(&armed_sites, sites);
}

uint64_t fault_inject_disarm(void)
{
    atomic_store(&armed_sites, 0);
    return atomic_load(&nr_failed);
}

bool fault_inject_now(enum fault_site site)
{
    int64_t left;

    if (likely((atomic_load_explicit(&armed_sites, memory_order_relaxed) & site) == 0)) {
        return false;
    }
    left = atomic_fetch_sub(&countdown, 1) - 1;
    if (left == 0 || (left < 0 && atomic_load(&for_ever) != 0)) {
        atomic_fetch_add(&nr_failed, 1);
        return true;
    }
    return false;
}

#else
typedef int fault_inject_is_off; /* ISO C forbids an empty file */
#endif
