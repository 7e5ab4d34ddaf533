// SPDX-License-Identifier: MIT
// The lines that were typed.
#ifndef CAIRN_USER_SH_HISTORY_H
#define CAIRN_USER_SH_HISTORY_H

#include <stddef.h>

/** Remember a line, without its newline. Empty ones and repetitions of the last are left out. */
void history_add(const char *line);

/** How many lines are remembered, and the one that is `back` lines old (1: the last); NULL beyond. */
size_t history_count(void);
const char *history_get(size_t back);

int builtin_history(int argc, char **argv);

#endif
