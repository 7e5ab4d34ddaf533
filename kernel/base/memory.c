// SPDX-License-Identifier: MIT
/* memcpy and its family, for a machine whose misaligned accesses may trap.
 *
 * The idea: move bytes until the destination is aligned to a word, then whole words, eight to a turn, then the
 * bytes that remain. If the source then is not aligned too, each word written is merged from the two aligned
 * words read that overlap it: two shifts and an "or" cost less than eight byte loads. Such a read touches only
 * words that hold at least one byte of the source, so it never leaves the source's last page.
 *
 * Invariant of every loop: bytes are read before anything later in the walk overwrites them, so that the
 * forward copy also serves memmove() when the destination is below the source.
 *
 * Hosted builds have these functions in their C library; ours then get another name and only the tests call
 * them, to compare the two. */
#include "kernel/base/memory_names.h"
#include "kernel/base/string.h"

/* Without this the compiler sees a loop that copies memory and turns it into a call of memcpy: of itself. */
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

typedef uint64_t __attribute__((may_alias)) word_t;

enum { WORD_BYTES = sizeof(word_t), WORD_MASK = WORD_BYTES - 1, UNROLLED_BYTES = 8 * WORD_BYTES };

static inline bool is_word_aligned(const void *pointer)
{
    return ((uintptr_t)pointer & WORD_MASK) == 0;
}

static inline void copy_eight_words(word_t *to, const word_t *from)
{
    word_t w0 = from[0], w1 = from[1], w2 = from[2], w3 = from[3];
    word_t w4 = from[4], w5 = from[5], w6 = from[6], w7 = from[7];

    to[0] = w0;
    to[1] = w1;
    to[2] = w2;
    to[3] = w3;
    to[4] = w4;
    to[5] = w5;
    to[6] = w6;
    to[7] = w7;
}

/* Both aligned; returns the bytes moved, a multiple of the word. */
static size_t copy_aligned(void *dst, const void *src, size_t len_bytes)
{
    word_t *to = dst;
    const word_t *from = src;
    size_t left_bytes = len_bytes;

    for (; left_bytes >= UNROLLED_BYTES; left_bytes -= UNROLLED_BYTES) {
        copy_eight_words(to, from);
        to += 8;
        from += 8;
    }
    for (; left_bytes >= WORD_BYTES; left_bytes -= WORD_BYTES) {
        *to++ = *from++;
    }
    return len_bytes - left_bytes;
}

/* Only dst aligned. Little-endian: the earlier word holds the lower bytes. The words at both ends of the source
 * hold bytes that are not the caller's, which is invisible to him but not to a sanitizer. */
__attribute__((no_sanitize("address"))) static size_t copy_merging(void *dst, const void *src,
                                                                   size_t len_bytes)
{
    unsigned skew_bytes = (uintptr_t)src & WORD_MASK;
    unsigned low_shift = skew_bytes * 8;
    unsigned high_shift = 64 - low_shift;
    const word_t *from = (const word_t *)((uintptr_t)src - skew_bytes);
    word_t *to = dst;
    size_t left_bytes = len_bytes;

    if (left_bytes < WORD_BYTES) {
        return 0;
    }
    word_t low = *from++;
    for (; left_bytes >= WORD_BYTES; left_bytes -= WORD_BYTES) {
        word_t high = *from++;
        *to++ = low >> low_shift | high << high_shift;
        low = high;
    }
    return len_bytes - left_bytes;
}

static void copy_forward(void *dst, const void *src, size_t len_bytes)
{
    unsigned char *to = dst;
    const unsigned char *from = src;

    if (len_bytes >= 2 * WORD_BYTES) {
        while (!is_word_aligned(to)) {
            *to++ = *from++;
            len_bytes--;
        }
        size_t done_bytes = is_word_aligned(from) ? copy_aligned(to, from, len_bytes)
                                                  : copy_merging(to, from, len_bytes);
        to += done_bytes;
        from += done_bytes;
        len_bytes -= done_bytes;
    }
    while (len_bytes-- > 0) {
        *to++ = *from++;
    }
}

void *memcpy(void *restrict dst, const void *restrict src, size_t len_bytes)
{
    copy_forward(dst, src, len_bytes);
    return dst;
}

