// SPDX-License-Identifier: MIT
// reboot: end everything and start the machine again. See user/lib/power.c.
#include "user/lib/power.h"
#include "user/lib/tool.h"

static const struct tool tool = {"reboot", "[-f]",
                                 "Restart the machine, with -f without asking init.", 0};

int main(int argc, char **argv)
{
    tool_begin(&tool, argc, argv);
    return power_command(argc, argv, POWER_RESTART);
}
