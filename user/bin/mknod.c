// SPDX-License-Identifier: MIT
// mknod: make a device node or a fifo.
#include "user/lib/mode.h"
#include "user/lib/number.h"
#include "user/lib/tool.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const struct tool tool = {"mknod", "[-m MODE] NAME b|c|p [MAJOR MINOR]",
                                 "Make a block device, character device or fifo.", 0};

static unsigned device_number(const char *text)
{
    int64_t value;

    if (!parse_i64(text, &value) || value < 0 || value > 0xfffff)
        die_text("%s: not a device number", text);
    return (unsigned)value;
}

int main(int argc, char **argv)
{
    mode_t mode = 0666, type;
    dev_t device = 0;
    bool given = false;
    int nr;

    tool_begin(&tool, argc, argv);
    while (tool_option(argc, argv, "m:") != -1) {
        given = true;
        if (!parse_mode(optarg, 0666, 0, &mode))
            die_text("%s: not a valid mode", optarg);
    }
    nr = argc - optind;
    if (nr < 2 || strlen(argv[optind + 1]) != 1 || !strchr("bcup", argv[optind + 1][0]))
        tool_usage();
    type = argv[optind + 1][0] == 'b' ? S_IFBLK : argv[optind + 1][0] == 'p' ? S_IFIFO : S_IFCHR;
    if (nr != (type == S_IFIFO ? 2 : 4))
        tool_usage();
    if (type != S_IFIFO)
        device = makedev(device_number(argv[optind + 2]), device_number(argv[optind + 3]));
    if (mknod(argv[optind], type | mode, device) != 0 || (given && chmod(argv[optind], mode) != 0))
        die_errno("%s", argv[optind]);
    return 0;
}
