// SPDX-License-Identifier: MIT
// Completion of what is being typed.
#ifndef CAIRN_USER_SH_COMPLETE_H
#define CAIRN_USER_SH_COMPLETE_H

#include "user/sh/list.h"

#include <stddef.h>

/** Find what the word before the cursor could become.
 *  @line, @cursor: the text so far.
 *  @start: receives where the word begins.
 *  @out: the candidates for the whole word, sorted, each once; directories end in a slash. */
void complete_find(const char *line, size_t cursor, size_t *start, struct arena *arena,
                   struct string_list *out);

#endif
