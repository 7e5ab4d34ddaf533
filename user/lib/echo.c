// SPDX-License-Identifier: MIT
// echo [-neE] WORD…: words with single spaces. Escapes are interpreted only after -e.
#include "user/lib/escape.h"
#include "user/lib/text_commands.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int echo_command(int argc, char **argv)
{
    bool newline = true, escapes = false;
    int at = 1;

    for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
        if (argv[at][1 + strspn(argv[at] + 1, "neE")] != '\0')
            break;
        for (const char *option = argv[at] + 1; *option; option++) {
            if (*option == 'n')
                newline = false;
            else
                escapes = *option == 'e';
        }
    }
    for (int first = at; at < argc; at++) {
        if (at > first)
            putchar(' ');
        if (!escapes)
            fputs(argv[at], stdout);
        else if (!put_escaped(argv[at], ESCAPE_ECHO))
            return 0;
    }
    if (newline)
        putchar('\n');
    return 0;
}
