// SPDX-License-Identifier: MIT
// readlink: what a link says, or with -f where a path leads in the end.
#include "user/lib/path.h"
#include "user/lib/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tool tool = {"readlink", "[-fn] FILE…",
                                 "Print a link's text, or with -f the path without any link.", 0};

// realpath, except that the last component need not exist.
static char *canonical(const char *path)
{
    char *whole = realpath(path, NULL), *copy, *slash, *dir, *result;

    if (whole || errno != ENOENT)
        return whole;
    copy = xstrdup(path);
    for (size_t len = strlen(copy); len > 1 && copy[len - 1] == '/'; len--)
        copy[len - 1] = '\0';
    slash = strrchr(copy, '/');
    if (slash)
        *slash = '\0';
    dir = realpath(!slash ? "." : slash == copy ? "/" : copy, NULL);
    result = dir ? path_join(dir, slash ? slash + 1 : copy) : NULL;
    free(dir);
    free(copy);
    return result;
}

int main(int argc, char **argv)
{
    bool follow = false, newline = true;
    int option, status = 0;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "fn")) != -1) {
        follow |= option == 'f';
        newline &= option != 'n';
    }
    if (optind == argc)
        tool_usage();
    for (; optind < argc; optind++) {
        char *text = follow ? canonical(argv[optind]) : read_link(argv[optind]);

        if (text) {
            fputs(text, stdout);
            if (newline)
                putchar('\n');
        } else {
            warn_errno("%s", argv[optind]);
            status = 1;
        }
        free(text);
    }
    return tool_end(status);
}
