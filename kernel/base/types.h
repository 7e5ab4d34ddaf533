// SPDX-License-Identifier: MIT
/* The scalars that everybody uses, and two that the compiler keeps apart.
 *
 * A physical address and a user pointer are numbers that must never be dereferenced as they stand, so each
 * is a structure of one field: passing one where a plain pointer is expected does not compile. */
#ifndef CAIRN_BASE_TYPES_H
#define CAIRN_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __STDC_HOSTED__
#if __STDC_HOSTED__
#include <sys/types.h>
#else
typedef long ssize_t;
typedef int64_t off_t;
typedef int32_t pid_t;
typedef uint32_t uid_t;
typedef uint32_t gid_t;
typedef uint32_t mode_t;
#endif
#endif

typedef struct {
    uint64_t addr;
} phys_t;

typedef struct {
    uint64_t addr;
} user_t;

static inline phys_t phys(uint64_t addr)
{
    return (phys_t){addr};
}

static inline user_t user_ptr(uint64_t addr)
{
    return (user_t){addr};
}

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (PAGE_SIZE - 1)

/* The most harts that Cairn drives. Per-hart data are arrays of this size. */
#define MAX_HARTS 8

#ifndef static_assert
#define static_assert _Static_assert
#endif

#define must_check                          __attribute__((warn_unused_result))
#define printf_like(format_index, first)    __attribute__((format(printf, format_index, first)))
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define array_size(array)                   (sizeof(array) / sizeof((array)[0]))
#define align_up(value, alignment)          (((value) + (alignment)-1) & ~((__typeof__(value))(alignment)-1))
#define align_down(value, alignment)        ((value) & ~((__typeof__(value))(alignment)-1))
#define min_of(a, b)                   \
    ({                                 \
        __typeof__(a) min_a = (a);     \
        __typeof__(b) min_b = (b);     \
        min_a < min_b ? min_a : min_b; \
    })
#define max_of(a, b)                   \
    ({                                 \
        __typeof__(a) max_a = (a);     \
        __typeof__(b) max_b = (b);     \
        max_a > max_b ? max_a : max_b; \
    })
#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* Behind the call of a slow path at the end of a function: it stays a call, and so the only path that
 * needs a stack frame. As a jump, it would have GCC make the frame on the fast path, too. */
#define keep_call() __asm__ volatile("")

#endif
