// SPDX-License-Identifier: MIT
// chown: change owner and group.
#include "user/lib/names.h"
#include "user/lib/tool.h"
#include "user/lib/tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tool tool = {"chown", "[-Rh] USER[:GROUP] FILE…",
                                 "Change the owner, and with :GROUP the group, of files.", 0};

struct change {
    uid_t uid;
    gid_t gid;
    bool recursive, links;
};

static bool change_owner(const char *path, void *arg)
{
    const struct change *change = arg;
    int flags = change->links || change->recursive ? AT_SYMLINK_NOFOLLOW : 0;
    struct stat st;
    bool ok = true;

    if (fchownat(AT_FDCWD, path, change->uid, change->gid, flags) != 0) {
        warn_errno("%s", path);
        ok = false;
    }
    if (change->recursive && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
        !for_each_entry(path, change_owner, arg))
        ok = false;
    return ok;
}

static void parse_owner(char *text, struct change *change)
{
    char *colon = strchr(text, ':');
    unsigned id;

    if (colon)
        *colon++ = '\0';
    if (*text) {
        if (!id_of_name(NAMES_USER, text, &id))
            die_text("%s: no such user", text);
        change->uid = id;
    }
    if (colon && *colon) {
        if (!id_of_name(NAMES_GROUP, colon, &id))
            die_text("%s: no such group", colon);
        change->gid = id;
    }
}

int main(int argc, char **argv)
{
    struct change change = {.uid = (uid_t)-1, .gid = (gid_t)-1};
    int option, status = 0;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "Rh")) != -1) {
        change.recursive |= option == 'R';
        change.links |= option == 'h';
    }
    if (argc - optind < 2)
        tool_usage();
    parse_owner(argv[optind++], &change);
    for (; optind < argc; optind++)
        if (!change_owner(argv[optind], &change))
            status = 1;
    return status;
}
