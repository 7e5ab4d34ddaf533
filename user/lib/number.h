// SPDX-License-Identifier: MIT
// Numbers as people type and read them.
#ifndef CAIRN_USER_LIB_NUMBER_H
#define CAIRN_USER_LIB_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/** Parse the whole of text as a decimal number with an optional sign. */
bool parse_i64(const char *text, int64_t *out);

/** Parse a size: decimal, then optionally b (512), k/K, M, G, T (powers of 1024), B (powers of
 *  1000 as in kB). Refuses signs, trailing text and overflow. */
bool parse_size(const char *text, uint64_t *out);

/** As parse_size, or end the program naming what the number was for. */
uint64_t need_size(const char *text, const char *what);

enum { HUMAN_LEN = 32 };

/** Write "1.5G" (three figures, units of 1024) to buf and return it. */
const char *human_size(uint64_t bytes, char buf[HUMAN_LEN]);

#endif
