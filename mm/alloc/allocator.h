// SPDX-License-Identifier: MIT
/* One interface for everything that gives memory out: the kernel heap, arenas, pools, and what
 * stands in front of them. The theory stands in allocator.c.
 *
 *     struct layout layout;
 *     int error = layout_make(nr_bytes, 16, &layout);
 *     void *memory = allocator_allocate(allocator, layout, ALLOC_KERNEL);
 *     …
 *     allocator_deallocate(allocator, memory, layout); */
#ifndef CAIRN_MM_ALLOC_ALLOCATOR_H
#define CAIRN_MM_ALLOC_ALLOCATOR_H

#include "kernel/base/types.h"
#include "mm/alloc_flags.h"

/* What memory has to be like. Layouts from outside come from layout_make(). */
struct layout {
    size_t size_bytes;  /* at most LAYOUT_MAX_BYTES */
    size_t align_bytes; /* a power of two, at most LAYOUT_MAX_ALIGN */
};

#define LAYOUT_MAX_BYTES (SIZE_MAX / 2) /* so that a difference of pointers never overflows */
#define LAYOUT_MAX_ALIGN (PAGE_SIZE << 10)
#define LAYOUT_OF(type)  ((struct layout){sizeof(type), _Alignof(type)})

/** Check a size and an alignment. Returns 0; -EINVAL when the alignment is no power of two or
 *  above LAYOUT_MAX_ALIGN; -EOVERFLOW when the size, rounded up to the alignment, is above
 *  LAYOUT_MAX_BYTES. *layout is written only on success. */
int must_check layout_make(size_t size_bytes, size_t align_bytes, struct layout *layout);

/** The layout of an array of nr such elements, each at its alignment. Errors as above. */
int must_check layout_make_array(size_t nr, struct layout element, struct layout *layout);

bool layout_is_valid(struct layout layout);

/* What an allocator implements. It is called with valid layouts whose size is not 0, never with
 * ALLOC_ZERO, and only with what it gave out itself unless owns() says otherwise. */
struct allocator_ops {
    /** Memory of this layout, or NULL. Sleeps only with ALLOC_WAIT. */
    void *(*allocate)(void *object, struct layout layout, enum alloc_flags flags);
    /** Take it back. Returns 0, or -EINVAL and changes nothing when it is none of its own live
     *  blocks, as far as it can tell. Never sleeps. */
    int (*deallocate)(void *object, void *memory, struct layout layout);
    /** Change the size without moving. To make it smaller always succeeds. Never sleeps. */
    bool (*resize)(void *object, void *memory, struct layout layout, size_t new_size_bytes);
    /** Whether the memory lies where only its own blocks do. Never sleeps. */
    bool (*owns)(void *object, const void *memory);
    /** Walk the structure; panics on damage. Exact while nobody else uses it. */
    void (*check)(void *object);
};

/* A reference to an allocator, passed by value: two words and a name. */
struct allocator {
    const struct allocator_ops *ops;
    void *object;
    const char *name; /* in reports */
};

/** Allocate. Size 0 gives a pointer that is not NULL, may be deallocated with the same layout and
 *  must not be used. An invalid layout is reported with its caller and answered with NULL.
 *  With ALLOC_ZERO the memory is zeroed. Returns NULL when there is none. Context: any; may
 *  sleep only with ALLOC_WAIT. */
void *must_check allocator_allocate(struct allocator allocator, struct layout layout,
                                    enum alloc_flags flags);
void *must_check allocator_allocate_zeroed(struct allocator allocator, struct layout layout,
                                           enum alloc_flags flags);

/** Give memory back, with the layout that it has now. NULL is ignored. What the allocator can
 *  tell is not its own is reported with the caller, and left alone. Context: any. */
void allocator_deallocate(struct allocator allocator, void *memory, struct layout layout);

/** Change the size to new_size_bytes without moving. Returns whether it could. Context: any. */
bool must_check allocator_resize_in_place(struct allocator allocator, void *memory,
                                          struct layout layout, size_t new_size_bytes);

/** Make a block larger, in place where that is possible; with ALLOC_ZERO the new bytes are zeroed.
 *  memory may be NULL when layout.size_bytes is 0. Returns it at its new place, or NULL, and then
 *  the block is as before. Context: any; may sleep only with ALLOC_WAIT. */
void *must_check allocator_grow(struct allocator allocator, void *memory, struct layout layout,
                                size_t new_size_bytes, enum alloc_flags flags);

/** Make a block smaller: it stays where it is, and can't fail. To 0 deallocates. Returns it.
 *  Context: any. */
void *must_check allocator_shrink(struct allocator allocator, void *memory, struct layout layout,
                                  size_t new_size_bytes);

static inline bool allocator_owns(struct allocator allocator, const void *memory)
{
    return allocator.ops->owns(allocator.object, memory);
}

/** The allocator's own walk over itself. */
static inline void allocator_check(struct allocator allocator)
{
    allocator.ops->check(allocator.object);
}

#endif
