// SPDX-License-Identifier: MIT
/* Which allocations shall fail.
 *
 * Code that allocates k times has k places at which memory may be missing. A test that arms `nth`
 * with 1, 2, 3, … and runs the code each time, until a run ends with no failure, has been to all of
 * them. `every` and `permille` are for long runs, where failures are to meet in combinations.
 *
 * One counter gives each question its number, and the number alone decides; chance, too, is a
 * function of the seed and the number (the finaliser of SplitMix64). So harts share nothing but
 * the counter, and a run on one hart repeats itself exactly. */
#include "mm/alloc/fail_plan.h"

static uint64_t mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15ull;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
    value = (value ^ value >> 27) * 0x94d049bb133111ebull;
    return value ^ value >> 31;
}

static bool is_to_fail(const struct fail_plan *plan, uint64_t number)
{
    if (plan->nth != 0 && (number == plan->nth || (plan->and_all_after && number > plan->nth))) {
        return true;
    }
    if (plan->every != 0 && number % plan->every == 0) {
        return true;
    }
    return plan->permille != 0 && mix(mix(plan->seed) + number) % 1000 < plan->permille;
}

bool fail_plan_next(struct fail_plan *plan)
{
    uint64_t number = atomic_fetch_add_explicit(&plan->nr_asked, 1, memory_order_relaxed) + 1;

    if (!is_to_fail(plan, number)) {
        return false;
    }
    atomic_fetch_add_explicit(&plan->nr_failed, 1, memory_order_relaxed);
    return true;
}
