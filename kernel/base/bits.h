// SPDX-License-Identifier: MIT
/* Bits of a word, and bitmaps: arrays of 64-bit words in which bit 0 is the lowest of word 0.
 *
 * The riscv64 base instruction set can't count zeros; libgcc.c supplies what the compiler then calls. */
#ifndef CAIRN_BASE_BITS_H
#define CAIRN_BASE_BITS_H

#include "kernel/base/types.h"
#include <stdatomic.h>

#define BITMAP_WORD_BITS         64
#define BITMAP_NR_WORDS(nr_bits) (((nr_bits) + BITMAP_WORD_BITS - 1) / BITMAP_WORD_BITS)

/* One bit; a mask of the bits first..last, both included. */
#define BIT(index)             (1ull << (index))
#define BIT_RANGE(first, last) ((~0ull >> (63 - (last))) & (~0ull << (first)))

/** The lowest set bit of a word that is not 0. */
static inline unsigned bit_first(uint64_t word)
{
    return (unsigned)__builtin_ctzll(word);
}

/** The highest set bit of a word that is not 0: its logarithm, rounded down. */
static inline unsigned bit_last(uint64_t word)
{
    return 63 - (unsigned)__builtin_clzll(word);
}

static inline unsigned bit_count(uint64_t word)
{
    return (unsigned)__builtin_popcountll(word);
}

/** Logarithm to the base 2 of a value that is not 0, rounded down, and up. */
static inline unsigned log2_floor(uint64_t value)
{
    return bit_last(value);
}

static inline unsigned log2_ceil(uint64_t value)
{
    return value <= 1 ? 0 : bit_last(value - 1) + 1;
}

static inline bool is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/** value / divisor, rounded up; must not overflow. */
#define div_round_up(value, divisor) (((value) + (divisor)-1) / (divisor))

static inline bool bitmap_test(const uint64_t *map, size_t index)
{
    return (map[index / BITMAP_WORD_BITS] >> (index % BITMAP_WORD_BITS) & 1) != 0;
}

static inline void bitmap_set(uint64_t *map, size_t index)
{
    map[index / BITMAP_WORD_BITS] |= BIT(index % BITMAP_WORD_BITS);
}

static inline void bitmap_clear(uint64_t *map, size_t index)
{
    map[index / BITMAP_WORD_BITS] &= ~BIT(index % BITMAP_WORD_BITS);
}

/** The first set (or clear) bit at or after `from`, or nr_bits if there is none. */
size_t bitmap_find_set(const uint64_t *map, size_t nr_bits, size_t from);
size_t bitmap_find_clear(const uint64_t *map, size_t nr_bits, size_t from);

/** The first run of nr_wanted clear bits at or after `from`, or nr_bits if there is none. */
size_t bitmap_find_clear_run(const uint64_t *map, size_t nr_bits, size_t from, size_t nr_wanted);

void bitmap_set_range(uint64_t *map, size_t first, size_t nr);
void bitmap_clear_range(uint64_t *map, size_t first, size_t nr);

/** The number of set bits among the first nr_bits. */
size_t bitmap_count(const uint64_t *map, size_t nr_bits);

/* The same on words that other harts change meanwhile. Test-and-set is an acquire, test-and-clear a release: a
 * bit can serve as a lock. Each returns what the bit was. */
static inline bool bitmap_test_atomic(const _Atomic uint64_t *map, size_t index)
{
    uint64_t word = atomic_load_explicit(&map[index / BITMAP_WORD_BITS], memory_order_acquire);

    return (word >> (index % BITMAP_WORD_BITS) & 1) != 0;
}

static inline bool bitmap_test_and_set_atomic(_Atomic uint64_t *map, size_t index)
{
    uint64_t bit = BIT(index % BITMAP_WORD_BITS);

    return (atomic_fetch_or_explicit(&map[index / BITMAP_WORD_BITS], bit, memory_order_acq_rel) &
            bit) != 0;
}

static inline bool bitmap_test_and_clear_atomic(_Atomic uint64_t *map, size_t index)
{
    uint64_t bit = BIT(index % BITMAP_WORD_BITS);

    return (atomic_fetch_and_explicit(&map[index / BITMAP_WORD_BITS], ~bit, memory_order_acq_rel) &
            bit) != 0;
}

#endif
