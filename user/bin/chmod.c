// SPDX-License-Identifier: MIT
// chmod: change modes, octal or symbolic.
#include "user/lib/mode.h"
#include "user/lib/tool.h"
#include "user/lib/tree.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tool tool = {"chmod", "[-R] MODE FILE…", "Change the modes of files.", 0};

struct change {
    const char *text;
    mode_t mask;
    bool recursive;
};

static bool change_mode(const char *path, void *arg)
{
    const struct change *change = arg;
    struct stat st;
    mode_t mode;
    bool ok = true;

    // Inside a tree a link is left alone; a named one stands for its file.
    if ((change->recursive ? lstat : stat)(path, &st) != 0) {
        warn_errno("%s", path);
        return false;
    }
    if (S_ISLNK(st.st_mode))
        return true;
    if (!parse_mode(change->text, st.st_mode, change->mask, &mode))
        die_text("%s: not a valid mode", change->text);
    if (chmod(path, mode) != 0) {
        warn_errno("%s", path);
        ok = false;
    }
    if (change->recursive && S_ISDIR(st.st_mode) && !for_each_entry(path, change_mode, arg))
        ok = false;
    return ok;
}

int main(int argc, char **argv)
{
    struct change change = {.mask = umask(0)};
    int at = 1, status = 0;

    umask(change.mask);
    tool_begin(&tool, argc, argv);
    // Not getopt: "-x" is a mode here.
    for (; at < argc && (strcmp(argv[at], "-R") == 0 || strcmp(argv[at], "--") == 0); at++)
        if (strcmp(argv[at], "-R") == 0)
            change.recursive = true;
    if (argc - at < 2)
        tool_usage();
    change.text = argv[at++];
    for (; at < argc; at++)
        if (!change_mode(argv[at], &change))
            status = 1;
    return status;
}
