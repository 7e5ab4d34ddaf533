// SPDX-License-Identifier: MIT
// kill: send signals. The work is in user/lib/signame.c, which the shell shares.
#include "user/lib/signame.h"
#include "user/lib/tool.h"

static const struct tool tool = {"kill", "[-s SIGNAL | -SIGNAL] PID… or -l [NUMBER]…",
                                 "Send a signal, TERM unless named, to processes.", 2};

int main(int argc, char **argv)
{
    tool_begin(&tool, argc, argv);
    return tool_end(kill_command(argc, argv, NULL));
}
