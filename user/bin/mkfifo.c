// SPDX-License-Identifier: MIT
// mkfifo: make named pipes.
#include "user/lib/mode.h"
#include "user/lib/tool.h"

#include <sys/stat.h>
#include <unistd.h>

static const struct tool tool = {"mkfifo", "[-m MODE] NAME…", "Make named pipes.", 0};

int main(int argc, char **argv)
{
    mode_t mode = 0666;
    bool given = false;
    int status = 0;

    tool_begin(&tool, argc, argv);
    while (tool_option(argc, argv, "m:") != -1) {
        given = true;
        if (!parse_mode(optarg, 0666, 0, &mode))
            die_text("%s: not a valid mode", optarg);
    }
    if (optind == argc)
        tool_usage();
    for (; optind < argc; optind++) {
        if (mkfifo(argv[optind], mode) != 0 || (given && chmod(argv[optind], mode) != 0)) {
            warn_errno("%s", argv[optind]);
            status = 1;
        }
    }
    return status;
}
