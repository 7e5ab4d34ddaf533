// SPDX-License-Identifier: MIT
// printf: formatted output. The work is in user/lib/printf.c, which the shell shares.
#include "user/lib/text_commands.h"
#include "user/lib/tool.h"

static const struct tool tool = {"printf", "FORMAT [ARGUMENT]…",
                                 "Print arguments as the format says.", 0};

int main(int argc, char **argv)
{
    tool_begin(&tool, argc, argv);
    return tool_end(printf_command(argc, argv));
}
