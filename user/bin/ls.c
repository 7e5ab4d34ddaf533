// SPDX-License-Identifier: MIT
// ls: list files.
//
// A listing is an array of entries: read, sorted, then printed in one of three layouts (columns on
// a terminal, one a line, long). Named files form one listing, each directory another. The widths
// of the long layout are those of its widest entries.
#include "user/lib/mode.h"
#include "user/lib/names.h"
#include "user/lib/number.h"
#include "user/lib/path.h"
#include "user/lib/tool.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

static const struct tool tool = {"ls", "[-aACdFhHiLlnpRrSst1] [FILE]…", "List files.", 2};

struct entry {
    char *name, *path;
    struct stat st;
    bool known; // st is valid
};

struct listing {
    struct entry *entries;
    size_t nr, cap;
};

static bool option[128];
static int exit_status;
static int terminal_width;

static void fail(const char *path, int status)
{
    warn_errno("%s", path);
    if (status > exit_status)
        exit_status = status;
}

static void add_entry(struct listing *list, const char *dir, const char *name, bool follow)
{
    struct entry entry = {.name = xstrdup(name)};

    entry.path = dir ? path_join(dir, name) : xstrdup(name);
    // A link that leads nowhere is listed as the link that it is.
    entry.known = (follow && stat(entry.path, &entry.st) == 0) || lstat(entry.path, &entry.st) == 0;
    if (!entry.known) {
        fail(entry.path, dir ? 1 : 2);
        if (!dir) {
            free(entry.name);
            free(entry.path);
            return;
        }
    }
    if (list->nr == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 16;
        list->entries = xrealloc(list->entries, list->cap * sizeof(entry));
    }
    list->entries[list->nr++] = entry;
}

static void free_listing(struct listing *list)
{
    for (size_t i = 0; i < list->nr; i++) {
        free(list->entries[i].name);
        free(list->entries[i].path);
    }
    free(list->entries);
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    int order = 0;

    if (option['S'])
        order = (a->st.st_size < b->st.st_size) - (a->st.st_size > b->st.st_size);
    if (option['t']) {
        order = (a->st.st_mtim.tv_sec < b->st.st_mtim.tv_sec) -
                (a->st.st_mtim.tv_sec > b->st.st_mtim.tv_sec);
        if (order == 0)
            order = (a->st.st_mtim.tv_nsec < b->st.st_mtim.tv_nsec) -
                    (a->st.st_mtim.tv_nsec > b->st.st_mtim.tv_nsec);
    }
    if (order == 0)
        order = strcmp(a->name, b->name);
    return option['r'] ? -order : order;
}

static const char *type_mark(const struct entry *entry)
{
    if (!option['F'] && !option['p'])
        return "";
    if (S_ISDIR(entry->st.st_mode))
        return "/";
    if (!option['F'])
        return "";
    if (S_ISLNK(entry->st.st_mode))
        return option['l'] ? "" : "@";
    if (S_ISFIFO(entry->st.st_mode))
        return "|";
    if (S_ISSOCK(entry->st.st_mode))
        return "=";
    return S_ISREG(entry->st.st_mode) && (entry->st.st_mode & 0111) ? "*" : "";
}

// A name on a terminal must not move its cursor.
static int put_name(const struct entry *entry)
{
    int width = 0;

    for (const char *at = entry->name; *at; at++) {
        unsigned char c = (unsigned char)*at;

        putchar(terminal_width && (c < ' ' || c == 127) ? '?' : c);
        width += (c & 0xc0) != 0x80;
    }
    return width + printf("%s", type_mark(entry));
}

static int name_width(const struct entry *entry)
{
    int width = (int)strlen(type_mark(entry));

    for (const char *at = entry->name; *at; at++)
        width += ((unsigned char)*at & 0xc0) != 0x80;
    return width;
}

