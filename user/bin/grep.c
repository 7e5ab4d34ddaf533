// SPDX-License-Identifier: MIT
// grep: lines that match a regular expression, by regcomp(3); fixed strings by strstr(3).
//
// A file with a NUL byte counts as binary: matches in it are told but not printed.
#include "user/lib/tool.h"
#include "user/lib/tree.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tool tool = {"grep",
                                 "[-EFcHhilLnoqrsvwx] [-m N] [-e] PATTERN [-f FILE] [FILE]…",
                                 "Print the lines that match a pattern.", 2};

enum { STATUS_FOUND, STATUS_NONE, STATUS_ERROR };

struct pattern {
    char *text;
    regex_t regex;
};

static bool option[128];
static struct pattern *patterns;
static size_t nr_patterns;
static long max_matches = -1;
static bool with_names, found_any, failed;

static void fail(const char *name)
{
    if (!option['s'])
        warn_errno("%s", name);
    failed = true;
}

// Each line of the operand is a pattern of its own.
static void add_patterns(const char *lines)
{
    for (;;) {
        size_t len = strcspn(lines, "\n");

        patterns = xrealloc(patterns, (nr_patterns + 1) * sizeof(*patterns));
        patterns[nr_patterns++].text = xstrndup(lines, len);
        if (!lines[len])
            return;
        lines += len + 1;
    }
}

static void add_pattern_file(const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    if (!file)
        die_errno("%s", path);
    while ((len = getline(&line, &cap, file)) > 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = '\0';
        add_patterns(line);
    }
    free(line);
    if (file != stdin)
        fclose(file);
}

static void compile_patterns(void)
{
    int flags = (option['E'] ? REG_EXTENDED : 0) | (option['i'] ? REG_ICASE : 0);

    for (size_t i = 0; i < nr_patterns && !option['F']; i++) {
        char reason[128];
        int error = regcomp(&patterns[i].regex, patterns[i].text, flags);

        if (error) {
            regerror(error, &patterns[i].regex, reason, sizeof(reason));
            die_text("%s: %s", patterns[i].text, reason);
        }
    }
}

static bool find_fixed(const char *text, const char *line, regmatch_t *match)
{
    size_t len = strlen(text);
    const char *at = line;

    if (option['i'])
        for (; *at && strncasecmp(at, text, len) != 0; at++) {
        }
    else
        at = strstr(line, text);
    if (!at || (*at == '\0' && len > 0))
        return false;
    match->rm_so = at - line;
    match->rm_eo = match->rm_so + (regoff_t)len;
    return true;
}

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

// A match at or behind `from` that -w and -x accept too.
static bool find_one(struct pattern *pattern, const char *line, size_t from, regmatch_t *match)
{
    for (;;) {
        size_t start, end;
        bool found = option['F'] ? find_fixed(pattern->text, line + from, match)
                                 : regexec(&pattern->regex, line + from, 1, match,
                                           from ? REG_NOTBOL : 0) == 0;

        if (!found)
            return false;
        start = from + (size_t)match->rm_so;
        end = from + (size_t)match->rm_eo;
        if ((!option['x'] || (start == 0 && line[end] == '\0')) &&
            (!option['w'] || ((start == 0 || !is_word_char(line[start - 1])) &&
                              !is_word_char(line[end]) && end > start))) {
            match->rm_so = (regoff_t)start;
            match->rm_eo = (regoff_t)end;
            return true;
        }
        if (line[start] == '\0')
            return false;
        from = start + 1;
    }
}

// The leftmost match of any pattern; of several there, the longest.
static bool find_match(const char *line, size_t from, regmatch_t *best)
{
    bool found = false;

    for (size_t i = 0; i < nr_patterns; i++) {
        regmatch_t match;

        if (find_one(&patterns[i], line, from, &match) &&
            (!found || match.rm_so < best->rm_so ||
             (match.rm_so == best->rm_so && match.rm_eo > best->rm_eo))) {
            *best = match;
            found = true;
        }
    }
    return found;
}

static void put_prefix(const char *name, unsigned long number)
{
    if (with_names)
        printf("%s:", name);
    if (option['n'])
        printf("%lu:", number);
}

