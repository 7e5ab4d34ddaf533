// SPDX-License-Identifier: MIT
/* What memory.c's functions are called on a hosted build, beside those of the C library: for memory.c, and for
 * the test that compares the two. Included before "kernel/base/string.h". */
#ifndef CAIRN_BASE_MEMORY_NAMES_H
#define CAIRN_BASE_MEMORY_NAMES_H

#if __STDC_HOSTED__
#include <stddef.h>
#include <string.h>

void *cairn_memcpy(void *restrict dst, const void *restrict src, size_t len_bytes);
void *cairn_memmove(void *dst, const void *src, size_t len_bytes);
void *cairn_memset(void *dst, int byte, size_t len_bytes);
int cairn_memcmp(const void *a, const void *b, size_t len_bytes);
void *cairn_memchr(const void *memory, int byte, size_t len_bytes);
size_t cairn_strlen(const char *text);
size_t cairn_strnlen(const char *text, size_t max_bytes);
int cairn_strcmp(const char *a, const char *b);
int cairn_strncmp(const char *a, const char *b, size_t max_bytes);
char *cairn_strchr(const char *text, int character);
char *cairn_strrchr(const char *text, int character);
char *cairn_strstr(const char *text, const char *part);

#ifndef MEMORY_NAMES_ONLY_DECLARE
#define memcpy  cairn_memcpy
#define memmove cairn_memmove
#define memset  cairn_memset
#define memcmp  cairn_memcmp
#define memchr  cairn_memchr
#define strlen  cairn_strlen
#define strnlen cairn_strnlen
#define strcmp  cairn_strcmp
#define strncmp cairn_strncmp
#define strchr  cairn_strchr
#define strrchr cairn_strrchr
#define strstr  cairn_strstr
#endif
#endif

#endif
