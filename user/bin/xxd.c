// SPDX-License-Identifier: MIT
// xxd: bytes as offset, hexadecimal and text; with -p hexadecimal only.
#include "user/lib/number.h"
#include "user/lib/tool.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct tool tool = {"xxd", "[-p] [-s OFFSET] [-l LENGTH] [FILE]",
                                 "Dump a file in hexadecimal.", 0};

enum { ROW_LEN = 16, PLAIN_LEN = 30 };

static void put_row(uint64_t offset, const unsigned char *row, size_t len)
{
    printf("%08llx:", (unsigned long long)offset);
    for (size_t i = 0; i < ROW_LEN; i++) {
        if (i % 2 == 0)
            putchar(' ');
        if (i < len)
            printf("%02x", row[i]);
        else
            fputs("  ", stdout);
    }
    fputs("  ", stdout);
    for (size_t i = 0; i < len; i++)
        putchar(row[i] < 128 && isprint(row[i]) ? row[i] : '.');
    putchar('\n');
}

int main(int argc, char **argv)
{
    uint64_t offset = 0, left = UINT64_MAX;
    unsigned char row[PLAIN_LEN];
    FILE *file = stdin;
    bool plain = false;
    size_t row_len, len;
    int option;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "ps:l:")) != -1) {
        if (option == 'p')
            plain = true;
        else if (option == 's')
            offset = need_size(optarg, "offset");
        else
            left = need_size(optarg, "length");
    }
    if (argc - optind > 1)
        tool_usage();
    if (optind < argc && strcmp(argv[optind], "-") != 0)
        file = fopen(argv[optind], "re");
    if (!file)
        die_errno("%s", argv[optind]);
    if (offset && fseeko(file, (off_t)offset, SEEK_SET) != 0)
        for (uint64_t i = 0; i < offset && getc(file) != EOF; i++) {
        }
    row_len = plain ? PLAIN_LEN : ROW_LEN;
    while (left > 0 && (len = fread(row, 1, left < row_len ? left : row_len, file)) > 0) {
        for (size_t i = 0; plain && i < len; i++)
            printf("%02x", row[i]);
        if (plain)
            putchar('\n');
        else
            put_row(offset, row, len);
        offset += len;
        left -= len;
    }
    if (ferror(file))
        die_errno("%s", file == stdin ? "standard input" : argv[optind]);
    if (file != stdin)
        fclose(file);
    return tool_end(0);
}
