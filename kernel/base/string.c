// SPDX-License-Identifier: MIT
/* What the kernel needs of strings and pages beyond <string.h>; the standard functions are in memory.c. */
#include "kernel/base/string.h"
#include "kernel/abi/errno.h"

size_t strlcpy(char *restrict dst, const char *restrict src, size_t size_bytes)
{
    size_t len_bytes = strlen(src);

    if (size_bytes > 0) {
        size_t copied_bytes = min_of(len_bytes, size_bytes - 1);
        memcpy(dst, src, copied_bytes);
        dst[copied_bytes] = '\0';
    }
    return len_bytes;
}

/* The value of a digit in any base up to 36, or 36. */
static unsigned digit_value(char c)
{
    if (char_is_digit(c)) {
        return (unsigned)(c - '0');
    }
    int upper = char_to_upper(c);
    return upper >= 'A' && upper <= 'Z' ? (unsigned)(upper - 'A') + 10 : 36;
}

int parse_u64(const char *text, unsigned base, const char **end, uint64_t *value)
{
    uint64_t sum = 0;
    bool overflowed = false;

    if (base == 0) {
        base = text[0] == '0' ? 8 : 10;
        if (text[0] == '0' && char_to_lower(text[1]) == 'x' && digit_value(text[2]) < 16) {
            base = 16;
        }
    }
    if (base == 16 && text[0] == '0' && char_to_lower(text[1]) == 'x' &&
        digit_value(text[2]) < 16) {
        text += 2;
    }
    const char *at = text;
    for (; digit_value(*at) < base; at++) {
        overflowed |= __builtin_mul_overflow(sum, (uint64_t)base, &sum);
        overflowed |= __builtin_add_overflow(sum, (uint64_t)digit_value(*at), &sum);
    }
    if (at == text || (end == NULL && *at != '\0')) {
        return -EINVAL;
    }
    if (overflowed) {
        return -ERANGE;
    }
    if (end != NULL) {
        *end = at;
    }
    *value = sum;
    return 0;
}

/* Whole pages are cleared and copied at most page faults. Their length and alignment are known, so
 * the loops need no beginning and no end, and a turn can be long: what a turn costs besides its loads and
 * stores is then little. */

typedef uint64_t __attribute__((may_alias)) page_word_t;

enum { PAGE_WORDS = PAGE_SIZE / sizeof(page_word_t), TURN_WORDS = 64, GROUP_WORDS = 8 };

/* Words are copied in groups for which there are registers. The barrier keeps the groups apart: mixed by the
 * compiler, they need more registers than there are. */
static inline void copy_group(page_word_t *to, const page_word_t *from)
{
    page_word_t words[GROUP_WORDS];

#pragma GCC unroll 8
    for (unsigned i = 0; i < GROUP_WORDS; i++) {
        words[i] = from[i];
    }
#pragma GCC unroll 8
    for (unsigned i = 0; i < GROUP_WORDS; i++) {
        to[i] = words[i];
    }
    __asm__ volatile("" : : : "memory");
}

void page_copy(void *restrict dst, const void *restrict src)
{
    page_word_t *to = dst;
    const page_word_t *from = src;

    for (const page_word_t *end = from + PAGE_WORDS; from != end; from += TURN_WORDS) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < TURN_WORDS; i += GROUP_WORDS) {
            copy_group(to + i, from + i);
        }
        to += TURN_WORDS;
    }
}

void page_zero(void *dst)
{
    page_word_t *to = dst;

    for (const page_word_t *end = to + PAGE_WORDS; to != end; to += TURN_WORDS) {
#pragma GCC unroll 64
        for (unsigned i = 0; i < TURN_WORDS; i++) {
            to[i] = 0;
        }
    }
}
