// SPDX-License-Identifier: MIT
/* A histogram by powers of two.
 *
 * Durations of allocations span five orders of magnitude, and what counts is their order: a
 * thousand take a microsecond, three take a millisecond. Bucket b counts the values of b binary
 * digits, so the bucket is one count of leading zeros, forty buckets are enough for all that fits
 * in eighteen minutes of nanoseconds, and nothing is lost at the edges: the last takes the rest.
 * The average follows from the sum, and the worst case is kept to the digit, since that is what
 * promises are made of.
 *
 * Each number is an atomic word of its own; a reader may see one value in its bucket and not yet in
 * the sum. */
#include "mm/alloc/histogram.h"

#include "kernel/base/assert.h"
#include "kernel/base/bits.h"

static unsigned bucket_of(uint64_t value)
{
    return value == 0 ? 0 : min_of(bit_last(value) + 1, HISTOGRAM_BUCKETS - 1);
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
    uint64_t worst = atomic_load_explicit(&histogram->worst, memory_order_relaxed);

    atomic_fetch_add_explicit(&histogram->buckets[bucket_of(value)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum, value, memory_order_relaxed);
    while (worst < value &&
           !atomic_compare_exchange_weak_explicit(&histogram->worst, &worst, value,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

void histogram_clear(struct histogram *histogram)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        atomic_store_explicit(&histogram->buckets[i], 0, memory_order_relaxed);
    }
    atomic_store_explicit(&histogram->sum, 0, memory_order_relaxed);
    atomic_store_explicit(&histogram->worst, 0, memory_order_relaxed);
}

uint64_t histogram_count(const struct histogram *histogram)
{
    uint64_t nr = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        nr += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
    }
    return nr;
}

void histogram_check(const struct histogram *histogram)
{
    uint64_t worst = atomic_load_explicit(&histogram->worst, memory_order_relaxed);
    uint64_t sum = atomic_load_explicit(&histogram->sum, memory_order_relaxed);
    uint64_t least = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t nr = atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);

        assert(nr == 0 || i <= bucket_of(worst));
        least += i == 0 ? 0 : nr << (i - 1);
    }
    assert(worst == 0 ||
           atomic_load_explicit(&histogram->buckets[bucket_of(worst)], memory_order_relaxed) != 0);
    assert(worst <= sum && least <= sum);
}
