// SPDX-License-Identifier: MIT
// Arithmetic of $((…)).
#ifndef CAIRN_USER_SH_ARITH_H
#define CAIRN_USER_SH_ARITH_H

#include <stdint.h>

/** Evaluate an expression. Returns 0, or -1 with a message and shell.unwind set. */
int arith_evaluate(const char *text, int64_t *out);

#endif
