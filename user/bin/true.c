// SPDX-License-Identifier: MIT
// true: succeed.
#include "user/lib/tool.h"

static const struct tool tool = {"true", "", "Exit with status 0.", 0};

int main(int argc, char **argv)
{
    tool_begin(&tool, argc, argv);
    return 0;
}
