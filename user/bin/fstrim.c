// SPDX-License-Identifier: MIT
// fstrim: tell the disk which blocks of a mounted file system nobody needs.
#include "user/lib/number.h"
#include "user/lib/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tool tool = {
    "fstrim", "[-v] [-o OFFSET] [-l LENGTH] [-m MINIMUM] (-a | MOUNTPOINT…)",
    "Discard the unused blocks of mounted file systems; sizes are in bytes, or with K, M, G.", 0};

static bool verbose;

// Trim one file system. What cannot be trimmed is no error when all are asked for.
static int trim(const char *dir, const struct fstrim_range *wanted, bool quiet_unsupported)
{
    struct fstrim_range range = *wanted;
    char text[HUMAN_LEN];
    struct stat st;
    int fd = open(dir, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) != 0) {
        warn_errno("%s", dir);
        return 1;
    }
    if (!S_ISDIR(st.st_mode)) {
        warn_text("%s: Not a directory", dir);
        close(fd);
        return 1;
    }
    if (ioctl(fd, FITRIM, &range) != 0) {
        int error = errno;

        close(fd);
        errno = error;
        if (quiet_unsupported && (error == EOPNOTSUPP || error == ENOTTY || error == EROFS))
            return 0;
        if (error == EOPNOTSUPP || error == ENOTTY)
            warn_text("%s: the discard operation is not supported", dir);
        else
            warn_errno("%s: FITRIM", dir);
        return 1;
    }
    close(fd);
    if (verbose)
        printf("%s: %s (%llu bytes) trimmed\n", dir, human_size(range.len, text),
               (unsigned long long)range.len);
    return 0;
}

static int trim_all(const struct fstrim_range *range)
{
    FILE *table = setmntent("/proc/self/mounts", "re");
    struct mntent *entry;
    int status = 0;

    if (!table)
        die_errno("/proc/self/mounts");
    while ((entry = getmntent(table))) {
        if (entry->mnt_fsname[0] == '/' || strncmp(entry->mnt_fsname, "vd", 2) == 0)
            status |= trim(entry->mnt_dir, range, true);
    }
    endmntent(table);
    return status;
}

int main(int argc, char **argv)
{
    struct fstrim_range range = {0, UINT64_MAX, 0};
    bool all = false;
    int option, status = 0;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "avo:l:m:")) != -1) {
        switch (option) {
        case 'a': all = true; break;
        case 'v': verbose = true; break;
        case 'o': range.start = need_size(optarg, "offset"); break;
        case 'l': range.len = need_size(optarg, "length"); break;
        default: range.minlen = need_size(optarg, "minimum"); break;
        }
    }
    if (all == (optind < argc))
        tool_usage();
    if (all)
        return tool_end(trim_all(&range));
    for (; optind < argc; optind++)
        status |= trim(argv[optind], &range, false);
    return tool_end(status);
}
