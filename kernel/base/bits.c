// SPDX-License-Identifier: MIT
/* Searching and filling bitmaps, a word at a time. */
#include "kernel/base/bits.h"

/* The first bit at or after `from` of the map whose words are XORed with `invert` (0, or all ones). */
static size_t find_from(const uint64_t *map, size_t nr_bits, size_t from, uint64_t invert)
{
    if (from >= nr_bits) {
        return nr_bits;
    }
    size_t word_index = from / BITMAP_WORD_BITS;
    uint64_t word = (map[word_index] ^ invert) & (~0ull << (from % BITMAP_WORD_BITS));

    while (word == 0) {
        word_index++;
        if (word_index * BITMAP_WORD_BITS >= nr_bits) {
            return nr_bits;
        }
        word = map[word_index] ^ invert;
    }
    return min_of(word_index * BITMAP_WORD_BITS + bit_first(word), nr_bits);
}

size_t bitmap_find_set(const uint64_t *map, size_t nr_bits, size_t from)
{
    return find_from(map, nr_bits, from, 0);
}

size_t bitmap_find_clear(const uint64_t *map, size_t nr_bits, size_t from)
{
    return find_from(map, nr_bits, from, ~0ull);
}

size_t bitmap_find_clear_run(const uint64_t *map, size_t nr_bits, size_t from, size_t nr_wanted)
{
    for (;;) {
        size_t first = bitmap_find_clear(map, nr_bits, from);
        if (first >= nr_bits || nr_bits - first < nr_wanted) {
            return nr_bits;
        }
        size_t end = bitmap_find_set(map, first + nr_wanted, first);
        if (end == first + nr_wanted) {
            return first;
        }
        from = end;
    }
}

/* The mask of one word's bits that belong to the range [first, end), and the step to the next word. */
static uint64_t range_mask(size_t first, size_t end, size_t *next)
{
    size_t word_end = align_down(first, (size_t)BITMAP_WORD_BITS) + BITMAP_WORD_BITS;

    *next = min_of(end, word_end);
    return BIT_RANGE(first % BITMAP_WORD_BITS, (*next - 1) % BITMAP_WORD_BITS);
}

void bitmap_set_range(uint64_t *map, size_t first, size_t nr)
{
    size_t end = first + nr;

    while (first < end) {
        size_t next;
        uint64_t mask = range_mask(first, end, &next);
        map[first / BITMAP_WORD_BITS] |= mask;
        first = next;
    }
}

void bitmap_clear_range(uint64_t *map, size_t first, size_t nr)
{
    size_t end = first + nr;

    while (first < end) {
        size_t next;
        uint64_t mask = range_mask(first, end, &next);
        map[first / BITMAP_WORD_BITS] &= ~mask;
        first = next;
    }
}

size_t bitmap_count(const uint64_t *map, size_t nr_bits)
{
    size_t count = 0;
    size_t first = 0;

    while (first < nr_bits) {
        size_t next;
        uint64_t mask = range_mask(first, nr_bits, &next);
        count += bit_count(map[first / BITMAP_WORD_BITS] & mask);
        first = next;
    }
    return count;
}
