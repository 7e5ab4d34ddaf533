// SPDX-License-Identifier: MIT
/* Hash functions for tables inside the kernel; none resists an attacker who knows them. */
#ifndef CAIRN_BASE_HASH_H
#define CAIRN_BASE_HASH_H

#include "kernel/base/types.h"

/** Mix a number so that every bit of it moves about half of the result's bits.
 *  Source: the finaliser of Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. */
static inline uint64_t hash_u64(uint64_t value)
{
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
    value = (value ^ value >> 27) * 0x94d049bb133111ebull;
    return value ^ value >> 31;
}

static inline uint64_t hash_pointer(const void *pointer)
{
    return hash_u64((uintptr_t)pointer);
}

/** A further number into a hash. */
static inline uint64_t hash_combine(uint64_t hash, uint64_t value)
{
    return hash_u64(hash ^ (value + 0x9e3779b97f4a7c15ull));
}

/** The bytes of a name. FNV-1a (Fowler, Noll, Vo), then mixed, because a table uses the low bits. */
static inline uint64_t hash_bytes(const void *bytes, size_t len_bytes)
{
    const unsigned char *at = bytes;
    uint64_t hash = 0xcbf29ce484222325ull;

    for (; len_bytes > 0; len_bytes--, at++) {
        hash = (hash ^ *at) * 0x100000001b3ull;
    }
    return hash_u64(hash);
}

#endif
