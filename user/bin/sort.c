// SPDX-License-Identifier: MIT
// sort: lines in order.
//
// All lines are held in memory and sorted by qsort(3); equal keys are told apart by their place in
// the input under -s, else by the whole line, so the result does not depend on qsort's stability.
#include "user/lib/tool.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const struct tool tool = {"sort", "[-bfnrsu] [-t CHAR] [-k N[,M]] [-o FILE] [FILE]…",
                                 "Sort lines.", 2};

struct line {
    char *text;
    size_t place;
};

// A key is a range of fields with its own way of comparing, else with the command's.
struct key {
    long first, last; // last 0: to the end of the line
    bool blanks, fold, numeric, reverse, has_flags;
};

enum { KEYS_MAX = 10 };

static bool option[128];
static char separator;
static struct key keys[KEYS_MAX];
static int nr_keys;
static struct line *lines;
static size_t nr_lines, cap_lines;

static void read_lines(FILE *file, const char *name)
{
    char *text = NULL;
    size_t cap = 0;
    ssize_t len;

    while ((len = getline(&text, &cap, file)) > 0) {
        if (text[len - 1] == '\n')
            text[len - 1] = '\0';
        if (nr_lines == cap_lines) {
            cap_lines = cap_lines ? cap_lines * 2 : 256;
            lines = xrealloc(lines, cap_lines * sizeof(*lines));
        }
        lines[nr_lines] = (struct line){xstrdup(text), nr_lines};
        nr_lines++;
    }
    free(text);
    if (ferror(file))
        die_errno("%s", name);
}

// Behind one field: a run of blanks and what follows, or the text up to the separator.
static const char *skip_field(const char *at)
{
    if (separator) {
        while (*at && *at != separator)
            at++;
        return at;
    }
    while (isblank((unsigned char)*at))
        at++;
    while (*at && !isblank((unsigned char)*at))
        at++;
    return at;
}

static void find_key(const struct key *key, const char *line, const char **start, size_t *len)
{
    const char *at = line, *end;

    for (long i = 1; i < key->first && *at; i++) {
        at = skip_field(at);
        if (separator && *at)
            at++;
    }
    *start = at;
    if (key->last == 0) {
        *len = strlen(at);
    } else {
        end = at;
        for (long i = key->first; i <= key->last; i++) {
            end = skip_field(end);
            if (separator && *end && i < key->last)
                end++;
        }
        *len = (size_t)(end - at);
    }
    while (key->blanks && *len && isblank((unsigned char)**start)) {
        (*start)++;
        (*len)--;
    }
}

static int compare_numbers(const char *a, const char *b)
{
    double x = strtod(a, NULL), y = strtod(b, NULL);

    return (x > y) - (x < y);
}

static int compare_by(const struct key *key, const char *left, const char *right)
{
    const char *a, *b;
    size_t a_len, b_len, len;
    int order;

    find_key(key, left, &a, &a_len);
    find_key(key, right, &b, &b_len);
    len = a_len < b_len ? a_len : b_len;
    if (key->numeric)
        order = compare_numbers(a, b);
    else if ((order = key->fold ? strncasecmp(a, b, len) : strncmp(a, b, len)) == 0)
        order = (a_len > b_len) - (a_len < b_len);
    return key->reverse ? -order : order;
}

static int compare_keys(const char *left, const char *right)
{
    int order = 0;

    for (int i = 0; i < nr_keys && order == 0; i++)
        order = compare_by(&keys[i], left, right);
    return order;
}

static int compare_lines(const void *left, const void *right)
{
    const struct line *a = left, *b = right;
    int order = compare_keys(a->text, b->text);

    if (order)
        return order;
    if (option['s'] || option['u'])
        return a->place < b->place ? -1 : 1;
    order = strcmp(a->text, b->text);
    return option['r'] ? -order : order;
}

static void parse_key(const char *text)
{
    struct key *key = &keys[nr_keys];
    char *end;

    if (nr_keys++ == KEYS_MAX)
        die_text("more than %d keys", KEYS_MAX);
    key->first = strtol(text, &end, 10);
    if (*end == ',')
        key->last = strtol(end + 1, &end, 10);
    for (; *end; end++) {
        key->has_flags = true;
        key->blanks |= *end == 'b';
        key->fold |= *end == 'f';
        key->numeric |= *end == 'n';
        key->reverse |= *end == 'r';
        if (!strchr("bfnr", *end))
            die_text("%s: not a valid key", text);
    }
    if (key->first < 1 || key->last < 0)
        die_text("%s: not a valid key", text);
}

// Without keys, the line is one; a key without flags of its own has those of the command.
static void finish_keys(void)
{
    if (nr_keys == 0)
        keys[nr_keys++].first = 1;
    for (int i = 0; i < nr_keys; i++) {
        if (keys[i].has_flags)
            continue;
        keys[i].blanks = option['b'];
        keys[i].fold = option['f'];
        keys[i].numeric = option['n'];
        keys[i].reverse = option['r'];
    }
}

static void put_lines(const char *path)
{
    if (path && !freopen(path, "we", stdout))
        die_errno("%s", path);
    for (size_t i = 0; i < nr_lines; i++)
        if (!option['u'] || i == 0 || compare_keys(lines[i - 1].text, lines[i].text) != 0)
            puts(lines[i].text);
}

int main(int argc, char **argv)
{
    static char stdin_name[] = "-";
    const char *output = NULL;
    int letter;

    tool_begin(&tool, argc, argv);
    while ((letter = tool_option(argc, argv, "bfnrsut:k:o:")) != -1) {
        option[letter] = true;
        if (letter == 't')
            separator = *optarg;
        if (letter == 'k')
            parse_key(optarg);
        if (letter == 'o')
            output = optarg;
    }
    finish_keys();
    if (optind == argc)
        argv[--optind] = stdin_name;
    for (; optind < argc; optind++) {
        FILE *file = strcmp(argv[optind], "-") == 0 ? stdin : fopen(argv[optind], "re");

        if (!file)
            die_errno("%s", argv[optind]);
        read_lines(file, argv[optind]);
        if (file != stdin)
            fclose(file);
    }
    if (nr_lines)
        qsort(lines, nr_lines, sizeof(*lines), compare_lines);
    put_lines(output);
    for (size_t i = 0; i < nr_lines; i++)
        free(lines[i].text);
    free(lines);
    return tool_end(0);
}
