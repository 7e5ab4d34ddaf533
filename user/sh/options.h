// SPDX-License-Identifier: MIT
// Options: those of the command line, and those that `set` changes while the shell runs.
#ifndef CAIRN_USER_SH_OPTIONS_H
#define CAIRN_USER_SH_OPTIONS_H

#include <stdbool.h>

struct invocation {
    const char *commands; // of -c
    const char *script;
    bool login; // started as "-sh", or with -l
};

/** Read the command line; sets shell.name, the options and the positional parameters. */
struct invocation options_parse_invocation(int argc, char **argv);

#endif
