// SPDX-License-Identifier: MIT
// date: print or set the time.
#include "user/lib/times.h"
#include "user/lib/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tool tool = {"date", "[-u] [-d DATE | -r FILE | -s DATE] [+FORMAT]",
                                 "Print the date and time, or with -s set it.", 0};

// strftime, with %N for nanoseconds, which it does not know.
static void put_date(const char *format, const struct timespec *when)
{
    struct tm tm;
    char *copy = xmalloc(strlen(format) * 9 + 2), *to = copy, *text;
    size_t cap = 256, len;

    if (!localtime_r(&when->tv_sec, &tm))
        die_text("time out of range");
    for (; *format; format++) {
        if (format[0] == '%' && format[1] == 'N') {
            to += sprintf(to, "%09ld", when->tv_nsec);
            format++;
        } else {
            if (format[0] == '%' && format[1] == '%')
                *to++ = *format++;
            *to++ = *format;
        }
    }
    *to++ = ' '; // so that 0 from strftime can only mean "too small"
    *to = '\0';
    text = xmalloc(cap);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    while ((len = strftime(text, cap, copy, &tm)) == 0) {
        cap *= 2;
        text = xrealloc(text, cap);
    }
#pragma GCC diagnostic pop
    text[len - 1] = '\n';
    fwrite(text, 1, len, stdout);
    free(text);
    free(copy);
}

int main(int argc, char **argv)
{
    const char *format = "%a %b %e %H:%M:%S %Z %Y", *date = NULL, *file = NULL;
    bool set = false;
    struct timespec when;
    struct stat st;
    int option;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "ud:r:s:")) != -1) {
        if (option == 'u') {
            // One zone for printing and parsing, and %Z is right, too.
            if (setenv("TZ", "UTC0", 1) != 0)
                die_errno("TZ");
            tzset();
        } else if (option == 'r') {
            file = optarg;
        } else {
            date = optarg;
            set = option == 's';
        }
    }
    if (optind < argc && argv[optind][0] == '+')
        format = argv[optind++] + 1;
    if (optind < argc)
        tool_usage();
    clock_gettime(CLOCK_REALTIME, &when);
    if (date && !parse_date(date, &when))
        die_text("%s: not a valid date", date);
    if (file) {
        if (stat(file, &st) != 0)
            die_errno("%s", file);
        when = st.st_mtim;
    }
    if (set && clock_settime(CLOCK_REALTIME, &when) != 0)
        die_errno("setting the clock");
    put_date(format, &when);
    return tool_end(0);
}