/* From the end downwards: for a destination that overlaps the source from above. */
static void copy_backward(void *dst, const void *src, size_t len_bytes)
{
    unsigned char *to = (unsigned char *)dst + len_bytes;
    const unsigned char *from = (const unsigned char *)src + len_bytes;

    if ((((uintptr_t)to ^ (uintptr_t)from) & WORD_MASK) == 0) {
        while (len_bytes > 0 && !is_word_aligned(to)) {
            *--to = *--from;
            len_bytes--;
        }
        for (; len_bytes >= WORD_BYTES; len_bytes -= WORD_BYTES) {
            to -= WORD_BYTES;
            from -= WORD_BYTES;
            *(word_t *)to = *(const word_t *)from;
        }
    }
    while (len_bytes-- > 0) {
        *--to = *--from;
    }
}

void *memmove(void *dst, const void *src, size_t len_bytes)
{
    if ((uintptr_t)dst - (uintptr_t)src >= len_bytes) {
        copy_forward(dst, src, len_bytes);
    } else {
        copy_backward(dst, src, len_bytes);
    }
    return dst;
}

void *memset(void *dst, int byte, size_t len_bytes)
{
    unsigned char *to = dst;
    word_t pattern = (unsigned char)byte * 0x0101010101010101ull;

    if (len_bytes >= 2 * WORD_BYTES) {
        while (!is_word_aligned(to)) {
            *to++ = (unsigned char)byte;
            len_bytes--;
        }
        word_t *words = (word_t *)to;
        for (; len_bytes >= UNROLLED_BYTES; len_bytes -= UNROLLED_BYTES) {
            words[0] = pattern;
            words[1] = pattern;
            words[2] = pattern;
            words[3] = pattern;
            words[4] = pattern;
            words[5] = pattern;
            words[6] = pattern;
            words[7] = pattern;
            words += 8;
        }
        for (; len_bytes >= WORD_BYTES; len_bytes -= WORD_BYTES) {
            *words++ = pattern;
        }
        to = (unsigned char *)words;
    }
    while (len_bytes-- > 0) {
        *to++ = (unsigned char)byte;
    }
    return dst;
}

int memcmp(const void *a, const void *b, size_t len_bytes)
{
    const unsigned char *left = a;
    const unsigned char *right = b;

    if (is_word_aligned(left) && is_word_aligned(right)) {
        while (len_bytes >= WORD_BYTES && *(const word_t *)left == *(const word_t *)right) {
            left += WORD_BYTES;
            right += WORD_BYTES;
            len_bytes -= WORD_BYTES;
        }
    }
    for (; len_bytes > 0; len_bytes--, left++, right++) {
        if (*left != *right) {
            return *left < *right ? -1 : 1;
        }
    }
    return 0;
}

void *memchr(const void *memory, int byte, size_t len_bytes)
{
    const unsigned char *at = memory;

    for (; len_bytes > 0; len_bytes--, at++) {
        if (*at == (unsigned char)byte) {
            return (void *)at;
        }
    }
    return NULL;
}

size_t strlen(const char *text)
{
    const char *end = text;

    while (*end != '\0') {
        end++;
    }
    return (size_t)(end - text);
}

size_t strnlen(const char *text, size_t max_bytes)
{
    size_t len_bytes = 0;

    while (len_bytes < max_bytes && text[len_bytes] != '\0') {
        len_bytes++;
    }
    return len_bytes;
}

int strcmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t max_bytes)
{
    for (; max_bytes > 0; max_bytes--, a++, b++) {
        if (*a != *b || *a == '\0') {
            return (unsigned char)*a - (unsigned char)*b;
        }
    }
    return 0;
}

char *strchr(const char *text, int character)
{
    for (;; text++) {
        if (*text == (char)character) {
            return (char *)text;
        }
        if (*text == '\0') {
            return NULL;
        }
    }
}

char *strrchr(const char *text, int character)
{
    const char *found = NULL;

    for (;; text++) {
        if (*text == (char)character) {
            found = text;
        }
        if (*text == '\0') {
            return (char *)found;
        }
    }
}

char *strstr(const char *text, const char *part)
{
    size_t part_bytes = strlen(part);

    for (;; text++) {
        if (strncmp(text, part, part_bytes) == 0) {
            return (char *)text;
        }
        if (*text == '\0') {
            return NULL;
        }
    }
}
