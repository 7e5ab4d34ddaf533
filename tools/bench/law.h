// SPDX-License-Identifier: MIT
/* Which slot a step of a load visits, and which size it asks for. The law stands in law.c. */
#ifndef CAIRN_TOOLS_BENCH_LAW_H
#define CAIRN_TOOLS_BENCH_LAW_H

#include "tools/bench/bench.h"

enum { LAW_NR_RANGES = 7 };

struct law {
    const char *name;
    uint64_t nr_slots;
    unsigned size_exponent;              /* sizes to 2^this */
    uint32_t range_limit[LAW_NR_RANGES]; /* a range is chosen by 32 random bits below its limit */
    uint64_t first_slot[LAW_NR_RANGES + 1];
};

/** The law of a workload, W1 or W2, for a share of its slots. Ends the program if there is none. */
struct law law_make(const char *name, unsigned nr_shares);

/** Draw from the law, and compare what comes with what should, range by range and size by size; end
 *  the program with a message if they differ by more than chance. */
void law_check(const struct law *law);

static inline uint64_t law_slot(const struct law *law, uint64_t random)
{
    uint32_t chooser = (uint32_t)random;
    unsigned range = 0;
    uint64_t len;

    while (range < LAW_NR_RANGES - 1 && chooser >= law->range_limit[range]) {
        range++;
    }
    len = law->first_slot[range + 1] - law->first_slot[range];
    return law->first_slot[range] + (random >> 32) % len;
}

static inline size_t law_size(const struct law *law, uint64_t random)
{
    uint64_t chooser = (random & ((1ull << (law->size_exponent - 3)) - 1)) + 1;
    unsigned bin = (unsigned)__builtin_ctzll(chooser) + 2;

    return (1ull << bin) + 1 + ((random >> 32) & ((1ull << bin) - 1));
}

#endif
