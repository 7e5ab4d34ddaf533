// SPDX-License-Identifier: MIT
// The commands that run in the shell itself.
#ifndef CAIRN_USER_SH_BUILTIN_H
#define CAIRN_USER_SH_BUILTIN_H

#include <stdbool.h>
#include <stdio.h>

struct builtin {
    const char *name;
    int (*run)(int argc, char **argv);
    bool special;         // POSIX 2.14: found before functions, assignments stay
    bool keeps_redirects; // exec
};

/** NULL where there is none. */
const struct builtin *builtin_find(const char *name);

/** Call fn for each builtin's name. */
void builtin_for_each(void (*fn)(const char *name, void *arg), void *arg);

// builtin_control.c
int builtin_break(int argc, char **argv);
int builtin_command(int argc, char **argv);
int builtin_dot(int argc, char **argv);
int builtin_eval(int argc, char **argv);
int builtin_exec(int argc, char **argv);
int builtin_exit(int argc, char **argv);
int builtin_return(int argc, char **argv);
int builtin_type(int argc, char **argv);

// builtin_variable.c
int builtin_export(int argc, char **argv);
int builtin_getopts(int argc, char **argv);
int builtin_local(int argc, char **argv);
int builtin_read(int argc, char **argv);
int builtin_set(int argc, char **argv);
int builtin_shift(int argc, char **argv);
int builtin_unset(int argc, char **argv);

// builtin_process.c
int builtin_cd(int argc, char **argv);
int builtin_pwd(int argc, char **argv);
int builtin_times(int argc, char **argv);
int builtin_ulimit(int argc, char **argv);
int builtin_umask(int argc, char **argv);

#endif
