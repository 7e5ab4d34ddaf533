// SPDX-License-Identifier: MIT
// memtop: a live picture of where memory is, and how hard it is to get.
//
// The picture is made anew each second from files of /proc, most of which Linux has, too: a pane
// whose file can't be read says so. From top to bottom: how much is used, where free memory stands
// among the watermarks, and what happened since the last picture; then free blocks by order and the
// largest caches; then whose memory it is, and how long allocations take. The upper panes have fixed
// heights, the lower ones what is left.
//
// A file is read into one text, all of it at once, and parsed by user/lib/memory_files.c; rates come
// from two texts of /proc/vmstat, the present one and the one before.
#include "user/lib/full_screen.h"
#include "user/lib/memory_files.h"
#include "user/lib/number.h"
#include "user/lib/tool.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct tool tool = {
    "memtop", "[--once] [-d SECONDS] [-s bytes|count|name]",
    "Show where memory is, live: free blocks, caches, tags, pressure. Keys: q quits; b, c, n sort by\n"
    "bytes, count, name; the space bar shows the next picture at once. Where standard output is no\n"
    "terminal, and with --once, one picture is printed, with figures since the start of the machine.",
    0};

enum { LEFT_COLUMNS = 32, ALL_COLUMNS = 80, UPPER_ROWS = 6, MAX_ROWS = 200 };
enum { SECONDS_MAX = 86400 };

struct pane {
    char lines[MAX_ROWS][ALL_COLUMNS + 1];
    int nr;
};

struct view {
    char sort;            // 'b', 'c', 'n'
    bool is_live;         // rates, and not figures since the start
    double seconds;       // since the picture before; 0: this is the first
    struct strbuf vmstat; // of this picture
    struct strbuf vmstat_before;
    struct strbuf text; // of the file that is looked at
    struct memory_rows rows;
    struct pane left, right;
    struct strbuf out;
};

static void __attribute__((format(printf, 2, 3))) add(struct pane *pane, const char *format, ...)
{
    va_list args;

    if (pane->nr == MAX_ROWS)
        return;
    va_start(args, format);
    vsnprintf(pane->lines[pane->nr++], sizeof(pane->lines[0]), format, args);
    va_end(args);
}

// "[####....]" of so many characters within.
static const char *bar(unsigned long long part, unsigned long long whole, int width, char text[64])
{
    int filled = whole ? (int)((double)part / (double)whole * width + 0.5) : 0;

    filled = filled > width ? width : filled;
    text[0] = '[';
    memset(text + 1, '#', (size_t)filled);
    memset(text + 1 + filled, '.', (size_t)(width - filled));
    memcpy(text + 1 + width, "]", 2);
    return text;
}

static bool read_or_say(struct view *view, struct pane *pane, const char *path)
{
    if (memory_read_file(path, &view->text) == 0)
        return true;
    if (errno == ENOENT)
        add(pane, "no %s here", path);
    else
        add(pane, "%s: %s", path + strlen("/proc/"), strerror(errno));
    return false;
}

// ---- Used, free, pressure -------------------------------------------------------------------------

static void show_usage(struct view *view, struct pane *pane)
{
    char used[HUMAN_LEN], total[HUMAN_LEN], available[HUMAN_LEN], picture[64];
    unsigned long long all, unused, swap;

    if (!read_or_say(view, pane, "/proc/meminfo"))
        return;
    all = memory_number(view->text.text, "MemTotal") * 1024;
    unused = memory_number(view->text.text, "MemFree") * 1024;
    unused = unused < all ? unused : all;
    add(pane, "Memory %s %s of %s used, %s available", bar(all - unused, all, 28, picture),
        human_size(all - unused, used), human_size(all, total),
        human_size(memory_number(view->text.text, "MemAvailable") * 1024, available));
    all = memory_number(view->text.text, "SwapTotal") * 1024;
    swap = memory_number(view->text.text, "SwapFree") * 1024;
    swap = swap < all ? swap : all;
    add(pane, "Swap   %s %s of %s used", bar(all - swap, all, 28, picture),
        human_size(all - swap, used), human_size(all, total));
}

