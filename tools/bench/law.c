// SPDX-License-Identifier: MIT
/* The law of the loads W1 and W2: a few slots are visited very often and most of them rarely, and
 * small sizes are much more frequent than large ones, as in real programs.
 *
 * Slots fall into seven ranges. Range i is visited with probability p[i] and has the fraction p[6-i]
 * of all slots: 26 % of all visits go to six slots of 100,000.
 *
 * Sizes fall into bins (2^i, 2^(i+1)], i = 2 .. E-1, each half as likely as the one below, and evenly
 * within a bin: i is two more than the trailing zeros of a random number from 1 to 2^(E-3). So every
 * bin stands for about as many bytes as any other (the last for twice as many).
 *
 * A published benchmark of this kind drew nothing but zeros for years, since nobody looked. So the
 * programs check what they draw before they measure: each range and each bin must be as frequent as
 * it should, within five standard deviations.
 *
 * Source: the load is described in "Testing memory allocators", ithare.com, 2018. */
#include "tools/bench/law.h"

#include <math.h>
#include <string.h>

static const double probability[LAW_NR_RANGES] = {.262144, .393216, .24576, .08192,
                                                  .01536,  .001536, .000064};

enum { NR_DRAWS = 4000000, NR_BINS = 32 };

struct law law_make(const char *name, unsigned nr_shares)
{
    struct law law = {.name = name};
    double sum = 0;

    if (strcmp(name, "W1") == 0) {
        law.nr_slots = (1u << 18) / nr_shares;
        law.size_exponent = 10;
    } else if (strcmp(name, "W2") == 0) {
        law.nr_slots = (1u << 20) / nr_shares;
        law.size_exponent = 16;
    } else {
        bench_fail("bench: no load is called %s", name);
    }
    for (unsigned i = 0; i < LAW_NR_RANGES; i++) {
        double slots = (double)law.nr_slots * probability[LAW_NR_RANGES - 1 - i];
        sum += probability[i];
        law.range_limit[i] = (uint32_t)(fmin(sum, 1.0) * UINT32_MAX);
        law.first_slot[i + 1] = law.first_slot[i] + (uint64_t)fmax(slots, 1.0);
    }
    law.first_slot[LAW_NR_RANGES] = law.nr_slots;
    return law;
}

static void check_count(const struct law *law, const char *what, unsigned number, uint64_t count,
                        double expected_share)
{
    double expected = expected_share * NR_DRAWS;
    double deviation = sqrt(expected * (1 - expected_share));

    if (fabs((double)count - expected) > 5 * deviation + 1) {
        bench_fail(
            "bench: %s: %s %u was drawn %llu times, not about %.0f: the load is not the one it "
            "should be, and nothing was measured",
            law->name, what, number, (unsigned long long)count, expected);
    }
}

void law_check(const struct law *law)
{
    uint64_t in_range[LAW_NR_RANGES] = {0};
    uint64_t in_bin[NR_BINS] = {0};
    uint64_t in_upper_half = 0;
    uint64_t random = 1;

    for (unsigned draw = 0; draw < NR_DRAWS; draw++) {
        uint64_t slot = law_slot(law, bench_random(&random));
        size_t size = law_size(law, bench_random(&random));
        unsigned bin = 63u - (unsigned)__builtin_clzll(size - 1);
        unsigned range = 0;
        while (slot >= law->first_slot[range + 1]) {
            range++;
        }
        in_range[range]++;
        in_bin[bin]++;
        in_upper_half += size - 1 - (1ull << bin) >= 1ull << (bin - 1);
    }
    for (unsigned i = 0; i < LAW_NR_RANGES; i++) {
        check_count(law, "slot range", i, in_range[i], probability[i]);
    }
    for (unsigned i = 0; i < NR_BINS; i++) {
        bool is_last = i == law->size_exponent - 1;
        bool is_bin = i >= 2 && i < law->size_exponent;
        check_count(law, "size bin", i, in_bin[i], is_bin ? ldexp(1, 1 - (int)i + is_last) : 0);
    }
    check_count(law, "the upper half of size bins,", 0, in_upper_half, 0.5);
}
