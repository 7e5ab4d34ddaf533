// SPDX-License-Identifier: MIT
// bench: the memory subsystem's figures together, `bench mm`.
#ifndef CAIRN_USER_BENCH_MM_H
#define CAIRN_USER_BENCH_MM_H

#include <stdbool.h>

struct bench_op;

/** Print the figures of the memory subsystem. Returns the exit status. */
int bench_mm(void);

/** Run an operation and print its line; its figure through *figure. False when it has none. */
bool bench_print(const struct bench_op *op, double *figure);

/** The operation called family.name, or NULL. */
const struct bench_op *bench_find(const char *family, const char *name);

#endif
