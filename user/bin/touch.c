// SPDX-License-Identifier: MIT
// touch: set a file's times, making it where it is missing.
#include "user/lib/times.h"
#include "user/lib/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tool tool = {"touch", "[-acm] [-d DATE] [-t STAMP] [-r FILE] FILE…",
                                 "Set the times of files, making those that are missing.", 0};

static bool touch_one(const char *path, const struct timespec times[2], bool make)
{
    int fd;

    if (utimensat(AT_FDCWD, path, times, 0) == 0)
        return true;
    if (errno == ENOENT && !make)
        return true;
    if (errno == ENOENT) {
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
        if (fd >= 0) {
            int result = futimens(fd, times);

            close(fd);
            if (result == 0)
                return true;
        }
    }
    warn_errno("%s", path);
    return false;
}

static void reference_times(const char *path, struct timespec times[2])
{
    struct stat st;

    if (stat(path, &st) != 0)
        die_errno("%s", path);
    times[0] = st.st_atim;
    times[1] = st.st_mtim;
}

int main(int argc, char **argv)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    bool access_only = false, change_only = false, make = true;
    int option, status = 0;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "acmd:t:r:")) != -1) {
        if (option == 'a')
            access_only = true;
        else if (option == 'm')
            change_only = true;
        else if (option == 'c')
            make = false;
        else if (option == 'r')
            reference_times(optarg, times);
        else if (!(option == 'd' ? parse_date : parse_stamp)(optarg, &times[1]))
            die_text("%s: not a valid time", optarg);
        else
            times[0] = times[1];
    }
    if (access_only && !change_only)
        times[1].tv_nsec = UTIME_OMIT;
    if (change_only && !access_only)
        times[0].tv_nsec = UTIME_OMIT;
    if (optind == argc)
        tool_usage();
    for (; optind < argc; optind++)
        if (!touch_one(argv[optind], times, make))
            status = 1;
    return status;
}
