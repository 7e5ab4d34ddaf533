// SPDX-License-Identifier: MIT
// cmp: where two files first differ, or with -l everywhere.
#include "user/lib/tool.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct tool tool = {"cmp", "[-sl] FILE FILE",
                                 "Compare two files; exit with 0 if equal, 1 if not.", 2};

static FILE *open_operand(const char *name)
{
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");

    if (!file)
        die_errno("%s", name);
    return file;
}

int main(int argc, char **argv)
{
    bool silent = false, all = false;
    unsigned long long at = 0, line = 1;
    FILE *files[2];
    char **names;
    int option, status = 0;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "sl")) != -1) {
        silent |= option == 's';
        all |= option == 'l';
    }
    if (argc - optind != 2)
        tool_usage();
    names = argv + optind;
    files[0] = open_operand(names[0]);
    files[1] = open_operand(names[1]);
    for (;;) {
        int a = getc(files[0]), b = getc(files[1]);

        at++;
        if (ferror(files[0]) || ferror(files[1]))
            die_errno("%s", names[ferror(files[0]) ? 0 : 1]);
        if (a == EOF && b == EOF)
            break;
        if (a == EOF || b == EOF) {
            if (!silent)
                warn_text("end of file on %s after byte %llu", names[a == EOF ? 0 : 1], at - 1);
            status = 1;
            break;
        }
        if (a != b) {
            status = 1;
            if (all && !silent) {
                printf("%llu %3o %3o\n", at, (unsigned)a, (unsigned)b);
                continue;
            }
            if (!silent)
                printf("%s %s differ: char %llu, line %llu\n", names[0], names[1], at, line);
            break;
        }
        line += a == '\n';
    }
    return tool_end(status);
}
