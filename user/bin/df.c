// SPDX-License-Identifier: MIT
// df: how full the mounted file systems are.
#include "user/lib/number.h"
#include "user/lib/tool.h"

#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const struct tool tool = {"df", "[-ahiT] [FILE]…", "Print the space on file systems.", 0};

static bool human, inodes, types;

static const char *amount(uint64_t value, uint64_t unit, char buf[HUMAN_LEN])
{
    if (human)
        return human_size(value * unit, buf);
    snprintf(buf, HUMAN_LEN, "%llu", (unsigned long long)(inodes ? value : value * unit / 1024));
    return buf;
}

static void put_heading(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    printf("%-20s", "Filesystem");
    if (types)
        printf(" %-8s", "Type");
    printf(" %10s %10s %10s %4s Mounted on\n",
           inodes  ? "Inodes"
           : human ? "Size"
                   : "1K-blocks",
           "Used", inodes ? "Free" : "Available", "Use%");
}

static void put_line(const struct mntent *mount, const struct statvfs *fs)
{
    char total_text[HUMAN_LEN], used_text[HUMAN_LEN], free_text[HUMAN_LEN], share_text[8] = "-";
    uint64_t unit = inodes ? 1 : fs->f_frsize ? fs->f_frsize : fs->f_bsize;
    uint64_t total = inodes ? fs->f_files : fs->f_blocks;
    uint64_t used = total - (inodes ? fs->f_ffree : fs->f_bfree);
    uint64_t left = inodes ? fs->f_ffree : fs->f_bavail;

    put_heading();
    if (used + left > 0)
        snprintf(share_text, sizeof(share_text), "%u%%",
                 (unsigned)((used * 100 + used + left - 1) / (used + left) % 1000));
    printf("%-20s", mount->mnt_fsname);
    if (types)
        printf(" %-8s", mount->mnt_type);
    printf(" %10s %10s %10s %4s %s\n", amount(total, unit, total_text),
           amount(used, unit, used_text), amount(left, unit, free_text), share_text,
           mount->mnt_dir);
}

// Print every mount, or only the last one that holds `device` (a file's st_dev).
static bool put_mounts(const dev_t *device, bool all)
{
    FILE *table = setmntent("/proc/self/mounts", "re");
    struct mntent *entry;
    struct statvfs fs;
    bool found = false;

    if (!table)
        die_errno("/proc/self/mounts");
    while ((entry = getmntent(table))) {
        struct stat st;

        if (device && (stat(entry->mnt_dir, &st) != 0 || st.st_dev != *device))
            continue;
        if (statvfs(entry->mnt_dir, &fs) != 0) {
            if (errno != EACCES)
                warn_errno("%s", entry->mnt_dir);
            continue;
        }
        if (!device && !all && fs.f_blocks == 0)
            continue;
        put_line(entry, &fs);
        found = true;
        if (device)
            break;
    }
    endmntent(table);
    return found;
}

int main(int argc, char **argv)
{
    bool all = false;
    int option, status = 0;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "ahikT")) != -1) {
        all |= option == 'a';
        human |= option == 'h';
        inodes |= option == 'i';
        types |= option == 'T';
    }
    if (optind == argc && !put_mounts(NULL, all))
        status = 1;
    for (; optind < argc; optind++) {
        struct stat st;

        if (stat(argv[optind], &st) != 0) {
            warn_errno("%s", argv[optind]);
            status = 1;
        } else if (!put_mounts(&st.st_dev, true)) {
            warn_text("%s: its file system is not in the mount table", argv[optind]);
            status = 1;
        }
    }
    return tool_end(status);
}
