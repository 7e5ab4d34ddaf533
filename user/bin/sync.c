// SPDX-License-Identifier: MIT
// sync: write what is dirty, everything or the named files.
#include "user/lib/tool.h"

#include <fcntl.h>
#include <unistd.h>

static const struct tool tool = {"sync", "[FILE]…", "Write cached data to the disks.", 0};

int main(int argc, char **argv)
{
    int status = 0;

    tool_begin(&tool, argc, argv);
    while (tool_option(argc, argv, "") != -1) {
    }
    if (optind == argc)
        sync();
    for (; optind < argc; optind++) {
        int fd = open(argv[optind], O_RDONLY | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0 || fsync(fd) != 0) {
            warn_errno("%s", argv[optind]);
            status = 1;
        }
        if (fd >= 0)
            close(fd);
    }
    return status;
}
