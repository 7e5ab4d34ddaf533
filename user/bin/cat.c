// SPDX-License-Identifier: MIT
// cat: files, one after another, straight from read to write. Only -n looks at lines.
#include "user/lib/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct tool tool = {"cat", "[-nu] [FILE]…",
                                 "Copy files, or standard input, to standard output.", 0};

enum { BUFFER_LEN = 64 * 1024 };

static unsigned long line_number;
static bool in_line; // the output stands behind an unfinished line

static void put_numbered(const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!in_line)
            printf("%6lu\t", ++line_number);
        putchar(data[i]);
        in_line = data[i] != '\n';
    }
}

static bool copy_out(int fd, const char *name, bool number)
{
    static char buffer[BUFFER_LEN];

    for (;;) {
        ssize_t len = read(fd, buffer, sizeof(buffer));

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0) {
            warn_errno("%s", name);
            return false;
        }
        if (len == 0)
            return true;
        if (number)
            put_numbered(buffer, (size_t)len);
        else if (write_all(STDOUT_FILENO, buffer, (size_t)len) != 0)
            die_errno("write error");
    }
}

int main(int argc, char **argv)
{
    static char stdin_name[] = "-";
    bool number = false;
    int option, status = 0;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "nu")) != -1)
        if (option == 'n')
            number = true;
    if (optind == argc)
        argv[--optind] = stdin_name;
    for (; optind < argc; optind++) {
        bool is_stdin = strcmp(argv[optind], "-") == 0;
        int fd = is_stdin ? STDIN_FILENO : open(argv[optind], O_RDONLY | O_CLOEXEC);

        if (fd < 0)
            warn_errno("%s", argv[optind]);
        if (fd < 0 || !copy_out(fd, argv[optind], number))
            status = 1;
        if (fd >= 0 && !is_stdin)
            close(fd);
    }
    return tool_end(status);
}