static const char *pressure(unsigned long long unused, const unsigned long long marks[3])
{
    return unused < marks[0]   ? "only the reserve is left"
           : unused < marks[1] ? "low: reclaiming"
           : unused < marks[2] ? "below high"
                               : "at ease";
}

static void show_watermarks(struct view *view, struct pane *pane)
{
    unsigned long page_bytes = (unsigned long)sysconf(_SC_PAGESIZE);
    char texts[3][HUMAN_LEN], picture[64];
    unsigned long long marks[3], unused;

    if (!read_or_say(view, pane, "/proc/zoneinfo"))
        return;
    marks[0] = memory_zone_sum(view->text.text, "min");
    marks[1] = memory_zone_sum(view->text.text, "low");
    marks[2] = memory_zone_sum(view->text.text, "high");
    unused = memory_number(strbuf_text(&view->vmstat), "nr_free_pages");
    add(pane, "Free   %s min %s low %s high %s: %s", bar(unused, 2 * marks[2], 28, picture),
        human_size(marks[0] * page_bytes, texts[0]), human_size(marks[1] * page_bytes, texts[1]),
        human_size(marks[2] * page_bytes, texts[2]), pressure(unused, marks));
}

// What a counter of vmstat did in a second since the last picture, or since the start.
static unsigned long long rate(const struct view *view, const char *name)
{
    unsigned long long now = memory_number(strbuf_text(&view->vmstat), name);
    unsigned long long then = memory_number(strbuf_text(&view->vmstat_before), name);

    if (view->seconds <= 0)
        return now;
    return now < then ? 0 : (unsigned long long)((double)(now - then) / view->seconds + 0.5);
}

static void show_rates(struct view *view, struct pane *pane)
{
    if (!view->vmstat.len) {
        add(pane, "/proc/vmstat: can't be read");
        return;
    }
    add(pane, "%s fault %llu (major %llu)  reclaim %llu (stalls %llu)  swap in %llu out %llu",
        view->seconds > 0 ? "Each s:" : "So far:", rate(view, "pgfault"), rate(view, "pgmajfault"),
        rate(view, "pgsteal_kswapd") + rate(view, "pgsteal_direct"),
        rate(view, "allocstall_normal"), rate(view, "pswpin"), rate(view, "pswpout"));
    add(pane, "        compacted %llu (failed %llu)  moved %llu  killed for memory so far: %llu",
        rate(view, "compact_success"), rate(view, "compact_fail"), rate(view, "pgmigrate_success"),
        memory_number(strbuf_text(&view->vmstat), "oom_kill"));
}

// ---- Free blocks, caches, tags, latency --------------------------------------------------------------

static void show_orders(struct view *view, struct pane *pane)
{
    unsigned long page_bytes = (unsigned long)sysconf(_SC_PAGESIZE);
    unsigned long long blocks[MEMORY_ORDERS], sum = 0;
    char size[HUMAN_LEN], picture[64];

    add(pane, "BLOCK   FREE  OF FREE MEMORY");
    if (!read_or_say(view, pane, "/proc/buddyinfo"))
        return;
    memory_parse_buddyinfo(strbuf_text(&view->text), blocks);
    for (int order = 0; order < MEMORY_ORDERS; order++)
        sum += blocks[order] << order;
    for (int order = 0; order < MEMORY_ORDERS; order++)
        add(pane, "%5s %6llu  %s", human_size((unsigned long long)page_bytes << order, size),
            blocks[order], bar(blocks[order] << order, sum, 14, picture));
}

static char sort_key; // for compare_rows()

static int compare_rows(const void *left, const void *right)
{
    const struct memory_row *a = left, *b = right;

    if (sort_key == 'c' && a->nr != b->nr)
        return a->nr < b->nr ? 1 : -1;
    if (sort_key == 'b' && a->bytes != b->bytes)
        return a->bytes < b->bytes ? 1 : -1;
    return strcmp(a->name, b->name);
}

