// SPDX-License-Identifier: MIT
// sleep: pause for the sum of the given times.
#include "user/lib/tool.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct tool tool = {"sleep", "NUMBER[smhd]…", "Pause for a time, fractions allowed.",
                                 0};

static double parse_time(const char *text)
{
    static const char units[] = "smhd";
    static const double factors[] = {1, 60, 3600, 86400};
    char *end;
    double value = strtod(text, &end);
    const char *unit = *end ? strchr(units, *end) : units;

    if (end == text || !unit || (*end && end[1]) || isnan(value) || value < 0)
        die_text("%s: not a valid time", text);
    return value * factors[unit - units];
}

int main(int argc, char **argv)
{
    double seconds = 0;
    struct timespec left;

    tool_begin(&tool, argc, argv);
    while (tool_option(argc, argv, "") != -1) {
    }
    if (optind == argc)
        tool_usage();
    for (; optind < argc; optind++)
        seconds += parse_time(argv[optind]);
    if (seconds > 1e9)
        seconds = 1e9;
    left.tv_sec = (time_t)seconds;
    left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
    while (nanosleep(&left, &left) != 0)
        if (errno != EINTR)
            die_errno("nanosleep");
    return 0;
}
