// SPDX-License-Identifier: MIT
/* One interface for all allocators.
 *
 * Code that needs memory and doesn't care where it comes from takes a `struct allocator`. Whoever
 * calls it decides: the heap, an arena that is thrown away as a whole, a pool that can't fail, or
 * any of them with something in front that counts, measures or fails on demand. Allocators are
 * built from allocators:
 *
 *     tracking -> chain -> fixed pool            what is asked passes from left to right
 *                     \--> failing -> heap
 *
 * The idea is that of Rust's Allocator trait and Zig's std.mem.Allocator: a table of operations and
 * a pointer, and a layout that the caller hands in again on deallocation, so that an allocator
 * needs no header before its blocks. An implementation has four operations, and they get only what
 * makes sense; the rest is decided here, once, for all:
 *
 *     size 0          answered with the alignment as an address: not NULL, aligned, in a page that
 *                     the kernel never maps; no allocator hears of it
 *     bad layout      reported with its caller; NULL
 *     zeroing         done here
 *     grow            in place if the allocator can, else allocate, copy, deallocate
 *     foreign memory  the allocator answers -EINVAL; the report is made here
 *
 * Locks: none. Whether several may use one allocator at once stands in its own header.
 *
 * Sources: the Rust reference, std::alloc::Allocator; the Zig standard library, mem/Allocator. */
#include "mm/alloc/allocator.h"

#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/bits.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"

/* ---- Layouts --------------------------------------------------------------------------------- */

bool layout_is_valid(struct layout layout)
{
    return is_power_of_two(layout.align_bytes) && layout.align_bytes <= LAYOUT_MAX_ALIGN &&
           layout.size_bytes <= LAYOUT_MAX_BYTES - (layout.align_bytes - 1);
}

int layout_make(size_t size_bytes, size_t align_bytes, struct layout *layout)
{
    struct layout made = {size_bytes, align_bytes};

    if (!is_power_of_two(align_bytes) || align_bytes > LAYOUT_MAX_ALIGN) {
        return -EINVAL;
    }
    if (!layout_is_valid(made)) {
        return -EOVERFLOW;
    }
    *layout = made;
    return 0;
}

int layout_make_array(size_t nr, struct layout element, struct layout *layout)
{
    size_t size_bytes;

    if (!layout_is_valid(element)) {
        return -EINVAL;
    }
    if (__builtin_mul_overflow(align_up(element.size_bytes, element.align_bytes), nr,
                               &size_bytes)) {
        return -EOVERFLOW;
    }
    return layout_make(size_bytes, element.align_bytes, layout);
}

/* ---- Operations ------------------------------------------------------------------------------ */

static void *no_bytes(struct layout layout)
{
    return (void *)layout.align_bytes;
}

static __attribute__((noinline)) void report_layout(struct allocator allocator,
                                                    struct layout layout, const void *caller)
{
    pr_err("alloc: %s: impossible layout of %llu bytes aligned to %llu, by %pS", allocator.name,
           (unsigned long long)layout.size_bytes, (unsigned long long)layout.align_bytes, caller);
}

static __attribute__((noinline)) void report_foreign(struct allocator allocator, const char *what,
                                                     const void *memory, const void *caller)
{
    pr_err("alloc: %s: %s of %p by %pS: not a live block of its own", allocator.name, what, memory,
           caller);
}

static void *allocate(struct allocator allocator, struct layout layout, enum alloc_flags flags,
                      const void *caller)
{
    void *memory;

    if (unlikely(!layout_is_valid(layout))) {
        report_layout(allocator, layout, caller);
        return NULL;
    }
    if (layout.size_bytes == 0) {
        return no_bytes(layout);
    }
    memory = allocator.ops->allocate(allocator.object, layout, flags & ~(unsigned)ALLOC_ZERO);
    debug_assert((uint64_t)memory % layout.align_bytes == 0);
    if (memory != NULL && (flags & ALLOC_ZERO) != 0) {
        memset(memory, 0, layout.size_bytes);
    }
    return memory;
}

