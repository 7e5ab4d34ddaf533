// SPDX-License-Identifier: MIT
// ln: another name for a file, or with -s a link to a name.
#include "user/lib/path.h"
#include "user/lib/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct tool tool = {"ln", "[-sfnv] SOURCE… [TARGET]", "Make hard or symbolic links.",
                                 0};

static bool symbolic, force, verbose;

static int make_link(const char *source, const char *target)
{
    return symbolic ? symlink(source, target) : linkat(AT_FDCWD, source, AT_FDCWD, target, 0);
}

static bool link_one(const char *source, const char *target)
{
    int result = make_link(source, target);

    if (result != 0 && errno == EEXIST && force) {
        if (unlink(target) != 0) {
            warn_errno("%s", target);
            return false;
        }
        result = make_link(source, target);
    }
    if (result != 0)
        warn_errno("%s to %s", target, source);
    else if (verbose)
        printf("%s -> %s\n", target, source);
    return result == 0;
}

int main(int argc, char **argv)
{
    bool into, keep_link = false;
    const char *target;
    char *last = NULL;
    int option, end = argc - 1, status = 0;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "sfnv")) != -1) {
        symbolic |= option == 's';
        force |= option == 'f';
        keep_link |= option == 'n';
        verbose |= option == 'v';
    }
    if (optind == argc)
        tool_usage();
    target = argv[end];
    if (argc - optind == 1) { // the name stays, in the current directory
        target = last = path_last(target);
        end = argc;
    }
    into = is_directory(target);
    if (into && keep_link) {
        char *text = read_link(target);

        into = !text;
        free(text);
    }
    if (!into && end - optind > 1)
        die_text("%s: not a directory", target);
    for (; optind < end; optind++) {
        char *place = path_target(argv[optind], target, into);

        if (!link_one(argv[optind], place))
            status = 1;
        free(place);
    }
    free(last);
    return tool_end(status);
}
