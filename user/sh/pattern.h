// SPDX-License-Identifier: MIT
// Patterns: matching text and file names.
#ifndef CAIRN_USER_SH_PATTERN_H
#define CAIRN_USER_SH_PATTERN_H

#include "user/sh/list.h"

#include <stdbool.h>

/** Match all of text. *, ?, […] have their meaning; a backslash takes it from the next character. */
bool pattern_match(const char *pattern, const char *text, size_t len_bytes);

/** Add the names of all files that match, sorted. Returns how many. */
size_t pattern_expand_files(const char *pattern, struct arena *arena, struct string_list *out);

#endif
