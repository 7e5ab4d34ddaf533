// SPDX-License-Identifier: MIT
// Patterns.
//
// Matching is greedy with one point of return: when a later * is reached, what an earlier one took
// need not be reconsidered, since the later can take the difference. That bounds the work by the
// product of the lengths, where naive recursion is exponential.
//
// A file name pattern is matched component by component: a component without special characters is
// appended as it stands, one with them is compared with every entry of the directory reached so
// far. A leading dot must be matched by a dot.
#include "user/sh/pattern.h"

#include "user/lib/strbuf.h"

#include <ctype.h>
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

static bool in_class(const char *name, size_t len, unsigned char c)
{
    static const struct {
        const char *name;
        int (*test)(int c);
    } classes[] = {{"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank},
                   {"cntrl", iscntrl}, {"digit", isdigit}, {"graph", isgraph},
                   {"lower", islower}, {"print", isprint}, {"punct", ispunct},
                   {"space", isspace}, {"upper", isupper}, {"xdigit", isxdigit}};

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (strlen(classes[i].name) == len && strncmp(classes[i].name, name, len) == 0)
            return classes[i].test(c) != 0;
    return false;
}

// Match a bracket expression. Returns where it ends, NULL if the bracket is never closed.
static const char *match_bracket(const char *at, unsigned char c, bool *matched)
{
    bool negated = at[1] == '!' || at[1] == '^', found = false;
    const char *first = at + 1 + negated, *end;

    for (at = first; *at && (*at != ']' || at == first); at++) {
        unsigned char low, high;

        if (at[0] == '[' && at[1] == ':' && (end = strstr(at + 2, ":]"))) {
            found |= in_class(at + 2, (size_t)(end - at - 2), c);
            at = end + 1;
            continue;
        }
        if (*at == '\\' && at[1])
            at++;
        low = high = (unsigned char)*at;
        if (at[1] == '-' && at[2] && at[2] != ']') {
            at += 2;
            if (*at == '\\' && at[1])
                at++;
            high = (unsigned char)*at;
        }
        found |= low <= c && c <= high;
    }
    if (!*at)
        return NULL;
    *matched = found != negated;
    return at + 1;
}

// Match one character. Returns the pattern behind what matched, or NULL.
static const char *match_one(const char *pattern, unsigned char c)
{
    bool matched;
    const char *end;

    if (*pattern == '?')
        return pattern + 1;
    if (*pattern == '[' && (end = match_bracket(pattern, c, &matched)))
        return matched ? end : NULL;
    if (*pattern == '\\' && pattern[1])
        pattern++;
    return (unsigned char)*pattern == c && *pattern ? pattern + 1 : NULL;
}

bool pattern_match(const char *pattern, const char *text, size_t len_bytes)
{
    const char *end = text + len_bytes, *star = NULL, *star_text = NULL;

    for (;;) {
        const char *next;

        if (*pattern == '*') {
            star = ++pattern;
            star_text = text;
            continue;
        }
        if (text == end && *pattern == '\0')
            return true;
        next = text < end ? match_one(pattern, (unsigned char)*text) : NULL;
        if (next) {
            pattern = next;
            text++;
        } else if (star && star_text < end) {
            pattern = star; // the last * takes one character more
            text = ++star_text;
        } else {
            return false;
        }
    }
}

static bool is_special(const char *component, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (component[i] == '\\' && i + 1 < len)
            i++;
        else if (strchr("*?[", component[i]))
            return true;
    }
    return false;
}

struct search {
    struct arena *arena;
    struct string_list *out;
    struct strbuf path; // the directory reached, with its slash; empty for the current one
};

static void search_from(struct search *search, const char *pattern);

// Continue below the path and a name, then restore the path.
// @escaped: the name is a piece of pattern, whose backslashes are to go.
static void descend(struct search *search, const char *name, size_t len, bool escaped,
                    const char *rest)
{
    size_t before = search->path.len;

    for (size_t i = 0; i < len; i++) {
        if (escaped && name[i] == '\\' && i + 1 < len)
            i++;
        strbuf_add_char(&search->path, name[i]);
    }
    search_from(search, rest);
    search->path.text[before] = '\0';
    search->path.len = before;
}

static void search_entries(struct search *search, const char *component, const char *rest)
{
    DIR *dir = opendir(search->path.len ? search->path.text : ".");
    bool dot = component[0] == '.' || (component[0] == '\\' && component[1] == '.');
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        size_t len = strlen(entry->d_name);

        if ((entry->d_name[0] != '.' || dot) && pattern_match(component, entry->d_name, len))
            descend(search, entry->d_name, len, false, rest);
    }
    if (dir)
        closedir(dir);
}

// Match what is left of the pattern below the path reached so far.
static void search_from(struct search *search, const char *pattern)
{
    size_t before = search->path.len, len;
    struct stat st;

    while (*pattern == '/')
        strbuf_add_char(&search->path, *pattern++);
    len = strcspn(pattern, "/");
    if (*pattern == '\0') {
        if (lstat(strbuf_text(&search->path), &st) == 0)
            list_add(search->out, search->arena,
                     arena_strdup(search->arena, strbuf_text(&search->path)));
    } else if (is_special(pattern, len)) {
        search_entries(search, arena_strndup(search->arena, pattern, len), pattern + len);
    } else {
        descend(search, pattern, len, true, pattern + len);
    }
    if (search->path.text) {
        search->path.text[before] = '\0';
        search->path.len = before;
    }
}

size_t pattern_expand_files(const char *pattern, struct arena *arena, struct string_list *out)
{
    struct search search = {.arena = arena, .out = out};
    size_t first = out->nr;

    search_from(&search, pattern);
    strbuf_free(&search.path);
    list_sort(out, first);
    return out->nr - first;
}
