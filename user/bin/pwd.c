// SPDX-License-Identifier: MIT
// pwd: where we are, as the kernel sees it.
#include "user/lib/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct tool tool = {"pwd", "", "Print the current directory without links.", 0};

int main(int argc, char **argv)
{
    char *dir;

    tool_begin(&tool, argc, argv);
    while (tool_option(argc, argv, "LP") != -1) {
    }
    dir = getcwd(NULL, 0);
    if (!dir)
        die_errno("current directory");
    puts(dir);
    free(dir);
    return tool_end(0);
}
