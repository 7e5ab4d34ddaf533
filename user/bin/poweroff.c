// SPDX-License-Identifier: MIT
// poweroff: end everything and switch the machine off. See user/lib/power.c.
#include "user/lib/power.h"
#include "user/lib/tool.h"

static const struct tool tool = {"poweroff", "[-f]",
                                 "Switch the machine off, with -f without asking init.", 0};

int main(int argc, char **argv)
{
    tool_begin(&tool, argc, argv);
    return power_command(argc, argv, POWER_OFF);
}
