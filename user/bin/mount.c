// SPDX-License-Identifier: MIT
// mount: attach a file system, or print what is attached.
#include "user/lib/mounts.h"
#include "user/lib/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static const struct tool tool = {"mount", "[-rwBM] [-t TYPE] [-o OPTION,…] [DEVICE] [DIRECTORY]",
                                 "Mount a file system, of any known type unless told. -B shows a "
                                 "directory in a second place, -M moves a mount there.",
                                 0};

static const struct {
    const char *name;
    unsigned long set, clear;
} flag_options[] = {
    {"ro", MS_RDONLY, 0},
    {"rw", 0, MS_RDONLY},
    {"remount", MS_REMOUNT, 0},
    {"bind", MS_BIND, 0},
    {"nosuid", MS_NOSUID, 0},
    {"suid", 0, MS_NOSUID},
    {"nodev", MS_NODEV, 0},
    {"dev", 0, MS_NODEV},
    {"noexec", MS_NOEXEC, 0},
    {"exec", 0, MS_NOEXEC},
    {"sync", MS_SYNCHRONOUS, 0},
    {"async", 0, MS_SYNCHRONOUS},
    {"noatime", MS_NOATIME, 0},
    {"relatime", MS_RELATIME, 0},
    {"defaults", 0, 0},
    {"move", MS_MOVE, 0},
    {"nodiratime", MS_NODIRATIME, 0},
    {"diratime", 0, MS_NODIRATIME},
    {"strictatime", MS_STRICTATIME, 0},
    {"silent", MS_SILENT, 0},
    {"loud", 0, MS_SILENT},
};

static unsigned long flags;
static char fs_options[512];

static bool take_flag(const char *name)
{
    for (size_t i = 0; i < sizeof(flag_options) / sizeof(flag_options[0]); i++) {
        if (strcmp(flag_options[i].name, name) == 0) {
            flags = (flags & ~flag_options[i].clear) | flag_options[i].set;
            return true;
        }
    }
    return false;
}

// Flags of mount(2) are taken out; the rest goes to the file system.
static void take_options(char *text)
{
    for (char *name = strtok(text, ","); name; name = strtok(NULL, ",")) {
        size_t len = strlen(fs_options);

        if (take_flag(name))
            continue;
        if (len + strlen(name) + 2 > sizeof(fs_options))
            die_text("%s: too many options", name);
        snprintf(fs_options + len, sizeof(fs_options) - len, "%s%s", len ? "," : "", name);
    }
}

static int put_mounts(const char *type)
{
    FILE *table = fopen("/proc/self/mounts", "re");
    char *line = NULL;
    size_t cap = 0;

    if (!table)
        die_errno("/proc/self/mounts");
    while (getline(&line, &cap, table) > 0) {
        char *fields[4] = {0};
        int nr = 0;

        for (char *at = strtok(line, " \n"); at && nr < 4; at = strtok(NULL, " \n"))
            fields[nr++] = at;
        if (nr < 4 || (type && strcmp(type, fields[2]) != 0))
            continue;
        mounts_unescape(fields[0]);
        mounts_unescape(fields[1]);
        printf("%s on %s type %s (%s)\n", fields[0], fields[1], fields[2], fields[3]);
    }
    free(line);
    fclose(table);
    return tool_end(0);
}

static const char *name_of(int letter)
{
    return letter == 'r' ? "ro" : letter == 'w' ? "rw" : letter == 'B' ? "bind" : "move";
}

int main(int argc, char **argv)
{
    const char *type = NULL, *device, *dir;
    char found[FS_TYPE_LEN];
    int option, result;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "rwBMt:o:")) != -1) {
        if (option == 't')
            type = optarg;
        else if (option == 'o')
            take_options(optarg);
        else
            take_flag(name_of(option));
    }
    if (optind == argc)
        return put_mounts(type);
    if (argc - optind > 2)
        tool_usage();
    device = argv[optind];
    dir = argv[argc - 1];
    if (argc - optind == 1 && !(flags & MS_REMOUNT))
        tool_usage();
    if (type || (flags & (MS_REMOUNT | MS_BIND | MS_MOVE)))
        result = mount(device, dir, type ? type : "none", flags, fs_options);
    else
        result = mount_any(device, dir, flags, fs_options, found);
    if (result != 0 && errno == ENODEV)
        die_text("%s: no known file system%s%s", device, type ? " type " : "", type ? type : "");
    if (result != 0)
        die_errno("%s on %s", device, dir);
    return 0;
}