void *allocator_allocate(struct allocator allocator, struct layout layout, enum alloc_flags flags)
{
    return allocate(allocator, layout, flags, __builtin_return_address(0));
}

void *allocator_allocate_zeroed(struct allocator allocator, struct layout layout,
                                enum alloc_flags flags)
{
    return allocate(allocator, layout, flags | ALLOC_ZERO, __builtin_return_address(0));
}

static void deallocate(struct allocator allocator, void *memory, struct layout layout,
                       const void *caller)
{
    if (memory == NULL || layout.size_bytes == 0) {
        return;
    }
    if (unlikely(!layout_is_valid(layout))) {
        report_layout(allocator, layout, caller);
    } else if (unlikely(allocator.ops->deallocate(allocator.object, memory, layout) != 0)) {
        report_foreign(allocator, "deallocation", memory, caller);
    }
}

void allocator_deallocate(struct allocator allocator, void *memory, struct layout layout)
{
    deallocate(allocator, memory, layout, __builtin_return_address(0));
}

/* Both sizes are not 0. */
static bool resize(struct allocator allocator, void *memory, struct layout layout,
                   size_t new_size_bytes, const void *caller)
{
    if (!layout_is_valid((struct layout){new_size_bytes, layout.align_bytes})) {
        return false;
    }
    if (unlikely(!allocator_owns(allocator, memory))) {
        report_foreign(allocator, "resizing", memory, caller);
        return false;
    }
    return allocator.ops->resize(allocator.object, memory, layout, new_size_bytes);
}

bool allocator_resize_in_place(struct allocator allocator, void *memory, struct layout layout,
                               size_t new_size_bytes)
{
    if (layout.size_bytes == 0 || new_size_bytes == 0) {
        return layout.size_bytes == new_size_bytes;
    }
    return resize(allocator, memory, layout, new_size_bytes, __builtin_return_address(0));
}

void *allocator_grow(struct allocator allocator, void *memory, struct layout layout,
                     size_t new_size_bytes, enum alloc_flags flags)
{
    const void *caller = __builtin_return_address(0);
    struct layout wanted = {new_size_bytes, layout.align_bytes};
    void *fresh;

    debug_assert(new_size_bytes >= layout.size_bytes);
    if (layout.size_bytes == 0) {
        return allocate(allocator, wanted, flags, caller);
    }
    if (!layout_is_valid(wanted)) {
        report_layout(allocator, wanted, caller);
        return NULL;
    }
    if (!allocator_owns(allocator, memory)) {
        report_foreign(allocator, "growing", memory, caller);
        return NULL;
    }
    fresh = memory;
    if (!allocator.ops->resize(allocator.object, memory, layout, new_size_bytes)) {
        fresh = allocate(allocator, wanted, flags & ~(unsigned)ALLOC_ZERO, caller);
        if (fresh == NULL) {
            return NULL;
        }
        memcpy(fresh, memory, layout.size_bytes);
        deallocate(allocator, memory, layout, caller);
    }
    if ((flags & ALLOC_ZERO) != 0) {
        memset((char *)fresh + layout.size_bytes, 0, new_size_bytes - layout.size_bytes);
    }
    return fresh;
}

void *allocator_shrink(struct allocator allocator, void *memory, struct layout layout,
                       size_t new_size_bytes)
{
    const void *caller = __builtin_return_address(0);

    debug_assert(new_size_bytes <= layout.size_bytes);
    if (layout.size_bytes == 0) {
        return memory;
    }
    if (new_size_bytes == 0) {
        deallocate(allocator, memory, layout, caller);
        return no_bytes(layout);
    }
    if (!resize(allocator, memory, layout, new_size_bytes, caller)) {
        debug_assert(!allocator_owns(allocator, memory));
    }
    return memory;
}
