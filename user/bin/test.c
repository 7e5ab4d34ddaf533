// SPDX-License-Identifier: MIT
// test and [: evaluate a condition. The work is in user/lib/test_expr.c, which the shell shares.
#include "user/lib/text_commands.h"
#include "user/lib/tool.h"

#include <string.h>

static const struct tool tool = {"test", "EXPRESSION, or [ EXPRESSION ]",
                                 "Exit with 0 if the condition holds, 1 if not, 2 on error.", 2};

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    char bracket[] = "[";

    tool_begin(&tool, argc, argv);
    // Installed as /bin/[ it demands the closing bracket.
    if (slash && strcmp(slash + 1, "[") == 0)
        argv[0] = bracket;
    return test_command(argc, argv);
}
