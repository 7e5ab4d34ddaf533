// SPDX-License-Identifier: MIT
/* What the two halves of KASAN share: kasan.c (the shadow and the checks) and kasan_report.c. */
#ifndef CAIRN_MM_DEBUG_KASAN_INTERNAL_H
#define CAIRN_MM_DEBUG_KASAN_INTERNAL_H

#include "kernel/base/types.h"

/* Bytes of shadow. 1 to 7: so many of the eight may be used; what is negative: none, and why not. */
enum kasan_shadow {
    KASAN_USABLE = 0,
    KASAN_STACK_FIRST = -15, /* the compiler's: before, between, behind variables of a frame */
    KASAN_STACK_BETWEEN = -14,
    KASAN_STACK_LAST = -13,
    KASAN_STACK_SCOPE = -8, /* the compiler's: a variable whose block has been left */
    KASAN_GLOBAL = -7,
    KASAN_FORBIDDEN = -9, /* an allocator's */
};

/* A global as the compiler describes it. */
struct kasan_global {
    uint64_t start;
    size_t size_bytes;
    size_t size_with_gap_bytes;
    const char *name;
    const char *file;
    uint64_t unused[3];
};

/** The global that an address lies in or behind, or NULL. */
const struct kasan_global *kasan_find_global(uint64_t address);

/** The first byte of a range that must not be used, or 0. */
uint64_t kasan_find_bad(uint64_t start, size_t len_bytes);

/** Log an access to `bad` within [start, start + len_bytes). A place reports once. Context: any. */
void kasan_report(uint64_t bad, uint64_t start, size_t len_bytes, bool is_write, const void *place);

/** Write down who took an object or freed it. Context: any. */
void kasan_note(const void *object, bool is_free);

#endif
