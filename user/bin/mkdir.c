// SPDX-License-Identifier: MIT
// mkdir: make directories, with -p their parents too.
#include "user/lib/mode.h"
#include "user/lib/path.h"
#include "user/lib/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tool tool = {"mkdir", "[-pv] [-m MODE] DIRECTORY…", "Make directories.", 0};

static bool with_parents, verbose;

static bool make_one(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0) {
        if (verbose)
            printf("created %s\n", path);
        return true;
    }
    // An error other than EEXIST (as EROFS) may hide that the directory is there.
    if (with_parents && is_directory(path))
        return true;
    warn_errno("%s", path);
    return false;
}

static bool make_parents(const char *path, mode_t parent_mode)
{
    char *prefix = xstrdup(path);
    bool ok = true;

    for (char *at = prefix; ok && *at; at++) {
        if (*at != '/' || at == prefix || at[1] == '/' || at[1] == '\0')
            continue;
        *at = '\0';
        ok = make_one(prefix, parent_mode);
        *at = '/';
    }
    free(prefix);
    return ok;
}

int main(int argc, char **argv)
{
    mode_t mask = umask(0), mode = 0777;
    bool given = false;
    int option, status = 0;

    umask(mask);
    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "pvm:")) != -1) {
        if (option == 'p')
            with_parents = true;
        else if (option == 'v')
            verbose = true;
        else if (parse_mode(optarg, S_IFDIR | 0777, mask, &mode))
            given = true;
        else
            die_text("%s: not a valid mode", optarg);
    }
    if (optind == argc)
        tool_usage();
    for (; optind < argc; optind++) {
        const char *path = argv[optind];

        // Parents must let us in, whatever the mask says.
        if ((with_parents && !make_parents(path, 0777 | S_IWUSR | S_IXUSR)) ||
            !make_one(path, mode)) {
            status = 1;
        } else if (given && chmod(path, mode) != 0) {
            warn_errno("%s", path);
            status = 1;
        }
    }
    return tool_end(status);
}
