// SPDX-License-Identifier: MIT
// Line editing at the prompt.
#ifndef CAIRN_USER_SH_EDIT_H
#define CAIRN_USER_SH_EDIT_H

#include "user/lib/strbuf.h"
#include "user/sh/source.h"

#include <stdbool.h>

/** True if standard input and standard error are a terminal that can be edited on. */
bool edit_is_possible(void);

/** Show the prompt (PS1 for a command's first line, else PS2) without editing. */
void edit_print_prompt(bool first);

/** Read a line with editing and history; append it, with its newline, to out. */
enum source_result edit_read_line(struct strbuf *out, bool first);

#endif