static void sort_rows(struct view *view)
{
    sort_key = view->sort;
    if (view->rows.nr)
        qsort(view->rows.rows, view->rows.nr, sizeof(view->rows.rows[0]), compare_rows);
}

static void show_caches(struct view *view, struct pane *pane)
{
    unsigned long long most = 0;
    char live[HUMAN_LEN], held[HUMAN_LEN], picture[64];

    add(pane, "%-19s%8s %6s %6s", "CACHE", "OBJECTS", "LIVE", "SLABS");
    if (!read_or_say(view, pane, "/proc/slabinfo"))
        return;
    memory_parse_slabinfo(strbuf_text(&view->text), &view->rows);
    sort_rows(view);
    for (size_t i = 0; i < view->rows.nr; i++)
        most = view->rows.rows[i].held > most ? view->rows.rows[i].held : most;
    for (size_t i = 0; i < view->rows.nr; i++) {
        const struct memory_row *row = &view->rows.rows[i];

        add(pane, "%-18.18s %8llu %6s %6s %s", row->name, row->nr, human_size(row->bytes, live),
            human_size(row->held, held), bar(row->held, most, 3, picture));
    }
}

static void show_tags(struct view *view, struct pane *pane)
{
    char size[HUMAN_LEN];

    add(pane, "%-29s %7s %8s", "TAG", "BYTES", "COUNT");
    if (!read_or_say(view, pane, "/proc/allocinfo"))
        return;
    memory_parse_allocinfo(strbuf_text(&view->text), &view->rows);
    sort_rows(view);
    for (size_t i = 0; i < view->rows.nr; i++)
        add(pane, "%-29.29s %7s %8llu", view->rows.rows[i].name,
            human_size(view->rows.rows[i].bytes, size), view->rows.rows[i].nr);
}

enum { DURATION_LEN = 24 };

static const char *duration(unsigned long long ns, char text[DURATION_LEN])
{
    if (ns < 10000)
        snprintf(text, DURATION_LEN, "%lluns", ns);
    else if (ns < 10000000)
        snprintf(text, DURATION_LEN, "%lluus", ns / 1000);
    else
        snprintf(text, DURATION_LEN, "%llums", ns / 1000000);
    return text;
}

static void show_latency(struct view *view, struct pane *pane)
{
    char average[DURATION_LEN], worst[DURATION_LEN];

    add(pane, "%-13s%8s%8s", "ALLOCATION", "AVERAGE", "WORST");
    if (!read_or_say(view, pane, "/proc/alloc_latency"))
        return;
    memory_parse_alloc_latency(strbuf_text(&view->text), &view->rows);
    for (size_t i = 0; i < view->rows.nr; i++) {
        const struct memory_row *row = &view->rows.rows[i];

        add(pane, "%-13.13s%8s%8s", row->name, row->nr ? duration(row->average_ns, average) : "-",
            row->nr ? duration(row->worst_ns, worst) : "-");
    }
}

// ---- The picture -----------------------------------------------------------------------------------

static void put_line(struct strbuf *out, const char *line)
{
    size_t len = strlen(line);

    while (len > 0 && line[len - 1] == ' ')
        len--;
    strbuf_add(out, line, len);
    strbuf_add_char(out, '\n');
}

// Both panes side by side, at most so many rows of them.
static void put_panes(struct view *view, int rows)
{
    char line[2 * ALL_COLUMNS];

    for (int i = 0; i < rows && (i < view->left.nr || i < view->right.nr); i++) {
        snprintf(line, sizeof(line), "%-*.*s %.*s", LEFT_COLUMNS, LEFT_COLUMNS,
                 i < view->left.nr ? view->left.lines[i] : "", ALL_COLUMNS - LEFT_COLUMNS - 1,
                 i < view->right.nr ? view->right.lines[i] : "");
        put_line(&view->out, line);
    }
    view->left.nr = view->right.nr = 0;
}

