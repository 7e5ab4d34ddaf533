// SPDX-License-Identifier: MIT
// mv: rename; between file systems, copy with everything preserved and then remove.
#include "user/lib/path.h"
#include "user/lib/tool.h"
#include "user/lib/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tool tool = {"mv", "[-fnv] SOURCE… TARGET",
                                 "Rename files, or move them into a directory.", 0};

static bool move_across(const char *source, const char *target)
{
    const struct copy_options copy = {.recursive = true, .preserve = true, .force = true};
    const struct remove_options clear = {.recursive = true};
    struct stat st;

    // As rename does: an empty directory, or any other file, is replaced.
    if (lstat(target, &st) == 0 && remove(target) != 0) {
        warn_errno("%s", target);
        return false;
    }
    return copy_tree(source, target, &copy) && remove_tree(source, &clear);
}

static bool move_one(const char *source, const char *target, bool no_clobber, bool verbose)
{
    struct stat st;

    if (no_clobber && lstat(target, &st) == 0)
        return true;
    if (rename(source, target) != 0) {
        if (errno != EXDEV) {
            if (lstat(source, &st) != 0)
                warn_errno("%s", source);
            else
                warn_errno("%s to %s", source, target);
            return false;
        }
        if (!move_across(source, target))
            return false;
    }
    if (verbose)
        printf("%s -> %s\n", source, target);
    return true;
}

int main(int argc, char **argv)
{
    bool no_clobber = false, verbose = false, into;
    const char *target;
    int option, status = 0;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "finv")) != -1) {
        if (option == 'n')
            no_clobber = true;
        else if (option == 'v')
            verbose = true;
    }
    if (argc - optind < 2)
        tool_usage();
    target = argv[argc - 1];
    into = is_directory(target);
    if (!into && argc - optind > 2)
        die_text("%s: not a directory", target);
    for (; optind < argc - 1; optind++) {
        char *place = path_target(argv[optind], target, into);

        if (!move_one(argv[optind], place, no_clobber, verbose))
            status = 1;
        free(place);
    }
    return tool_end(status);
}
