// SPDX-License-Identifier: MIT
// The frame of every command.
//
// A command is `tool_begin`, a loop over `tool_option`, its work, and `return tool_end(status)`.
// Messages read "name: thing: reason" and go to standard error after standard output has been
// flushed, so that the two keep their order on a terminal. Standard output is checked once, at the
// end: a full disk shows there as an error status and never passes in silence.
#include "user/lib/tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tool *current_tool;
static const char *message_name = "?";

static int trouble_status(void)
{
    return current_tool && current_tool->trouble ? current_tool->trouble : 1;
}

void tool_begin(const struct tool *tool, int argc, char **argv)
{
    current_tool = tool;
    message_name = tool->name;
    opterr = 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("usage: %s %s\n%s\n", tool->name, tool->usage, tool->about);
        exit(tool_end(0));
    }
}

void tool_set_name(const char *name)
{
    message_name = name;
}

void tool_usage(void)
{
    if (current_tool)
        fprintf(stderr, "usage: %s %s\n", current_tool->name, current_tool->usage);
    exit(trouble_status());
}

int tool_option(int argc, char **argv, const char *spec)
{
    int option = getopt(argc, argv, spec);

    if (option == '?') {
        const char *known = optopt ? strchr(spec, optopt) : NULL;

        if (known && known[1] == ':')
            warn_text("option -%c needs a value", optopt);
        else if (optopt > ' ' && optopt < 127)
            warn_text("unknown option -%c", optopt);
        else
            warn_text("unknown option %s", argv[optind - 1]);
        tool_usage();
    }
    return option;
}

static void message(const char *fmt, va_list args, int error)
{
    fflush(stdout);
    fprintf(stderr, "%s: ", message_name);
    vfprintf(stderr, fmt, args);
    if (error)
        fprintf(stderr, ": %s", strerror(error));
    fputc('\n', stderr);
}

void warn_errno(const char *fmt, ...)
{
    int error = errno;
    va_list args;

    va_start(args, fmt);
    message(fmt, args, error);
    va_end(args);
}

void warn_text(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    message(fmt, args, 0);
    va_end(args);
}

void die_errno(const char *fmt, ...)
{
    int error = errno;
    va_list args;

    va_start(args, fmt);
    message(fmt, args, error);
    va_end(args);
    exit(trouble_status());
}

void die_text(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    message(fmt, args, 0);
    va_end(args);
    exit(trouble_status());
}

int tool_end(int status)
{
    bool lost = ferror(stdout) != 0;

    errno = 0;
    if (fflush(stdout) != 0)
        lost = true;
    // A shell may have been started with standard output closed; that is no lost write.
    if (!lost)
        return status;
    if (errno)
        warn_errno("write error");
    else
        warn_text("write error");
    return status ? status : trouble_status();
}

static void *checked(void *memory)
{
    if (!memory)
        die_text("out of memory");
    return memory;
}

void *xmalloc(size_t len_bytes)
{
    return checked(malloc(len_bytes ? len_bytes : 1));
}

void *xcalloc(size_t nr, size_t len_bytes)
{
    return checked(calloc(nr ? nr : 1, len_bytes ? len_bytes : 1));
}

void *xrealloc(void *old, size_t len_bytes)
{
    return checked(realloc(old, len_bytes ? len_bytes : 1));
}

char *xstrndup(const char *text, size_t len_bytes)
{
    char *copy = xmalloc(len_bytes + 1);

    memcpy(copy, text, len_bytes);
    copy[len_bytes] = '\0';
    return copy;
}

char *xstrdup(const char *text)
{
    return xstrndup(text, strlen(text));
}

int write_all(int fd, const void *data, size_t len_bytes)
{
    const char *at = data;

    while (len_bytes > 0) {
        ssize_t done = write(fd, at, len_bytes);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        at += done;
        len_bytes -= (size_t)done;
    }
    return 0;
}
