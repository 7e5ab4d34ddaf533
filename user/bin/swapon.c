// SPDX-License-Identifier: MIT
// swapon: begin to use swap areas; without arguments, or with -s, list those in use.
#include "user/lib/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/swap.h>
#include <unistd.h>

static const struct tool tool = {"swapon", "[-s] [-p PRIORITY] [DEVICE | FILE]…",
                                 "Use swap areas that mkswap made; list those in use.", 0};

static int list(void)
{
    char line[512];
    FILE *table = fopen("/proc/swaps", "re");

    if (!table)
        die_errno("/proc/swaps");
    while (fgets(line, sizeof(line), table))
        fputs(line, stdout);
    fclose(table);
    return tool_end(0);
}

int main(int argc, char **argv)
{
    int flags = 0, status = 0, option;
    bool lists = false;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "sp:")) != -1) {
        if (option == 's') {
            lists = true;
        } else if (option == 'p') {
            char *end;
            long priority = strtol(optarg, &end, 10);

            if (end == optarg || *end || priority < 0 || priority > SWAP_FLAG_PRIO_MASK)
                die_text("%s: a priority is 0 to %d", optarg, SWAP_FLAG_PRIO_MASK);
            flags = SWAP_FLAG_PREFER | (int)priority;
        }
    }
    if (lists || optind == argc)
        return list();
    for (; optind < argc; optind++) {
        if (swapon(argv[optind], flags) != 0) {
            warn_errno("%s", argv[optind]);
            status = 1;
        }
    }
    return status;
}
