// SPDX-License-Identifier: MIT
// The files of /proc about memory, as numbers.
//
// They are text in lines, and older or newer kernels have other lines than ours. So each line is
// looked at by itself: one that has the expected form counts, any other is passed over, and nothing
// is believed to be in a certain place of the file.
#include "user/lib/memory_files.h"
#include "user/lib/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int memory_read_file(const char *path, struct strbuf *text)
{
    char chunk[4096];
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC), error;

    strbuf_clear(text);
    if (fd < 0)
        return -1;
    while ((got = read(fd, chunk, sizeof(chunk))) > 0)
        strbuf_add(text, chunk, (size_t)got);
    error = errno;
    close(fd);
    errno = error;
    return got < 0 ? -1 : 0;
}

enum { LINE_LEN = 256 };

// Copy the line at `text`, without its newline and as far as it fits. Returns the next one; NULL at
// the end.
static const char *take_line(const char *text, char line[LINE_LEN])
{
    size_t len = strcspn(text, "\n");

    snprintf(line, LINE_LEN, "%.*s", (int)len, text);
    return !*text ? NULL : text + len + (text[len] == '\n');
}

unsigned long long memory_number(const char *text, const char *name)
{
    size_t len = strlen(name);
    char line[LINE_LEN];

    while ((text = take_line(text, line)))
        if (strncmp(line, name, len) == 0 && (line[len] == ':' || line[len] == ' '))
            return strtoull(line + len + 1, NULL, 10);
    return 0;
}

int memory_parse_buddyinfo(const char *text, unsigned long long blocks[MEMORY_ORDERS])
{
    char line[LINE_LEN];
    int zones = 0;

    memset(blocks, 0, MEMORY_ORDERS * sizeof(*blocks));
    while ((text = take_line(text, line))) {
        char *at = strstr(line, "zone");
        int len = 0;

        if (!at || sscanf(at, "zone %*s%n", &len) < 0 || len == 0)
            continue;
        zones++;
        at += len;
        for (int order = 0; order < MEMORY_ORDERS; order++)
            blocks[order] += strtoull(at, &at, 10);
    }
    return zones;
}

unsigned long long memory_zone_sum(const char *text, const char *name)
{
    unsigned long long sum = 0, value;
    char line[LINE_LEN], word[32];

    while ((text = take_line(text, line)))
        if (sscanf(line, " %31s %llu", word, &value) == 2 && strcmp(word, name) == 0)
            sum += value;
    return sum;
}

static struct memory_row *add_row(struct memory_rows *list)
{
    if (list->nr == list->room) {
        list->room = list->room ? 2 * list->room : 64;
        list->rows = xrealloc(list->rows, list->room * sizeof(*list->rows));
    }
    list->rows[list->nr] = (struct memory_row){.nr = 0};
    return &list->rows[list->nr++];
}

void memory_parse_slabinfo(const char *text, struct memory_rows *list)
{
    unsigned long page_bytes = (unsigned long)sysconf(_SC_PAGESIZE);
    char line[LINE_LEN];

    list->nr = 0;
    while ((text = take_line(text, line))) {
        struct memory_row *row = add_row(list);
        unsigned long long size, pages, slabs;

        if (sscanf(line, "%63s %llu %*u %llu %*u %llu : tunables %*u %*u %*u : slabdata %*u %llu",
                   row->name, &row->nr, &size, &pages, &slabs) != 5) {
            list->nr--;
            continue;
        }
        row->bytes = row->nr * size;
        row->held = slabs * pages * page_bytes;
    }
}

// "  4704        3 slab:actions_cache func:signal_actions_copy+0x20": what it is, and the function,
// where it is known. On Linux what it is is a place in the source.
void memory_parse_allocinfo(const char *text, struct memory_rows *list)
{
    char line[LINE_LEN], what[48], function[48];

    list->nr = 0;
    while ((text = take_line(text, line))) {
        struct memory_row *row = add_row(list);
        const char *func = strstr(line, " func:");

        if (sscanf(line, "%llu %llu %47s", &row->bytes, &row->nr, what) != 3) {
            list->nr--;
            continue;
        }
        if (func && sscanf(func, " func:%47s", function) == 1 && strcmp(function, "-") != 0)
            snprintf(row->name, sizeof(row->name), "%.31s %.31s", what, function);
        else
            snprintf(row->name, sizeof(row->name), "%s", what);
    }
}

void memory_parse_alloc_latency(const char *text, struct memory_rows *list)
{
    char line[LINE_LEN];

    list->nr = 0;
    while ((text = take_line(text, line))) {
        struct memory_row *row = add_row(list);

        if (sscanf(line, "%63s count %llu avg_ns %llu worst_ns %llu", row->name, &row->nr,
                   &row->average_ns, &row->worst_ns) != 4)
            list->nr--;
    }
}

void memory_rows_free(struct memory_rows *list)
{
    free(list->rows);
    *list = (struct memory_rows){.rows = NULL};
}
