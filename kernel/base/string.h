// SPDX-License-Identifier: MIT
/* Memory and string functions: the part of <string.h> that the kernel uses, and a few of its own.
 *
 * A hosted build takes the C library's; the freestanding kernel takes memory.c and string.c, where the compiler
 * too expects memcpy, memmove, memset and memcmp. */
#ifndef CAIRN_BASE_STRING_H
#define CAIRN_BASE_STRING_H

#include "kernel/base/types.h"

#if __STDC_HOSTED__
#include <string.h>
#else
void *memcpy(void *restrict dst, const void *restrict src, size_t len_bytes);
void *memmove(void *dst, const void *src, size_t len_bytes);
void *memset(void *dst, int byte, size_t len_bytes);
int memcmp(const void *a, const void *b, size_t len_bytes);
void *memchr(const void *memory, int byte, size_t len_bytes);

size_t strlen(const char *text);
size_t strnlen(const char *text, size_t max_bytes);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max_bytes);
char *strchr(const char *text, int character);
char *strrchr(const char *text, int character);
char *strstr(const char *text, const char *part);
#endif

/** Copy text into a buffer of size_bytes, cut if need be, always terminated (unless size_bytes is 0).
 *  Returns strlen(src): the copy was cut if that is >= size_bytes. */
size_t strlcpy(char *restrict dst, const char *restrict src, size_t size_bytes);

/** Parse an unsigned number.
 *  @base: 2..36, or 0: decimal, octal after "0", hexadecimal after "0x".
 *  @end: where to store the first character after it; NULL: nothing may follow.
 *  Returns 0, -EINVAL (no number, or something follows it) or -ERANGE. */
int must_check parse_u64(const char *text, unsigned base, const char **end, uint64_t *value);

/** Copy or clear one page; both pointers aligned to a page. */
void page_copy(void *restrict dst, const void *restrict src);
void page_zero(void *dst);

/* ASCII, whatever the locale of the host. */
static inline bool char_is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static inline bool char_is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool char_is_print(int c)
{
    return c >= ' ' && c <= '~';
}

static inline int char_to_upper(int c)
{
    return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
}

static inline int char_to_lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

#endif
