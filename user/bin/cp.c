// SPDX-License-Identifier: MIT
// cp: copy files and trees. The work is in user/lib/copy.c.
#include "user/lib/path.h"
#include "user/lib/tool.h"
#include "user/lib/tree.h"

#include <stdlib.h>
#include <unistd.h>

static const struct tool tool = {"cp", "[-rRapfnv] SOURCE… TARGET",
                                 "Copy files, with -r directories, to a name or a directory.", 0};

static void read_options(int argc, char **argv, struct copy_options *options)
{
    int option;

    while ((option = tool_option(argc, argv, "rRapfinvdP")) != -1) {
        switch (option) {
        case 'a': options->recursive = options->preserve = true; break;
        case 'r':
        case 'R': options->recursive = true; break;
        case 'p': options->preserve = true; break;
        case 'f': options->force = true; break;
        case 'n': options->no_clobber = true; break;
        case 'v': options->verbose = true; break;
        }
    }
}

int main(int argc, char **argv)
{
    struct copy_options options = {0};
    const char *target;
    bool into;
    int status = 0;

    tool_begin(&tool, argc, argv);
    read_options(argc, argv, &options);
    if (argc - optind < 2)
        tool_usage();
    target = argv[argc - 1];
    into = is_directory(target);
    if (!into && argc - optind > 2)
        die_text("%s: not a directory", target);
    for (; optind < argc - 1; optind++) {
        char *place = path_target(argv[optind], target, into);

        if (!copy_tree(argv[optind], place, &options))
            status = 1;
        free(place);
    }
    return tool_end(status);
}
