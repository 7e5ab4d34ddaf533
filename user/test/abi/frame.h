// SPDX-License-Identifier: MIT
/* Running cases (abi.h): what the programs that consist of cases share. */
#ifndef CAIRN_USER_TEST_ABI_FRAME_H
#define CAIRN_USER_TEST_ABI_FRAME_H

#include "abi.h"

enum { ABI_MAX_CASES = 1024 };

/* All cases that are linked in, by file and line. */
extern const struct abi_case *abi_cases[ABI_MAX_CASES];
extern int abi_nr_cases;

/* First call of main: collects the cases. If argv[1] names a helper (`@name`), runs it and exits. */
void abi_begin(int argc, char **argv);

/* Print the names of all cases, one a line. */
void abi_list(void);

/* Does family.case begin with one of the names? Yes if there are none. */
bool abi_selected(const struct abi_case *c, int nr_names, char **names);

/* Run one case in a new directory below parent, which is removed afterwards. Returns 'P' (passed), 'F'
 * (failed) or 'S' (skipped); for the last two text begins with that letter, and the reason follows. */
char abi_run(const struct abi_case *c, const char *parent, char *text, size_t cap);

#endif