static void put_parts(const char *name, unsigned long number, const char *line)
{
    regmatch_t match;
    size_t from = 0;

    while (find_match(line, from, &match)) {
        if (match.rm_eo > match.rm_so) {
            put_prefix(name, number);
            printf("%.*s\n", (int)(match.rm_eo - match.rm_so), line + match.rm_so);
            from = (size_t)match.rm_eo;
        } else if (line[from] == '\0') {
            return;
        } else {
            from = (size_t)match.rm_eo + 1;
            if (line[from - 1] == '\0')
                return;
        }
    }
}

static void put_match(const char *name, unsigned long number, const char *line, size_t len)
{
    if (option['o']) {
        if (!option['v'])
            put_parts(name, number, line);
        return;
    }
    put_prefix(name, number);
    fwrite(line, 1, len, stdout);
    putchar('\n');
}

static void put_summary(const char *name, long nr_found, bool binary)
{
    if (option['l'] || option['L']) {
        if ((nr_found > 0) == option['l'])
            puts(name);
        return;
    }
    if (option['c']) {
        if (with_names)
            printf("%s:", name);
        printf("%ld\n", nr_found);
    } else if (binary && nr_found) {
        printf("%s: binary file matches\n", name);
    }
}

static void search(FILE *file, const char *name)
{
    bool silent = option['c'] || option['l'] || option['L'], binary = false;
    unsigned long number = 0;
    long nr_found = 0;
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    while ((max_matches < 0 || nr_found < max_matches) &&
           (errno = 0, len = getline(&line, &cap, file)) > 0) {
        regmatch_t match;

        number++;
        // A binary line is matched as if its NUL bytes were others, and never printed.
        for (char *nul; (nul = memchr(line, '\0', (size_t)len)); binary = true)
            *nul = '\1';
        if (line[len - 1] == '\n')
            line[--len] = '\0';
        if (find_match(line, 0, &match) == option['v'])
            continue;
        nr_found++;
        found_any = true;
        if (option['q'])
            exit(STATUS_FOUND);
        if (option['l'] || option['L'])
            break;
        if (binary && !silent)
            break;
        if (!silent)
            put_match(name, number, line, (size_t)len);
    }
    if (ferror(file))
        fail(name);
    free(line);
    put_summary(name, nr_found, binary);
}

static bool search_path(const char *path, void *arg)
{
    struct stat st;
    FILE *file;

    // arg says that this is an entry of a tree: links and devices there are not followed.
    if (option['r'] && (arg ? lstat : stat)(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return for_each_entry(path, search_path, option);
        if (arg && !S_ISREG(st.st_mode))
            return true;
    }
    file = fopen(path, "re");
    if (!file) {
        fail(path);
        return false;
    }
    search(file, path);
    fclose(file);
    return true;
}

static void read_options(int argc, char **argv)
{
    bool have_pattern = false;
    int letter;

    while ((letter = tool_option(argc, argv, "EFGcHhilLnoqrRsvwxam:e:f:")) != -1) {
        option[letter == 'R' ? 'r' : letter] = true;
        if (letter == 'm')
            max_matches = atol(optarg);
        if (letter == 'e')
            add_patterns(optarg);
        if (letter == 'f')
            add_pattern_file(optarg);
        have_pattern |= letter == 'e' || letter == 'f';
    }
    if (!have_pattern) {
        if (optind == argc)
            tool_usage();
        add_patterns(argv[optind++]);
    }
}

int main(int argc, char **argv)
{
    static char here[] = ".", stdin_name[] = "-";

    tool_begin(&tool, argc, argv);
    read_options(argc, argv);
    compile_patterns();
    with_names = (argc - optind > 1 || option['r'] || option['H']) && !option['h'];
    if (optind == argc)
        argv[--optind] = option['r'] ? here : stdin_name;
    for (; optind < argc; optind++) {
        if (strcmp(argv[optind], "-") == 0)
            search(stdin, "(standard input)");
        else if (!search_path(argv[optind], NULL))
            failed = true;
    }
    for (size_t i = 0; i < nr_patterns; i++) {
        if (!option['F'])
            regfree(&patterns[i].regex);
        free(patterns[i].text);
    }
    free(patterns);
    return tool_end(failed ? STATUS_ERROR : found_any ? STATUS_FOUND : STATUS_NONE);
}
