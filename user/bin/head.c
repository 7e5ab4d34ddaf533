// SPDX-License-Identifier: MIT
// head: the first lines or bytes of files.
#include "user/lib/number.h"
#include "user/lib/tool.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct tool tool = {"head", "[-qv] [-n LINES | -c BYTES] [FILE]…",
                                 "Print the beginning of files, ten lines unless told.", 0};

static bool put_head(FILE *file, uint64_t count, bool bytes)
{
    int c;

    while (count > 0 && (c = getc(file)) != EOF) {
        putchar(c);
        if (bytes || c == '\n')
            count--;
    }
    // What was read ahead belongs to whoever reads next, where the file can be wound back.
    if (file == stdin)
        fflush(stdin);
    return !ferror(file);
}

int main(int argc, char **argv)
{
    static char stdin_name[] = "-";
    bool bytes = false, verbose = false, quiet = false, first = true;
    uint64_t count = 10;
    int option, status = 0;

    tool_begin(&tool, argc, argv);
    if (argc > 1 && argv[1][0] == '-' && isdigit((unsigned char)argv[1][1])) {
        count = need_size(argv[1] + 1, "number of lines");
        optind = 2;
    }
    while ((option = tool_option(argc, argv, "n:c:qv")) != -1) {
        if (option == 'q') {
            quiet = true;
        } else if (option == 'v') {
            verbose = true;
        } else {
            bytes = option == 'c';
            count = need_size(optarg, bytes ? "number of bytes" : "number of lines");
        }
    }
    if (argc - optind > 1)
        verbose = true;
    if (optind == argc)
        argv[--optind] = stdin_name;
    for (; optind < argc; optind++) {
        bool is_stdin = strcmp(argv[optind], "-") == 0;
        FILE *file = is_stdin ? stdin : fopen(argv[optind], "re");

        if (file && verbose && !quiet)
            printf("%s==> %s <==\n", first ? "" : "\n", is_stdin ? "standard input" : argv[optind]);
        if (!file || !put_head(file, count, bytes)) {
            warn_errno("%s", argv[optind]);
            status = 1;
        }
        first = false;
        if (file && !is_stdin)
            fclose(file);
    }
    return tool_end(status);
}
