// SPDX-License-Identifier: MIT
// The lines that were typed: a ring of the last 500, for as long as the shell lives.
#include "user/sh/history.h"

#include "user/lib/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HISTORY_MAX = 500 };

static char *lines[HISTORY_MAX];
static size_t nr_added; // the next line goes to slot nr_added % HISTORY_MAX

size_t history_count(void)
{
    return nr_added < HISTORY_MAX ? nr_added : HISTORY_MAX;
}

const char *history_get(size_t back)
{
    if (back == 0 || back > history_count())
        return NULL;
    return lines[(nr_added - back) % HISTORY_MAX];
}

void history_add(const char *line)
{
    const char *last = history_get(1);
    char **slot = &lines[nr_added % HISTORY_MAX];

    if (line[strspn(line, " \t")] == '\0' || (last && strcmp(last, line) == 0))
        return;
    free(*slot);
    *slot = xstrdup(line);
    nr_added++;
}

int builtin_history(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (size_t back = history_count(); back > 0; back--)
        printf("%5zu  %s\n", nr_added - back + 1, history_get(back));
    return 0;
}
