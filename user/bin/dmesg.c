// SPDX-License-Identifier: MIT
// dmesg: the kernel's log, by syslog(2).
#include "user/lib/number.h"
#include "user/lib/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/klog.h>
#include <unistd.h>

static const struct tool tool = {"dmesg", "[-cCr] [-n LEVEL]",
                                 "Print the kernel's log, with -c clear it, without levels.", 0};

enum {
    ACTION_READ_ALL = 3,
    ACTION_READ_CLEAR = 4,
    ACTION_CLEAR = 5,
    ACTION_LEVEL = 8,
    ACTION_SIZE = 10
};

// "<6>text": the level is for loggers, not for readers.
static void put_log(const char *text, size_t len, bool raw)
{
    bool line_start = true;

    for (size_t i = 0; i < len; i++) {
        if (line_start && !raw && text[i] == '<') {
            size_t end = i + 1;

            while (end < len && text[end] >= '0' && text[end] <= '9')
                end++;
            if (end > i + 1 && end < len && text[end] == '>')
                i = end + 1;
            if (i >= len)
                break;
        }
        putchar(text[i]);
        line_start = text[i] == '\n';
    }
    if (!line_start)
        putchar('\n');
}

int main(int argc, char **argv)
{
    bool clear = false, raw = false;
    int option, size, len;
    int64_t level;
    char *text;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "cCrn:")) != -1) {
        if (option == 'n') {
            if (!parse_i64(optarg, &level) || level < 1 || level > 8)
                die_text("%s: a level is a number from 1 to 8", optarg);
            if (klogctl(ACTION_LEVEL, NULL, (int)level) != 0)
                die_errno("level");
            return 0;
        }
        if (option == 'C') {
            if (klogctl(ACTION_CLEAR, NULL, 0) != 0)
                die_errno("clear");
            return 0;
        }
        clear |= option == 'c';
        raw |= option == 'r';
    }
    size = klogctl(ACTION_SIZE, NULL, 0);
    if (size <= 0)
        size = 1 << 18;
    text = xmalloc((size_t)size);
    len = klogctl(clear ? ACTION_READ_CLEAR : ACTION_READ_ALL, text, size);
    if (len < 0)
        die_errno("kernel log");
    put_log(text, (size_t)len, raw);
    free(text);
    return tool_end(0);
}
