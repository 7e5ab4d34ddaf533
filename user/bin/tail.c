// SPDX-License-Identifier: MIT
// tail: the last lines or bytes of files.
//
// The end of a stream is known only when it comes, so the last N lines, or bytes, are kept in a ring
// that is printed then. +N prints from the Nth on. With -f the file is looked at again each second.
#include "user/lib/number.h"
#include "user/lib/tool.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tool tool = {"tail", "[-fq] [-n [+]LINES | -c [+]BYTES] [FILE]…",
                                 "Print the end of files, ten lines unless told.", 0};

struct extent {
    uint64_t count;
    bool bytes, from_start;
};

enum { RING_MAX = 1 << 24 };

static void put_from(FILE *file, const struct extent *extent)
{
    uint64_t skip = extent->count ? extent->count - 1 : 0;
    int c;

    while (skip > 0 && (c = getc(file)) != EOF)
        if (extent->bytes || c == '\n')
            skip--;
    while ((c = getc(file)) != EOF)
        putchar(c);
}

static void put_last_lines(FILE *file, size_t count)
{
    // One slot more than lines, for the read that finds the end.
    size_t nr_slots = count + 1, nr = 0;
    char **ring = xcalloc(nr_slots, sizeof(*ring));
    size_t *lens = xcalloc(nr_slots, sizeof(*lens)), *caps = xcalloc(nr_slots, sizeof(*caps));

    for (;; nr++) {
        size_t slot = nr % nr_slots;
        ssize_t len = getline(&ring[slot], &caps[slot], file);

        if (len < 0)
            break;
        lens[slot] = (size_t)len;
    }
    for (size_t i = nr > count ? nr - count : 0; i < nr; i++)
        fwrite(ring[i % nr_slots], 1, lens[i % nr_slots], stdout);
    for (size_t i = 0; i < nr_slots; i++)
        free(ring[i]);
    free(ring);
    free(lens);
    free(caps);
}

static void put_last_bytes(FILE *file, size_t count)
{
    char *ring = xmalloc(count);
    size_t nr = 0;
    int c;

    while ((c = getc(file)) != EOF)
        ring[nr++ % count] = (char)c;
    for (size_t i = nr > count ? nr - count : 0; i < nr; i++)
        putchar(ring[i % count]);
    free(ring);
}

static void follow(FILE *file)
{
    int c;

    for (;;) {
        clearerr(file);
        while ((c = getc(file)) != EOF)
            putchar(c);
        if (fflush(stdout) != 0)
            die_errno("write error");
        sleep(1);
    }
}

static bool put_tail(FILE *file, const struct extent *extent)
{
    if (extent->from_start)
        put_from(file, extent);
    else if (extent->count == 0)
        fseek(file, 0, SEEK_END);
    else if (extent->bytes)
        put_last_bytes(file, extent->count);
    else
        put_last_lines(file, extent->count);
    return !ferror(file);
}

static void parse_extent(const char *text, bool bytes, struct extent *out)
{
    out->bytes = bytes;
    out->from_start = *text == '+';
    out->count = need_size(text + (*text == '+' || *text == '-'), "count");
    if (!out->from_start && out->count > RING_MAX)
        die_text("%s: too many to keep", text);
}

int main(int argc, char **argv)
{
    static char stdin_name[] = "-";
    struct extent extent = {.count = 10};
    bool follows = false, heading, first = true, quiet = false;
    int option, status = 0;

    tool_begin(&tool, argc, argv);
    if (argc > 1 && argv[1][0] == '-' && isdigit((unsigned char)argv[1][1])) {
        parse_extent(argv[1], false, &extent);
        optind = 2;
    }
    while ((option = tool_option(argc, argv, "fqn:c:")) != -1) {
        if (option == 'f')
            follows = true;
        else if (option == 'q')
            quiet = true;
        else
            parse_extent(optarg, option == 'c', &extent);
    }
    heading = argc - optind > 1 && !quiet;
    if (optind == argc)
        argv[--optind] = stdin_name;
    for (; optind < argc; optind++) {
        bool is_stdin = strcmp(argv[optind], "-") == 0;
        FILE *file = is_stdin ? stdin : fopen(argv[optind], "re");

        if (file && heading)
            printf("%s==> %s <==\n", first ? "" : "\n", is_stdin ? "standard input" : argv[optind]);
        if (!file || !put_tail(file, &extent)) {
            warn_errno("%s", argv[optind]);
            status = 1;
        }
        if (file && follows && optind == argc - 1)
            follow(file);
        first = false;
        if (file && !is_stdin)
            fclose(file);
    }
    return tool_end(status);
}
