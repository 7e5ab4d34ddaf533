// SPDX-License-Identifier: MIT
/* What the compiler calls when the base instruction set lacks an instruction for a builtin: counting zeros and
 * ones, and turning bytes around. The freestanding kernel links no library, so they are here; a hosted build has
 * the compiler's own. */
#if !__STDC_HOSTED__

#include "kernel/base/types.h"

int __ctzdi2(uint64_t word);
int __clzdi2(uint64_t word);
int __ctzsi2(uint32_t word);
int __clzsi2(uint32_t word);
int __ffsdi2(uint64_t word);
int __popcountdi2(uint64_t word);
int __popcountsi2(uint32_t word);
uint32_t __bswapsi2(uint32_t value);
uint64_t __bswapdi2(uint64_t value);

/* By halves: is the answer in the upper or the lower half of what is left? */
int __clzdi2(uint64_t word)
{
    int count = 0;

    if (word >> 32 == 0) {
        count += 32;
        word <<= 32;
    }
    if (word >> 48 == 0) {
        count += 16;
        word <<= 16;
    }
    if (word >> 56 == 0) {
        count += 8;
        word <<= 8;
    }
    if (word >> 60 == 0) {
        count += 4;
        word <<= 4;
    }
    if (word >> 62 == 0) {
        count += 2;
        word <<= 2;
    }
    return count + (word >> 63 == 0);
}

/* A word with only its lowest set bit left has its zeros below that bit. */
int __ctzdi2(uint64_t word)
{
    return 63 - __clzdi2(word & -word);
}

int __clzsi2(uint32_t word)
{
    return __clzdi2(word) - 32;
}

int __ctzsi2(uint32_t word)
{
    return __ctzdi2(word);
}

int __ffsdi2(uint64_t word)
{
    return word == 0 ? 0 : __ctzdi2(word) + 1;
}

/* Sums of two, four, then eight neighbouring bits; the multiplication adds the eight bytes up. */
int __popcountdi2(uint64_t word)
{
    word -= word >> 1 & 0x5555555555555555ull;
    word = (word & 0x3333333333333333ull) + (word >> 2 & 0x3333333333333333ull);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0full;
    return (int)(word * 0x0101010101010101ull >> 56);
}

int __popcountsi2(uint32_t word)
{
    return __popcountdi2(word);
}

uint64_t __bswapdi2(uint64_t value)
{
    value = (value & 0x00ff00ff00ff00ffull) << 8 | (value >> 8 & 0x00ff00ff00ff00ffull);
    value = (value & 0x0000ffff0000ffffull) << 16 | (value >> 16 & 0x0000ffff0000ffffull);
    return value << 32 | value >> 32;
}

uint32_t __bswapsi2(uint32_t value)
{
    value = (value & 0x00ff00ffu) << 8 | (value >> 8 & 0x00ff00ffu);
    return value << 16 | value >> 16;
}

#else
typedef int libgcc_is_the_hosts; /* ISO C forbids an empty file */
#endif
