// SPDX-License-Identifier: MIT
// The multi-call binary: all tools, the shell and init in one static program.
//
// A static glibc costs some 700 KiB in each program; one program for all pays that once, so that an
// initramfs stays small. /bin/ls and the others are links to it, and the name that it is called by
// says which tool to be. The build compiles each tool's main under the name tool_main_<tool> and
// generates box_tools.h, one TOOL("ls", tool_main_ls) for each.
#include "user/lib/tool.h"

#include <stdio.h>
#include <string.h>

#define TOOL(name, function) int function(int argc, char **argv);
#include "box_tools.h"
#undef TOOL

struct box_tool {
    const char *name;
    int (*run)(int argc, char **argv);
};

#define TOOL(name, function) {name, function},
static const struct box_tool tools[] = {
#include "box_tools.h"
};
#undef TOOL

enum { NR_TOOLS = sizeof(tools) / sizeof(tools[0]) };

static const struct tool box = {"box", "TOOL [ARGUMENT]…", "Run one of the tools in this program.",
                                127};

// "/bin/ls" is ls, and "-sh" is sh, started as a login shell.
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    return *name == '-' ? name + 1 : name;
}

static const struct box_tool *find_tool(const char *name)
{
    for (int i = 0; i < NR_TOOLS; i++)
        if (strcmp(tools[i].name, name) == 0)
            return &tools[i];
    return NULL;
}

static void list_tools(FILE *out)
{
    for (int i = 0; i < NR_TOOLS; i++)
        fprintf(out, "%s%c", tools[i].name, i == NR_TOOLS - 1 || i % 10 == 9 ? '\n' : ' ');
}

int main(int argc, char **argv)
{
    const struct box_tool *found = argc > 0 ? find_tool(base_name(argv[0])) : NULL;

    if (found)
        return found->run(argc, argv);
    if (argc > 1 && (found = find_tool(argv[1])))
        return found->run(argc - 1, argv + 1);
    tool_begin(&box, argc, argv);
    if (argc < 2 && argc > 0 && strcmp(base_name(argv[0]), "box") == 0) {
        list_tools(stdout);
        return tool_end(0);
    }
    warn_text("%s: no such tool; there are", argc > 1 ? argv[1] : argc ? argv[0] : "");
    list_tools(stderr);
    return 127;
}
