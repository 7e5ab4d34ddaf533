// SPDX-License-Identifier: MIT
/* Numbers of a fixed byte order.
 *
 * A field of an on-disk or on-wire structure is a `struct le32` (or be16, …): it can't be used as a number by
 * mistake, only through le32_get() and le32_of(). They have the natural alignment of their size; a structure
 * that puts them elsewhere is declared packed. get_le32() and put_le32() serve bytes at any address. */
#ifndef CAIRN_BASE_ENDIAN_H
#define CAIRN_BASE_ENDIAN_H

#include "kernel/base/types.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Cairn runs on little-endian machines only"
#endif

/* One fixed-order type of `bits` bits: the structure, its reader and its maker; then the same for bytes at any
 * address. `swap` is what the order asks for on a little-endian machine. */
#define ENDIAN_DEFINE(order, bits, swap)                                      \
    struct order##bits {                                                      \
        uint##bits##_t raw;                                                   \
    };                                                                        \
    static inline uint##bits##_t order##bits##_get(struct order##bits stored) \
    {                                                                         \
        return swap(stored.raw);                                              \
    }                                                                         \
    static inline struct order##bits order##bits##_of(uint##bits##_t value)   \
    {                                                                         \
        return (struct order##bits){swap(value)};                             \
    }                                                                         \
    static inline uint##bits##_t get_##order##bits(const void *bytes)         \
    {                                                                         \
        uint##bits##_t raw;                                                   \
        __builtin_memcpy(&raw, bytes, sizeof(raw));                           \
        return swap(raw);                                                     \
    }                                                                         \
    static inline void put_##order##bits(void *bytes, uint##bits##_t value)   \
    {                                                                         \
        uint##bits##_t raw = swap(value);                                     \
        __builtin_memcpy(bytes, &raw, sizeof(raw));                           \
    }

#define ENDIAN_KEEP(value) (value)

/* clang-format off */
ENDIAN_DEFINE(le, 16, ENDIAN_KEEP)
ENDIAN_DEFINE(le, 32, ENDIAN_KEEP)
ENDIAN_DEFINE(le, 64, ENDIAN_KEEP)
ENDIAN_DEFINE(be, 16, __builtin_bswap16)
ENDIAN_DEFINE(be, 32, __builtin_bswap32)
ENDIAN_DEFINE(be, 64, __builtin_bswap64)
/* clang-format on */

#undef ENDIAN_DEFINE
#undef ENDIAN_KEEP

#endif
