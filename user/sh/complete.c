// SPDX-License-Identifier: MIT
// Completion. The first word of a command is completed from builtins, functions and the programs in
// PATH; every other word, and any with a slash, from file names.
#include "user/sh/complete.h"

#include "user/lib/path.h"
#include "user/lib/tool.h"
#include "user/sh/builtin.h"
#include "user/sh/function.h"
#include "user/sh/var.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct completion {
    const char *prefix;
    struct arena *arena;
    struct string_list *out;
};

static void add_if_fits(const char *name, void *arg)
{
    struct completion *completion = arg;

    if (strncmp(name, completion->prefix, strlen(completion->prefix)) == 0)
        list_add(completion->out, completion->arena, arena_strdup(completion->arena, name));
}

// Entries of one directory. `shown` stands before each name in the candidate.
static void add_entries(struct completion *completion, const char *dir, const char *shown,
                        bool programs)
{
    size_t len = strlen(completion->prefix);
    DIR *stream = opendir(*dir ? dir : ".");
    struct dirent *entry;

    while (stream && (entry = readdir(stream))) {
        const char *name = entry->d_name;
        char *path, *text;
        struct stat st;
        bool is_dir;

        if (strncmp(name, completion->prefix, len) != 0 || is_dot_or_dotdot(name) ||
            (name[0] == '.' && len == 0))
            continue;
        path = path_join(*dir ? dir : ".", name);
        is_dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
        if (!programs || (!is_dir && access(path, X_OK) == 0)) {
            text = arena_alloc(completion->arena, strlen(shown) + strlen(name) + 2);
            strcat(strcat(strcpy(text, shown), name), is_dir ? "/" : "");
            list_add(completion->out, completion->arena, text);
        }
        free(path);
    }
    if (stream)
        closedir(stream);
}

static void add_programs(struct completion *completion)
{
    const char *path = var_get("PATH"), *end;

    builtin_for_each(add_if_fits, completion);
    function_for_each(add_if_fits, completion);
    for (; path; path = *end ? end + 1 : NULL) {
        char *dir;

        end = path + strcspn(path, ":");
        dir = xstrndup(path, (size_t)(end - path));
        add_entries(completion, dir, "", true);
        free(dir);
    }
}

static void add_files(struct completion *completion, const char *word)
{
    const char *slash = strrchr(word, '/');
    size_t len = slash ? (size_t)(slash - word) + 1 : 0;
    char *shown = arena_strndup(completion->arena, word, len), *dir = shown;

    completion->prefix = word + len;
    if (word[0] == '~' && word[1] == '/' && var_get("HOME")) {
        char *joined = path_join(var_get("HOME"), shown + 2);

        dir = arena_strdup(completion->arena, joined);
        free(joined);
    }
    add_entries(completion, dir, shown, false);
}

// True if nothing but blanks stands between the word and the beginning of a command.
static bool is_command_place(const char *line, size_t start)
{
    while (start > 0 && strchr(" \t", line[start - 1]))
        start--;
    return start == 0 || strchr(";|&({`!", line[start - 1]);
}

void complete_find(const char *line, size_t cursor, size_t *start, struct arena *arena,
                   struct string_list *out)
{
    struct completion completion = {.arena = arena, .out = out};
    size_t at = cursor, nr = 0;
    char *word;

    while (at > 0 && !strchr(" \t;|&(<>=`\"'", line[at - 1]))
        at--;
    *start = at;
    word = arena_strndup(arena, line + at, cursor - at);
    completion.prefix = word;
    if (is_command_place(line, at) && !strchr(word, '/'))
        add_programs(&completion);
    else
        add_files(&completion, word);
    list_sort(out, 0);
    for (size_t i = 0; i < out->nr; i++)
        if (nr == 0 || strcmp(out->items[nr - 1], out->items[i]) != 0)
            out->items[nr++] = out->items[i];
    out->nr = nr;
}
