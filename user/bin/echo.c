// SPDX-License-Identifier: MIT
// echo: print words. The work is in user/lib/echo.c, which the shell shares.
#include "user/lib/text_commands.h"
#include "user/lib/tool.h"

static const struct tool tool = {"echo", "[-neE] [WORD]…", "Print words and a newline.", 0};

int main(int argc, char **argv)
{
    tool_begin(&tool, argc, argv);
    return tool_end(echo_command(argc, argv));
}
