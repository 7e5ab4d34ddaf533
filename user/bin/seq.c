// SPDX-License-Identifier: MIT
// seq: numbers in order. Each is computed from its index, so fractions do not drift.
#include "user/lib/tool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tool tool = {"seq", "[-w] [-s SEPARATOR] [FIRST [STEP]] LAST",
                                 "Print the numbers from FIRST (1) to LAST.", 0};

static double parse(const char *text, int *nr_decimals)
{
    const char *point = strchr(text, '.');
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end || !isfinite(value))
        die_text("%s: not a number", text);
    if (point && (int)strlen(point + 1) > *nr_decimals)
        *nr_decimals = (int)strlen(point + 1);
    return value;
}

int main(int argc, char **argv)
{
    double first = 1, step = 1, last;
    const char *separator = "\n";
    int option, nr_decimals = 0, width = 0, at = 1;
    bool equal_width = false;

    tool_begin(&tool, argc, argv);
    // By hand, since a negative number looks like an option.
    for (; at < argc && argv[at][0] == '-' && argv[at][1] && strchr("ws", argv[at][1]); at++) {
        option = argv[at][1];
        if (option == 'w')
            equal_width = true;
        else if (argv[at][2])
            separator = argv[at] + 2;
        else if (at + 1 < argc)
            separator = argv[++at];
    }
    if (argc - at < 1 || argc - at > 3)
        tool_usage();
    last = parse(argv[argc - 1], &nr_decimals);
    if (argc - at > 1)
        first = parse(argv[at], &nr_decimals);
    if (argc - at > 2)
        step = parse(argv[at + 1], &nr_decimals);
    if (step == 0)
        die_text("the step must not be 0");
    if (equal_width) {
        int other = snprintf(NULL, 0, "%.*f", nr_decimals, last);

        width = snprintf(NULL, 0, "%.*f", nr_decimals, first);
        width = other > width ? other : width;
    }
    for (unsigned long i = 0;; i++) {
        double value = first + (double)i * step;

        // A little slack takes up the rounding of fractions.
        if (step > 0 ? value > last + step * 1e-9 : value < last + step * 1e-9) {
            if (i > 0)
                putchar('\n');
            break;
        }
        printf("%s%0*.*f", i ? separator : "", width, nr_decimals, value);
    }
    return tool_end(0);
}
