// SPDX-License-Identifier: MIT
// Path names: joining and taking apart. Nothing here has a length limit but memory.
#include "user/lib/path.h"

#include "user/lib/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *path_join(const char *dir, const char *name)
{
    size_t dir_len = strlen(dir), name_len;
    char *joined;

    while (dir_len > 0 && dir[dir_len - 1] == '/')
        dir_len--;
    while (*name == '/')
        name++;
    name_len = strlen(name);
    joined = xmalloc(dir_len + name_len + 2);
    memcpy(joined, dir, dir_len);
    joined[dir_len] = '/';
    memcpy(joined + dir_len + 1, name, name_len + 1);
    return joined;
}

char *path_last(const char *path)
{
    size_t end = strlen(path), start;

    while (end > 1 && path[end - 1] == '/')
        end--;
    start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    if (start == end && end > 0) // only the root is left
        start = end - 1;
    return xstrndup(path + start, end - start);
}

bool is_dot_or_dotdot(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

bool is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *path_target(const char *source, const char *target, bool target_is_dir)
{
    char *last, *joined;

    if (!target_is_dir)
        return xstrdup(target);
    last = path_last(source);
    joined = path_join(target, last);
    free(last);
    return joined;
}

char *read_link(const char *path)
{
    size_t cap = 128;

    for (;;) {
        char *text = xmalloc(cap);
        ssize_t len = readlink(path, text, cap);

        if (len < 0) {
            free(text);
            return NULL;
        }
        if ((size_t)len < cap) {
            text[len] = '\0';
            return text;
        }
        free(text);
        cap *= 2;
    }
}
