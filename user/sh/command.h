// SPDX-License-Identifier: MIT
// Simple commands.
#ifndef CAIRN_USER_SH_COMMAND_H
#define CAIRN_USER_SH_COMMAND_H

#include "user/sh/ast.h"

/** Run a simple command.
 *  @text: its source, for job notices.
 *  @flags: see exec.h. Returns the status. */
int command_run(const struct node *node, const char *text, unsigned flags);

#endif
