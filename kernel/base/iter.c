// SPDX-License-Identifier: MIT
/* Iterators over user or kernel memory: see iter.h for what they are for.
 *
 * Position is the current segment (the first of `segments`), the offset into it, and the bytes left in all.
 * Every operation is one walk over pieces, a piece being what the current segment still holds of the bytes asked;
 * what is done with a piece is the only difference between them. A piece of user memory may be moved in part: the
 * walk then ends there, and the iterator stands just behind the last byte that was moved.
 *
 * Invariants: offset_bytes <= segments[0].len_bytes while bytes remain; remaining_bytes is never more than the
 * segments hold from the position on. */
#include "kernel/base/iter.h"
#include "kernel/base/assert.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"

void iter_init_vector(struct iter *iter, const struct iter_segment *segments, unsigned nr,
                      bool is_user)
{
    iter->segments = segments;
    iter->nr_segments = nr;
    iter->is_user = is_user;
    iter->offset_bytes = 0;
    iter->remaining_bytes = 0;
    for (unsigned i = 0; i < nr; i++) {
        iter->remaining_bytes += segments[i].len_bytes;
    }
}

static void init_single(struct iter *iter, uint64_t base, size_t len_bytes, bool is_user)
{
    iter->single = (struct iter_segment){base, len_bytes};
    iter_init_vector(iter, &iter->single, 1, is_user);
}

void iter_init_kernel(struct iter *iter, void *buffer, size_t len_bytes)
{
    init_single(iter, (uint64_t)(uintptr_t)buffer, len_bytes, false);
}

void iter_init_user(struct iter *iter, user_t buffer, size_t len_bytes)
{
    init_single(iter, buffer.addr, len_bytes, true);
}

/* The piece at the position, at most max_bytes of it; steps over used-up segments first. */
static size_t current_piece(struct iter *iter, size_t max_bytes, uint64_t *address)
{
    max_bytes = min_of((uint64_t)max_bytes, iter->remaining_bytes);
    if (max_bytes == 0) {
        return 0;
    }
    while (iter->offset_bytes == iter->segments->len_bytes) {
        assert(iter->nr_segments > 1);
        iter->segments++;
        iter->nr_segments--;
        iter->offset_bytes = 0;
    }
    *address = iter->segments->base + iter->offset_bytes;
    return min_of((uint64_t)max_bytes, iter->segments->len_bytes - iter->offset_bytes);
}

static void step_forward(struct iter *iter, size_t len_bytes)
{
    iter->offset_bytes += len_bytes;
    iter->remaining_bytes -= len_bytes;
}

/* A piece's kernel memory. */
static void *kernel_memory(uint64_t address)
{
    return (void *)(uintptr_t)address;
}

size_t iter_copy_to(struct iter *iter, const void *src, size_t len_bytes)
{
    size_t done_bytes = 0;
    size_t piece_bytes;
    uint64_t address;

    while ((piece_bytes = current_piece(iter, len_bytes - done_bytes, &address)) > 0) {
        const char *from = (const char *)src + done_bytes;
        size_t missed_bytes = 0;
        if (iter->is_user) {
            missed_bytes = port_copy_to_user(user_ptr(address), from, piece_bytes);
        } else {
            memcpy(kernel_memory(address), from, piece_bytes);
        }
        step_forward(iter, piece_bytes - missed_bytes);
        done_bytes += piece_bytes - missed_bytes;
        if (missed_bytes > 0) {
            break;
        }
    }
    return done_bytes;
}

size_t iter_copy_from(struct iter *iter, void *dst, size_t len_bytes)
{
    size_t done_bytes = 0;
    size_t piece_bytes;
    uint64_t address;

    while ((piece_bytes = current_piece(iter, len_bytes - done_bytes, &address)) > 0) {
        char *to = (char *)dst + done_bytes;
        size_t missed_bytes = 0;
        if (iter->is_user) {
            missed_bytes = port_copy_from_user(to, user_ptr(address), piece_bytes);
        } else {
            memcpy(to, kernel_memory(address), piece_bytes);
        }
        step_forward(iter, piece_bytes - missed_bytes);
        done_bytes += piece_bytes - missed_bytes;
        if (missed_bytes > 0) {
            break;
        }
    }
    return done_bytes;
}

size_t iter_zero(struct iter *iter, size_t len_bytes)
{
    size_t done_bytes = 0;
    size_t piece_bytes;
    uint64_t address;

    while ((piece_bytes = current_piece(iter, len_bytes - done_bytes, &address)) > 0) {
        size_t missed_bytes = 0;
        if (iter->is_user) {
            missed_bytes = port_clear_user(user_ptr(address), piece_bytes);
        } else {
            memset(kernel_memory(address), 0, piece_bytes);
        }
        step_forward(iter, piece_bytes - missed_bytes);
        done_bytes += piece_bytes - missed_bytes;
        if (missed_bytes > 0) {
            break;
        }
    }
    return done_bytes;
}

/* Read a byte of each page of [address, address + len_bytes). Returns the bytes before the first bad page. */
static size_t touch_user_pages(uint64_t address, size_t len_bytes)
{
    size_t done_bytes = 0;

    while (done_bytes < len_bytes) {
        char byte;
        if (port_copy_from_user(&byte, user_ptr(address + done_bytes), 1) != 0) {
            break;
        }
        size_t page_rest_bytes = PAGE_SIZE - ((address + done_bytes) & PAGE_MASK);
        done_bytes += min_of(page_rest_bytes, len_bytes - done_bytes);
    }
    return done_bytes;
}

size_t iter_fault_in(struct iter *iter, size_t len_bytes)
{
    size_t done_bytes = 0;
    size_t piece_bytes;
    uint64_t address;
    struct iter walk = *iter; /* the position stays; `single` is only read through iter->segments */

    if (!iter->is_user) {
        return (size_t)min_of((uint64_t)len_bytes, iter->remaining_bytes);
    }
    while ((piece_bytes = current_piece(&walk, len_bytes - done_bytes, &address)) > 0) {
        size_t reached_bytes = touch_user_pages(address, piece_bytes);
        step_forward(&walk, reached_bytes);
        done_bytes += reached_bytes;
        if (reached_bytes < piece_bytes) {
            break;
        }
    }
    return done_bytes;
}

void iter_advance(struct iter *iter, size_t len_bytes)
{
    size_t piece_bytes;
    uint64_t address;

    while ((piece_bytes = current_piece(iter, len_bytes, &address)) > 0) {
        step_forward(iter, piece_bytes);
        len_bytes -= piece_bytes;
    }
}

void iter_revert(struct iter *iter, size_t len_bytes)
{
    iter->remaining_bytes += len_bytes;
    while (len_bytes > iter->offset_bytes) {
        len_bytes -= iter->offset_bytes;
        iter->segments--;
        iter->nr_segments++;
        iter->offset_bytes = iter->segments->len_bytes;
    }
    iter->offset_bytes -= len_bytes;
}
