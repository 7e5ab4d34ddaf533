// SPDX-License-Identifier: MIT
// Visiting and removing trees.
//
// A directory is read whole, closed and only then visited: a tree of any depth needs one descriptor
// at a time, and removing entries does not disturb the reading. Links are never followed.
#include "user/lib/tree.h"

#include "user/lib/path.h"
#include "user/lib/tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static bool read_names(const char *dir, char ***names_out, size_t *nr_out)
{
    DIR *stream = opendir(dir);
    struct dirent *entry;
    char **names = NULL;
    size_t nr = 0, cap = 0;
    bool ok = true;

    if (!stream) {
        warn_errno("%s", dir);
        return false;
    }
    while (errno = 0, (entry = readdir(stream))) {
        if (is_dot_or_dotdot(entry->d_name))
            continue;
        if (nr == cap) {
            cap = cap ? cap * 2 : 16;
            names = xrealloc(names, cap * sizeof(*names));
        }
        names[nr++] = xstrdup(entry->d_name);
    }
    if (errno) {
        warn_errno("%s", dir);
        ok = false;
    }
    closedir(stream);
    *names_out = names;
    *nr_out = nr;
    return ok;
}

bool for_each_entry(const char *dir, bool (*fn)(const char *path, void *arg), void *arg)
{
    char **names = NULL;
    size_t nr = 0;
    bool ok = read_names(dir, &names, &nr);

    if (nr)
        qsort(names, nr, sizeof(*names), compare_names);
    for (size_t i = 0; i < nr; i++) {
        char *path = path_join(dir, names[i]);

        if (!fn(path, arg))
            ok = false;
        free(path);
        free(names[i]);
    }
    free(names);
    return ok;
}

static bool confirmed(const char *path)
{
    int answer, c;

    fflush(stdout);
    fprintf(stderr, "remove %s? ", path);
    answer = getchar();
    for (c = answer; c != '\n' && c != EOF;)
        c = getchar();
    return answer == 'y' || answer == 'Y';
}

static bool remove_entry(const char *path, void *arg)
{
    return remove_tree(path, arg);
}

bool remove_tree(const char *path, const struct remove_options *options)
{
    struct stat st;
    bool ok = true, is_dir;

    if (lstat(path, &st) != 0) {
        if (options->force && (errno == ENOENT || errno == ENOTDIR))
            return true;
        warn_errno("%s", path);
        return false;
    }
    is_dir = S_ISDIR(st.st_mode);
    if (is_dir && !options->recursive) {
        warn_text("%s: is a directory", path);
        return false;
    }
    if (is_dir)
        ok = for_each_entry(path, remove_entry, (void *)options);
    if (options->interactive && !confirmed(path))
        return true;
    if ((is_dir ? rmdir(path) : unlink(path)) != 0) {
        if (ok) // otherwise the reason has been told, below
            warn_errno("%s", path);
        return false;
    }
    if (options->verbose)
        printf("removed %s\n", path);
    return ok;
}
