// SPDX-License-Identifier: MIT
/* What the allocators tell an address sanitizer: which bytes nobody may touch now.
 *
 * In a build with -fsanitize=address every free frame and object is out of bounds, so that a use
 * after free is reported where it happens. In other builds these are nothing. */
#ifndef CAIRN_MM_SANITIZE_H
#define CAIRN_MM_SANITIZE_H

#include "kernel/base/types.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZE_ADDRESSES 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZE_ADDRESSES 1
#endif

#ifdef SANITIZE_ADDRESSES

/* A function that may look at what is forbidden. */
#define SANITIZE_NOT __attribute__((no_sanitize_address, noinline))

/* The sanitizer's own interface, by its names. */
void __asan_poison_memory_region(void const volatile *start, size_t len_bytes);
void __asan_unpoison_memory_region(void const volatile *start, size_t len_bytes);

#define sanitize_forbid(start, len_bytes) __asan_poison_memory_region((start), (len_bytes))
#define sanitize_allow(start, len_bytes)  __asan_unpoison_memory_region((start), (len_bytes))

#else

#define SANITIZE_NOT                      __attribute__((noinline))

/* The arguments are not evaluated: not even a page's address is worked out for nothing. */
#define sanitize_forbid(start, len_bytes) ((void)sizeof((const char *)(start) + (len_bytes)))
#define sanitize_allow(start, len_bytes)  ((void)sizeof((const char *)(start) + (len_bytes)))

#endif
#endif
