// SPDX-License-Identifier: MIT
// Execution of the syntax tree.
#ifndef CAIRN_USER_SH_EXEC_H
#define CAIRN_USER_SH_EXEC_H

#include "user/lib/strbuf.h"
#include "user/sh/ast.h"

#include <stdbool.h>

enum exec_flags {
    EXEC_LAST = 1, // this process has nothing to do afterwards: a program may take its place
};

/** Run a command. Returns its status, which is also in shell.status. NULL is an empty command. */
int exec_node(const struct node *node, unsigned flags);

/** Run a command in a subshell and collect its standard output, NUL bytes dropped.
 *  The status goes to shell.substitution_status. Returns 0, or -1 with shell.unwind set. */
int exec_capture(const struct node *node, struct strbuf *out);

/** Run words that are expanded already, as `command` and `exec` do.
 *  @functions: a function of that name is considered. */
int exec_words(int argc, char **argv, bool functions, unsigned flags);

/** Take a program's place in this process. Returns the status of the failure, reported. */
int exec_program(char **argv);

/** The path that a program is found at: name itself if it has a slash, else by PATH; to be freed.
 *  NULL where there is none; *status is then 126 or 127. */
char *exec_find_program(const char *name, int *status);

#endif
