// SPDX-License-Identifier: MIT
// wc: count lines, words, bytes and the longest line.
#include "user/lib/tool.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct tool tool = {"wc", "[-lwcmL] [FILE]…", "Count lines, words and bytes.", 0};

enum { LINES, WORDS, CHARS, BYTES, LONGEST, NR_COUNTS };

static const char letters[] = "lwmcL";

struct counts {
    unsigned long long n[NR_COUNTS];
};

static bool count_file(int fd, struct counts *out)
{
    static unsigned char buffer[64 * 1024];
    unsigned long long width = 0;
    bool in_word = false;
    ssize_t len;

    while ((len = read(fd, buffer, sizeof(buffer))) != 0) {
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return false;
        out->n[BYTES] += (unsigned long long)len;
        for (ssize_t i = 0; i < len; i++) {
            bool blank = isspace(buffer[i]) != 0, is_start = (buffer[i] & 0xc0) != 0x80;

            out->n[LINES] += buffer[i] == '\n';
            out->n[WORDS] += !blank && !in_word;
            out->n[CHARS] += is_start;
            in_word = !blank;
            width = buffer[i] == '\n' ? 0 : buffer[i] == '\t' ? (width | 7) + 1 : width + is_start;
            if (width > out->n[LONGEST])
                out->n[LONGEST] = width;
        }
    }
    return true;
}

static void put_counts(const struct counts *counts, const bool wanted[], int width,
                       const char *name)
{
    bool first = true;

    for (int i = 0; i < NR_COUNTS; i++) {
        if (!wanted[i])
            continue;
        printf("%s%*llu", first ? "" : " ", width, counts->n[i]);
        first = false;
    }
    if (name)
        printf(" %s", name);
    putchar('\n');
}

int main(int argc, char **argv)
{
    struct counts total = {0};
    bool wanted[NR_COUNTS] = {false}, any = false;
    int option, status = 0, nr_wanted = 0, nr_files, width;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "lwcmL")) != -1) {
        wanted[strchr(letters, option) - letters] = true;
        any = true;
    }
    if (!any)
        wanted[LINES] = wanted[WORDS] = wanted[BYTES] = true;
    for (int i = 0; i < NR_COUNTS; i++)
        nr_wanted += wanted[i];
    nr_files = argc - optind;
    width = nr_wanted == 1 && nr_files <= 1 ? 1 : 7; // one number alone is easy to use in a script
    if (nr_files == 0) {
        if (!count_file(STDIN_FILENO, &total))
            die_errno("standard input");
        put_counts(&total, wanted, width, NULL);
        return tool_end(0);
    }
    for (; optind < argc; optind++) {
        struct counts counts = {0};
        bool is_stdin = strcmp(argv[optind], "-") == 0;
        int fd = is_stdin ? STDIN_FILENO : open(argv[optind], O_RDONLY | O_CLOEXEC);

        if (fd < 0 || !count_file(fd, &counts)) {
            warn_errno("%s", argv[optind]);
            status = 1;
        }
        if (fd >= 0)
            put_counts(&counts, wanted, width, argv[optind]);
        if (fd >= 0 && !is_stdin)
            close(fd);
        for (int i = 0; i < LONGEST; i++)
            total.n[i] += counts.n[i];
        if (counts.n[LONGEST] > total.n[LONGEST])
            total.n[LONGEST] = counts.n[LONGEST];
    }
    if (nr_files > 1)
        put_counts(&total, wanted, width, "total");
    return tool_end(status);
}
