// SPDX-License-Identifier: MIT
// clear: home the cursor and erase the screen, by the ANSI sequences that every emulator knows.
#include "user/lib/tool.h"

#include <stdio.h>

static const struct tool tool = {"clear", "", "Clear the terminal's screen.", 0};

int main(int argc, char **argv)
{
    tool_begin(&tool, argc, argv);
    fputs("\033[H\033[2J\033[3J", stdout);
    return tool_end(0);
}
