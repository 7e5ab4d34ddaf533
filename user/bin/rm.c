// SPDX-License-Identifier: MIT
// rm: remove files and trees. The work is in user/lib/tree.c.
#include "user/lib/path.h"
#include "user/lib/tool.h"
#include "user/lib/tree.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tool tool = {"rm", "[-rRfiv] FILE…", "Remove files, with -r directories too.",
                                 0};

// "." and ".." cannot go, and "/" must not by a slip.
static bool is_refused(const char *path)
{
    char *last = path_last(path);
    bool refused = is_dot_or_dotdot(last) || strcmp(last, "/") == 0;

    if (refused)
        warn_text("%s: refused", path);
    free(last);
    return refused;
}

int main(int argc, char **argv)
{
    struct remove_options options = {0};
    int option, status = 0;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "rRfiv")) != -1) {
        if (option == 'f') {
            options.force = true;
            options.interactive = false;
        } else if (option == 'i') {
            options.interactive = true;
        } else if (option == 'v') {
            options.verbose = true;
        } else {
            options.recursive = true;
        }
    }
    if (optind == argc && !options.force)
        tool_usage();
    for (; optind < argc; optind++)
        if (is_refused(argv[optind]) || !remove_tree(argv[optind], &options))
            status = 1;
    return tool_end(status);
}
