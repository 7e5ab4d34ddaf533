// SPDX-License-Identifier: MIT
/* A failing allocator: NULL on demand.
 *
 * It asks its plan (fail_plan.c) before each allocation, and before each growing in place, which is
 * one, too: code that survives a failing grow must not be saved by a block that had room. Giving
 * back and making smaller never fail.
 *
 * Locks: those of the allocator below. */
#include "mm/alloc/failing.h"

#include "kernel/base/assert.h"

static void *failing_allocate(void *object, struct layout layout, enum alloc_flags flags)
{
    struct failing *failing = object;

    return fail_plan_next(&failing->plan) ? NULL
                                          : allocator_allocate(failing->below, layout, flags);
}

static int failing_deallocate(void *object, void *memory, struct layout layout)
{
    struct allocator below = ((struct failing *)object)->below;

    return below.ops->deallocate(below.object, memory, layout);
}

static bool failing_resize(void *object, void *memory, struct layout layout, size_t new_size_bytes)
{
    struct failing *failing = object;

    if (new_size_bytes > layout.size_bytes && fail_plan_next(&failing->plan)) {
        return false;
    }
    return failing->below.ops->resize(failing->below.object, memory, layout, new_size_bytes);
}

static bool failing_owns(void *object, const void *memory)
{
    return allocator_owns(((struct failing *)object)->below, memory);
}

static void failing_ops_check(void *object)
{
    failing_check(object);
}

static const struct allocator_ops failing_ops = {
    .allocate = failing_allocate,
    .deallocate = failing_deallocate,
    .resize = failing_resize,
    .owns = failing_owns,
    .check = failing_ops_check,
};

struct allocator failing_allocator(struct failing *failing)
{
    return (struct allocator){&failing_ops, failing, "failing"};
}

void failing_check(struct failing *failing)
{
    assert(fail_plan_nr_failed(&failing->plan) <=
           atomic_load_explicit(&failing->plan.nr_asked, memory_order_relaxed));
    allocator_check(failing->below);
}
