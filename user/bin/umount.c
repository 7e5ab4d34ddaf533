// SPDX-License-Identifier: MIT
// umount: detach file systems, named by directory or device.
#include "user/lib/tool.h"

#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static const struct tool tool = {"umount", "[-alr] [DIRECTORY | DEVICE]…",
                                 "Unmount file systems, with -a all but the root.", 0};

// The directory of a mounted device, to be freed; NULL where it is none.
static char *directory_of(const char *device)
{
    FILE *table = setmntent("/proc/self/mounts", "re");
    struct mntent *entry;
    char *dir = NULL;

    while (table && (entry = getmntent(table))) {
        if (strcmp(entry->mnt_fsname, device) == 0) {
            free(dir);
            dir = xstrdup(entry->mnt_dir); // the newest mount is the last line
        }
    }
    if (table)
        endmntent(table);
    return dir;
}

static bool unmount_one(const char *name, int flags, bool fall_back)
{
    char *dir = directory_of(name);
    const char *target = dir ? dir : name;
    bool ok = umount2(target, flags) == 0;

    if (!ok && fall_back && errno == EBUSY)
        ok = mount(NULL, target, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0;
    if (!ok)
        warn_errno("%s", name);
    free(dir);
    return ok;
}

static bool unmount_all(int flags, bool fall_back)
{
    FILE *table = setmntent("/proc/self/mounts", "re");
    struct mntent *entry;
    char **dirs = NULL;
    size_t nr = 0;
    bool ok = table != NULL;

    while (table && (entry = getmntent(table))) {
        dirs = xrealloc(dirs, (nr + 1) * sizeof(*dirs));
        dirs[nr++] = xstrdup(entry->mnt_dir);
    }
    if (table)
        endmntent(table);
    while (nr-- > 0) {
        // What programs need stays, as does the root.
        if (strcmp(dirs[nr], "/") != 0 && strcmp(dirs[nr], "/proc") != 0 &&
            strncmp(dirs[nr], "/dev", 4) != 0 && !unmount_one(dirs[nr], flags, fall_back))
            ok = false;
        free(dirs[nr]);
    }
    free(dirs);
    return ok;
}

int main(int argc, char **argv)
{
    bool all = false, fall_back = false;
    int option, flags = 0, status = 0;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "alr")) != -1) {
        all |= option == 'a';
        fall_back |= option == 'r';
        if (option == 'l')
            flags |= MNT_DETACH;
    }
    if (optind == argc && !all)
        tool_usage();
    if (all && !unmount_all(flags, fall_back))
        status = 1;
    for (; optind < argc; optind++)
        if (!unmount_one(argv[optind], flags, fall_back))
            status = 1;
    return status;
}