static void size_text(const struct stat *st, char text[HUMAN_LEN])
{
    if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
        snprintf(text, HUMAN_LEN, "%u, %u", major(st->st_rdev), minor(st->st_rdev));
    else if (option['h'])
        human_size((uint64_t)st->st_size, text);
    else
        snprintf(text, HUMAN_LEN, "%lld", (long long)st->st_size);
}

static void put_time(time_t when)
{
    enum { HALF_YEAR = 182 * 86400 };
    time_t now = time(NULL);
    struct tm tm;
    char text[40] = "?";
    bool recent = when <= now && now - when < HALF_YEAR;

    if (localtime_r(&when, &tm))
        strftime(text, sizeof(text), recent ? "%b %e %H:%M" : "%b %e  %Y", &tm);
    printf(" %s ", text);
}

struct widths {
    int inode, blocks, links, user, group, size;
};

static void widen(int *width, int len)
{
    if (len > *width)
        *width = len;
}

static const char *owner_text(enum name_space space, unsigned id)
{
    static char digits[16];

    if (!option['n'])
        return name_of_id(space, id);
    snprintf(digits, sizeof(digits), "%u", id);
    return digits;
}

static struct widths measure(const struct listing *list)
{
    struct widths widths = {0};
    char text[HUMAN_LEN];

    for (size_t i = 0; i < list->nr; i++) {
        const struct stat *st = &list->entries[i].st;

        widen(&widths.inode, snprintf(NULL, 0, "%llu", (unsigned long long)st->st_ino));
        widen(&widths.blocks, snprintf(NULL, 0, "%lld", (long long)st->st_blocks / 2));
        widen(&widths.links, snprintf(NULL, 0, "%lu", (unsigned long)st->st_nlink));
        if (!option['l'])
            continue;
        widen(&widths.user, (int)strlen(owner_text(NAMES_USER, st->st_uid)));
        widen(&widths.group, (int)strlen(owner_text(NAMES_GROUP, st->st_gid)));
        size_text(st, text);
        widen(&widths.size, (int)strlen(text));
    }
    return widths;
}

static int put_prefix(const struct entry *entry, const struct widths *widths)
{
    int width = 0;

    if (option['i'])
        width += printf("%*llu ", widths->inode, (unsigned long long)entry->st.st_ino);
    if (option['s'])
        width += printf("%*lld ", widths->blocks, (long long)entry->st.st_blocks / 2);
    return width;
}

static void put_long(const struct entry *entry, const struct widths *widths)
{
    const struct stat *st = &entry->st;
    char text[HUMAN_LEN], letters[MODE_TEXT_LEN];

    put_prefix(entry, widths);
    printf("%s %*lu", mode_text(st->st_mode, letters), widths->links, (unsigned long)st->st_nlink);
    printf(" %-*s", widths->user, owner_text(NAMES_USER, st->st_uid));
    printf(" %-*s", widths->group, owner_text(NAMES_GROUP, st->st_gid));
    size_text(st, text);
    printf(" %*s", widths->size, text);
    put_time(st->st_mtime);
    put_name(entry);
    if (S_ISLNK(st->st_mode)) {
        char *to = read_link(entry->path);

        printf(" -> %s", to ? to : "?");
        free(to);
    }
    putchar('\n');
}

static void put_columns(const struct listing *list, const struct widths *widths)
{
    int cell = 1;
    size_t nr_columns, nr_rows;

    for (size_t i = 0; i < list->nr; i++)
        widen(&cell, name_width(&list->entries[i]));
    cell += 2 + (option['i'] ? widths->inode + 1 : 0) + (option['s'] ? widths->blocks + 1 : 0);
    nr_columns = terminal_width > cell ? (size_t)(terminal_width / cell) : 1;
    nr_rows = (list->nr + nr_columns - 1) / nr_columns;
    for (size_t row = 0; row < nr_rows; row++) {
        for (size_t i = row; i < list->nr; i += nr_rows) {
            int width = put_prefix(&list->entries[i], widths) + put_name(&list->entries[i]);

            if (i + nr_rows < list->nr)
                printf("%*s", cell - width, "");
        }
        putchar('\n');
    }
}

