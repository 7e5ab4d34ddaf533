// SPDX-License-Identifier: MIT
// The table of builtins, in order of name for the binary search.
#include "user/sh/builtin.h"

#include "user/lib/text_commands.h"
#include "user/sh/history.h"
#include "user/sh/job.h"
#include "user/sh/trap.h"

#include <stdlib.h>
#include <string.h>

static int builtin_true(int argc, char **argv)
{
    (void)argc, (void)argv;
    return 0;
}

static int builtin_false(int argc, char **argv)
{
    (void)argc, (void)argv;
    return 1;
}

static const struct builtin builtins[] = {
    {".", builtin_dot, true, false},
    {":", builtin_true, true, false},
    {"[", test_command, false, false},
    {"bg", builtin_bg, false, false},
    {"break", builtin_break, true, false},
    {"cd", builtin_cd, false, false},
    {"command", builtin_command, false, false},
    {"continue", builtin_break, true, false},
    {"echo", echo_command, false, false},
    {"eval", builtin_eval, true, false},
    {"exec", builtin_exec, true, true},
    {"exit", builtin_exit, true, false},
    {"export", builtin_export, true, false},
    {"false", builtin_false, false, false},
    {"fg", builtin_fg, false, false},
    {"getopts", builtin_getopts, false, false},
    {"history", builtin_history, false, false},
    {"jobs", builtin_jobs, false, false},
    {"kill", builtin_kill, false, false},
    {"local", builtin_local, true, false},
    {"printf", printf_command, false, false},
    {"pwd", builtin_pwd, false, false},
    {"read", builtin_read, false, false},
    {"readonly", builtin_export, true, false},
    {"return", builtin_return, true, false},
    {"set", builtin_set, true, false},
    {"shift", builtin_shift, true, false},
    {"test", test_command, false, false},
    {"times", builtin_times, true, false},
    {"trap", builtin_trap, true, false},
    {"true", builtin_true, false, false},
    {"type", builtin_type, false, false},
    {"ulimit", builtin_ulimit, false, false},
    {"umask", builtin_umask, false, false},
    {"unset", builtin_unset, true, false},
    {"wait", builtin_wait, false, false},
};

enum { NR_BUILTINS = sizeof(builtins) / sizeof(builtins[0]) };

static int compare(const void *name, const void *builtin)
{
    return strcmp(name, ((const struct builtin *)builtin)->name);
}

const struct builtin *builtin_find(const char *name)
{
    return bsearch(name, builtins, NR_BUILTINS, sizeof(builtins[0]), compare);
}

void builtin_for_each(void (*fn)(const char *name, void *arg), void *arg)
{
    for (int i = 0; i < NR_BUILTINS; i++)
        fn(builtins[i].name, arg);
}