static void put_title(struct view *view)
{
    char line[ALL_COLUMNS + 1];
    time_t now = time(NULL);
    struct tm parts;

    localtime_r(&now, &parts);
    snprintf(line, sizeof(line), "memtop %02d:%02d:%02d  by %s%s", parts.tm_hour, parts.tm_min,
             parts.tm_sec,
             view->sort == 'b'   ? "bytes"
             : view->sort == 'c' ? "count"
                                 : "name",
             view->is_live ? "    keys: b c n sort, space next, q quit" : "");
    put_line(&view->out, line);
}

static void make_picture(struct view *view, int rows)
{
    struct strbuf swapped = view->vmstat_before;
    int lower;

    view->vmstat_before = view->vmstat;
    view->vmstat = swapped;
    if (memory_read_file("/proc/vmstat", &view->vmstat) != 0)
        strbuf_clear(&view->vmstat);
    strbuf_clear(&view->out);
    put_title(view);
    show_usage(view, &view->left);
    show_watermarks(view, &view->left);
    show_rates(view, &view->left);
    for (int i = 0; i < view->left.nr; i++)
        put_line(&view->out, view->left.lines[i]);
    view->left.nr = 0;
    // Orders and caches have their twelve lines, and half of what is more than 24.
    lower = rows - UPPER_ROWS - 1 - MEMORY_ORDERS;
    lower = lower > 6 ? 6 + (lower - 6) / 2 : lower;
    show_orders(view, &view->left);
    show_caches(view, &view->right);
    put_panes(view, rows - UPPER_ROWS - lower);
    show_latency(view, &view->left);
    show_tags(view, &view->right);
    put_panes(view, lower);
}

static void run_live(struct view *view, double interval_s)
{
    struct timespec last = {0}, now;
    int key = 0;

    full_screen_enter();
    while (key != 'q' && key != -1) {
        int columns, rows;

        clock_gettime(CLOCK_MONOTONIC, &now);
        view->seconds = last.tv_sec || last.tv_nsec
                            ? (double)(now.tv_sec - last.tv_sec) +
                                  1e-9 * (double)(now.tv_nsec - last.tv_nsec)
                            : 0;
        last = now;
        full_screen_size(&columns, &rows);
        make_picture(view, rows);
        full_screen_draw(strbuf_text(&view->out));
        key = full_screen_key((int)(interval_s * 1000));
        if (key == 'b' || key == 'c' || key == 'n')
            view->sort = (char)key;
    }
    full_screen_leave();
}

static double parse_seconds(const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end || !isfinite(seconds) || seconds < 0.1 || seconds > SECONDS_MAX)
        die_text("%s: not a number of seconds from 0.1 to %d", text, SECONDS_MAX);
    return seconds;
}

static char parse_sort(const char *text)
{
    static const char *const names[] = {"bytes", "count", "name"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(text, names[i]) == 0)
            return text[0];
    die_text("%s: sort by bytes, count or name", text);
}

int main(int argc, char **argv)
{
    static struct view view = {.sort = 'b'};
    static char once_option[] = "-1";
    double interval_s = 1;
    bool once = false;
    int option;

    tool_begin(&tool, argc, argv);
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--once") == 0)
            argv[i] = once_option;
    while ((option = tool_option(argc, argv, "1d:s:")) != -1) {
        if (option == '1')
            once = true;
        else if (option == 'd')
            interval_s = parse_seconds(optarg);
        else
            view.sort = parse_sort(optarg);
    }
    if (optind < argc)
        tool_usage();
    view.is_live = !once && isatty(STDOUT_FILENO);
    if (view.is_live) {
        run_live(&view, interval_s);
    } else {
        make_picture(&view, 24);
        fputs(strbuf_text(&view.out), stdout);
    }
    memory_rows_free(&view.rows);
    strbuf_free(&view.text);
    strbuf_free(&view.vmstat);
    strbuf_free(&view.vmstat_before);
    strbuf_free(&view.out);
    return tool_end(0);
}
