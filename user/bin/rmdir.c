// SPDX-License-Identifier: MIT
// rmdir: remove empty directories, with -p their emptied parents too.
#include "user/lib/tool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tool tool = {"rmdir", "[-p] DIRECTORY…", "Remove empty directories.", 0};

static bool remove_chain(char *path, bool parents)
{
    for (;;) {
        char *slash;

        if (rmdir(path) != 0) {
            warn_errno("%s", path);
            return false;
        }
        for (size_t len = strlen(path); len > 0 && path[len - 1] == '/'; len--)
            path[len - 1] = '\0';
        slash = strrchr(path, '/');
        if (!parents || !slash || slash == path)
            return true;
        *slash = '\0';
    }
}

int main(int argc, char **argv)
{
    bool parents = false;
    int status = 0;

    tool_begin(&tool, argc, argv);
    while (tool_option(argc, argv, "p") != -1)
        parents = true;
    if (optind == argc)
        tool_usage();
    for (; optind < argc; optind++)
        if (!remove_chain(argv[optind], parents))
            status = 1;
    return status;
}
