// SPDX-License-Identifier: MIT
// false: fail.
#include "user/lib/tool.h"

static const struct tool tool = {"false", "", "Exit with status 1.", 0};

int main(int argc, char **argv)
{
    tool_begin(&tool, argc, argv);
    return 1;
}
