// SPDX-License-Identifier: MIT
// swapoff: give swap areas up; what lies there comes back into memory first.
#include "user/lib/tool.h"

#include <stdio.h>
#include <string.h>
#include <sys/swap.h>
#include <unistd.h>

static const struct tool tool = {"swapoff", "-a | DEVICE | FILE…",
                                 "Bring back what was swapped out, and give the areas up; -a: all.",
                                 0};

static int off(const char *name)
{
    if (swapoff(name) == 0)
        return 0;
    warn_errno("%s", name);
    return 1;
}

// Areas leave the table as they are given up, so it is read anew after each.
static int all_off(void)
{
    char line[512];
    int status = 0;

    while (status == 0) {
        FILE *table = fopen("/proc/swaps", "re");
        bool found = table && fgets(line, sizeof(line), table) && fgets(line, sizeof(line), table);

        if (!table)
            die_errno("/proc/swaps");
        fclose(table);
        if (!found)
            break;
        line[strcspn(line, " \t")] = '\0';
        status = off(line);
    }
    return status;
}

int main(int argc, char **argv)
{
    bool all = false;
    int status = 0;

    tool_begin(&tool, argc, argv);
    while (tool_option(argc, argv, "a") != -1)
        all = true;
    if (all == (optind < argc))
        tool_usage();
    if (all)
        return all_off();
    for (; optind < argc; optind++)
        status |= off(argv[optind]);
    return status;
}
