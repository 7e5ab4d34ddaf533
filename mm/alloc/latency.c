// SPDX-License-Identifier: MIT
/* A measuring allocator.
 *
 * It reads the clock before and after each allocation (also before and after one that fails: to
 * look for memory in vain takes longest) and each deallocation, and records the difference. What is
 * measured is time as the caller feels it, interrupts, reclaim and preemption included. Resizing
 * in place is counted as an allocation.
 *
 * Locks: those of the allocator below. */
#include "mm/alloc/latency.h"

#include "kernel/base/port.h"

static void *latency_allocate(void *object, struct layout layout, enum alloc_flags flags)
{
    struct latency *latency = object;
    uint64_t start = port_clock_ns();
    void *memory = allocator_allocate(latency->below, layout, flags);

    histogram_record(&latency->allocations, port_clock_ns() - start);
    return memory;
}

static int latency_deallocate(void *object, void *memory, struct layout layout)
{
    struct latency *latency = object;
    uint64_t start = port_clock_ns();
    int error = latency->below.ops->deallocate(latency->below.object, memory, layout);

    histogram_record(&latency->frees, port_clock_ns() - start);
    return error;
}

static bool latency_resize(void *object, void *memory, struct layout layout, size_t new_size_bytes)
{
    struct latency *latency = object;
    uint64_t start = port_clock_ns();
    bool done = latency->below.ops->resize(latency->below.object, memory, layout, new_size_bytes);

    histogram_record(&latency->allocations, port_clock_ns() - start);
    return done;
}

static bool latency_owns(void *object, const void *memory)
{
    return allocator_owns(((struct latency *)object)->below, memory);
}

static void latency_ops_check(void *object)
{
    latency_check(object);
}

static const struct allocator_ops latency_ops = {
    .allocate = latency_allocate,
    .deallocate = latency_deallocate,
    .resize = latency_resize,
    .owns = latency_owns,
    .check = latency_ops_check,
};

struct allocator latency_allocator(struct latency *latency)
{
    return (struct allocator){&latency_ops, latency, "latency"};
}

void latency_check(struct latency *latency)
{
    histogram_check(&latency->allocations);
    histogram_check(&latency->frees);
    allocator_check(latency->below);
}
