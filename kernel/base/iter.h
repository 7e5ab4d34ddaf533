// SPDX-License-Identifier: MIT
/* Where the bytes of a read come to, or those of a write from: user or kernel memory, one piece or many.
 *
 * File systems and drivers move data through a `struct iter`, so that one code path serves read, readv, sendfile,
 * execve and the host tests, and so that no file system ever touches a user pointer itself. */
#ifndef CAIRN_BASE_ITER_H
#define CAIRN_BASE_ITER_H

#include "kernel/base/types.h"

struct iter_segment {
    uint64_t base; /* a user address, or a kernel pointer */
    uint64_t len_bytes;
};

struct iter {
    const struct iter_segment *segments; /* the current one first */
    unsigned nr_segments;
    bool is_user;
    uint64_t offset_bytes;      /* into the current segment */
    uint64_t remaining_bytes;   /* in all */
    struct iter_segment single; /* backs the iters of one piece; such an iter must not be copied */
};

void iter_init_kernel(struct iter *iter, void *buffer, size_t len_bytes);
void iter_init_user(struct iter *iter, user_t buffer, size_t len_bytes);

/** Over an array of segments, which stays the caller's and must outlive the iter. */
void iter_init_vector(struct iter *iter, const struct iter_segment *segments, unsigned nr,
                      bool is_user);

/** Copy into the iter's memory, or out of it, and advance. Returns the bytes moved: fewer than asked means
 *  that the iter's end or a bad user address was met. Context: may sleep if is_user. */
size_t must_check iter_copy_to(struct iter *iter, const void *src, size_t len_bytes);
size_t must_check iter_copy_from(struct iter *iter, void *dst, size_t len_bytes);
size_t must_check iter_zero(struct iter *iter, size_t len_bytes);

/** Read from each page of the next len_bytes of user memory, so that a following iter_copy_from() inside
 *  port_user_nofault_begin() will likely succeed. (It does not prepare memory for writing: copy *to* users with
 *  faults allowed.) Returns the bytes that can be reached. Context: may sleep. */
size_t must_check iter_fault_in(struct iter *iter, size_t len_bytes);

/** Move forward without copying; at most to the end. */
void iter_advance(struct iter *iter, size_t len_bytes);

/** Undo an advance of len_bytes. */
void iter_revert(struct iter *iter, size_t len_bytes);

#endif
