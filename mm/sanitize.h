// SPDX-License-Identifier: MIT
/* What the allocators tell an address sanitizer: which bytes nobody may touch now.
 *
 * Two builds have one: the host tests, with the compiler's own runtime (-fsanitize=address), and the
 * kernel that `make KASAN=1` builds, with that of mm/debug/kasan.c. There every free frame and object
 * is out of bounds, so that a use after free is reported where it happens. In other builds these are
 * nothing. */
#ifndef CAIRN_MM_SANITIZE_H
#define CAIRN_MM_SANITIZE_H

#include "kernel/base/types.h"

#ifdef CAIRN_KASAN /* also in the few files that are not instrumented */
#define SANITIZE_ADDRESSES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZE_ADDRESSES 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZE_ADDRESSES 1
#endif

#ifdef SANITIZE_ADDRESSES

#define SANITIZE_IS_ON 1

/* A function that may look at what is forbidden. */
#define SANITIZE_NOT __attribute__((no_sanitize_address, noinline))

/* The sanitizer's own interface, by its names. */
void __asan_poison_memory_region(void const volatile *start, size_t len_bytes);
void __asan_unpoison_memory_region(void const volatile *start, size_t len_bytes);

#define sanitize_forbid(start, len_bytes) __asan_poison_memory_region((start), (len_bytes))
#define sanitize_allow(start, len_bytes)  __asan_unpoison_memory_region((start), (len_bytes))

/* The same for the objects of caches. KASAN also writes down who takes and who frees one, and keeps
 * objects this far apart: what is one byte behind an object must not be the next one. */
#ifdef CAIRN_KASAN
#define SANITIZE_GAP_BYTES 16u
void sanitize_give(void *object, size_t len_bytes);
void sanitize_take(void *object, size_t len_bytes);
#else
#define SANITIZE_GAP_BYTES               0u
#define sanitize_give(object, len_bytes) sanitize_allow((object), (len_bytes))
#define sanitize_take(object, len_bytes) sanitize_forbid((object), (len_bytes))
#endif

#else

#define SANITIZE_IS_ON                    0
#define SANITIZE_GAP_BYTES                0u
#define SANITIZE_NOT                      __attribute__((noinline))

/* The arguments are not evaluated: not even a page's address is worked out for nothing. */
#define sanitize_forbid(start, len_bytes) ((void)sizeof((const char *)(start) + (len_bytes)))
#define sanitize_allow(start, len_bytes)  ((void)sizeof((const char *)(start) + (len_bytes)))
#define sanitize_give(object, len_bytes)  sanitize_allow((object), (len_bytes))
#define sanitize_take(object, len_bytes)  sanitize_forbid((object), (len_bytes))

#endif
#endif
