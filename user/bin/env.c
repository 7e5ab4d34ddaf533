// SPDX-License-Identifier: MIT
// env: print the environment, or run a command in a changed one.
#include "user/lib/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static const struct tool tool = {"env", "[-i] [-u NAME] [NAME=VALUE]… [COMMAND [ARGUMENT]…]",
                                 "Run a command in a changed environment, or print it.", 125};

int main(int argc, char **argv)
{
    static char *empty[] = {NULL};
    int option;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "+iu:")) != -1) {
        if (option == 'i')
            environ = empty;
        else if (unsetenv(optarg) != 0)
            die_errno("%s", optarg);
    }
    for (; optind < argc && strchr(argv[optind], '='); optind++)
        if (putenv(argv[optind]) != 0)
            die_errno("%s", argv[optind]);
    if (optind == argc) {
        for (char **at = environ; *at; at++)
            puts(*at);
        return tool_end(0);
    }
    execvp(argv[optind], argv + optind);
    option = errno == ENOENT ? 127 : 126;
    warn_errno("%s", argv[optind]);
    return option;
}