static void put_listing(struct listing *list, bool with_total)
{
    struct widths widths = measure(list);
    long long blocks = 0;

    if (list->nr)
        qsort(list->entries, list->nr, sizeof(*list->entries), compare_entries);
    for (size_t i = 0; i < list->nr; i++)
        blocks += list->entries[i].st.st_blocks;
    if (with_total && (option['l'] || option['s']))
        printf("total %lld\n", blocks / 2);
    if (!option['l'] && option['C']) {
        put_columns(list, &widths);
        return;
    }
    for (size_t i = 0; i < list->nr; i++) {
        if (option['l']) {
            put_long(&list->entries[i], &widths);
        } else {
            put_prefix(&list->entries[i], &widths);
            put_name(&list->entries[i]);
            putchar('\n');
        }
    }
}

static bool is_shown(const char *name)
{
    if (name[0] != '.' || option['a'])
        return true;
    return option['A'] && !is_dot_or_dotdot(name);
}

static void list_directory(const char *path, bool heading, bool *first)
{
    DIR *stream = opendir(path);
    struct listing list = {0};
    struct dirent *dirent;

    if (!stream) {
        fail(path, 2);
        return;
    }
    while (errno = 0, (dirent = readdir(stream)))
        if (is_shown(dirent->d_name))
            add_entry(&list, path, dirent->d_name, option['L']);
    if (errno)
        fail(path, 2);
    closedir(stream);
    if (!*first)
        putchar('\n');
    *first = false;
    if (heading)
        printf("%s:\n", path);
    put_listing(&list, true);
    for (size_t i = 0; option['R'] && i < list.nr; i++)
        if (S_ISDIR(list.entries[i].st.st_mode) && !is_dot_or_dotdot(list.entries[i].name))
            list_directory(list.entries[i].path, true, first);
    free_listing(&list);
}

static void read_options(int argc, char **argv)
{
    struct winsize size = {0};
    int letter;

    if (isatty(STDOUT_FILENO)) {
        option['C'] = true;
        terminal_width = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
        if (!terminal_width)
            terminal_width = 80;
    }
    while ((letter = tool_option(argc, argv, "aACdFhHiLlnpRrSst1")) != -1) {
        option[letter] = true;
        if (letter == '1')
            option['C'] = false;
        if (letter == 'S')
            option['t'] = false;
        if (letter == 't')
            option['S'] = false;
        if (letter == 'n')
            option['l'] = true;
        if (letter == 'C' && !terminal_width)
            terminal_width = 80;
    }
}

int main(int argc, char **argv)
{
    struct listing files = {0}, dirs = {0};
    bool first = true, heading;

    tool_begin(&tool, argc, argv);
    read_options(argc, argv);
    if (optind == argc)
        add_entry(option['d'] ? &files : &dirs, NULL, ".", true);
    heading = argc - optind > 1 || option['R'];
    for (; optind < argc; optind++) {
        struct stat st;
        // A named link to a directory is entered, but not under -l or -F, which show the link.
        bool follow = option['L'] || option['H'] || (!option['l'] && !option['d'] && !option['F']);
        bool is_dir = (follow ? stat : lstat)(argv[optind], &st) == 0 && S_ISDIR(st.st_mode);

        add_entry(is_dir && !option['d'] ? &dirs : &files, NULL, argv[optind],
                  option['L'] || option['H'] || (is_dir && follow));
    }
    if (files.nr) {
        put_listing(&files, false);
        first = false;
    }
    if (dirs.nr)
        qsort(dirs.entries, dirs.nr, sizeof(*dirs.entries), compare_entries);
    for (size_t i = 0; i < dirs.nr; i++)
        list_directory(dirs.entries[i].path, heading, &first);
    free_listing(&files);
    free_listing(&dirs);
    return tool_end(exit_status);
}
