// SPDX-License-Identifier: MIT
/* Churn: each process has a directory of numbered files. While it fills, it only makes files; when the
 * disk is full, it makes, removes, renames, overwrites and cuts at random for a while; then it removes
 * them all, and begins again. A file's content follows from its number and version, which its first bytes
 * say; it is checked when a file is read, and before it goes. */
#include "fstree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FILES = 700, CHANGES = 1500, LONGEST = 300000 };

struct churner {
    int number;
    uint64_t random;
    unsigned version[MAX_FILES]; /* 0: there is no such file */
    unsigned length[MAX_FILES];
    unsigned last_version;
    time_t end;
};

static unsigned char data[LONGEST], found[LONGEST];

static void name_of(const struct churner *c, int file, char name[64])
{
    snprintf(name, 64, "churn%d/%s%d", c->number, file % 3 ? "f" : "a file with a longer name ",
             file);
}

static void content_of(const struct churner *c, int file, unsigned len)
{
    uint32_t value = c->version[file] * 2654435761u + (uint32_t)file;

    for (unsigned i = 0; i < len; i++) {
        value = value * 1664525 + 1013904223;
        data[i] = (unsigned char)(value >> 24);
    }
}

static bool fail(const char *name, const char *what)
{
    printf("fstree: %s: %s (%s)\n", name, what, strerror(errno));
    return false;
}

static bool check(struct churner *c, int file)
{
    char name[64];
    int fd;
    ssize_t len;

    name_of(c, file, name);
    fd = open(name, O_RDONLY);
    len = fd < 0 ? -1 : read(fd, found, sizeof(found));
    if (fd >= 0)
        close(fd);
    content_of(c, file, c->length[file]);
    if (len != (ssize_t)c->length[file])
        return fail(name, "has another length");
    return memcmp(found, data, (size_t)len) == 0 || fail(name, "has another content");
}

static bool drop(struct churner *c, int file)
{
    char name[64];

    name_of(c, file, name);
    c->version[file] = 0;
    return unlink(name) == 0 || fail(name, "unlink");
}

/* Write a file anew, over what there was. *is_full: there is no room, and so no file. */
static bool put(struct churner *c, int file, bool *is_full)
{
    unsigned len = tree_random(&c->random, tree_random(&c->random, 3) ? 20000 : LONGEST), done = 0;
    ssize_t part = 0;
    char name[64];
    int fd;

    name_of(c, file, name);
    fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 && errno != ENOSPC)
        return fail(name, "open");
    if (fd < 0) { /* O_TRUNC needs no room: there was none */
        *is_full = true;
        return true;
    }
    c->version[file] = ++c->last_version;
    content_of(c, file, len);
    while (done < len && (part = write(fd, data + done, len - done)) > 0)
        done += (unsigned)part;
    *is_full = done < len;
    if (part < 0 && errno != ENOSPC)
        return fail(name, "write");
    c->length[file] = done;
    if (tree_random(&c->random, 20) == 0 && fsync(fd) != 0)
        return fail(name, "fsync");
    close(fd);
    return !*is_full || drop(c, file);
}

static bool cut(struct churner *c, int file)
{
    char name[64];

    name_of(c, file, name);
    c->length[file] = tree_random(&c->random, c->length[file] + 1);
    return truncate(name, (off_t)c->length[file]) == 0 || fail(name, "truncate");
}

/* One file takes another's place, or a free one. Contents follow the name: so it is written anew. */
static bool move(struct churner *c, int from, int to)
{
    char a[64], b[64];
    bool is_full;

    name_of(c, from, a);
    name_of(c, to, b);
    if (rename(a, b) != 0)
        return errno == ENOSPC || fail(a, "rename");
    c->version[from] = 0;
    return put(c, to, &is_full);
}

static bool change(struct churner *c, bool *is_full)
{
    int file = (int)tree_random(&c->random, MAX_FILES);

    if (c->version[file] == 0)
        return put(c, file, is_full);
    switch (tree_random(&c->random, 6)) {
    case 0: return check(c, file) && drop(c, file);
    case 1: return cut(c, file);
    case 2: return move(c, file, (int)tree_random(&c->random, MAX_FILES));
    case 3: return put(c, file, is_full);
    default: return check(c, file);
    }
}

static bool remove_all(struct churner *c)
{
    for (int file = 0; file < MAX_FILES; file++) {
        if (c->version[file] != 0 && !(check(c, file) && drop(c, file)))
            return false;
    }
    return true;
}

static bool churn(struct churner *c)
{
    char name[64];
    bool is_right = true;

    snprintf(name, sizeof(name), "churn%d", c->number);
    if (mkdir(name, 0755) != 0)
        return fail(name, "mkdir");
    while (is_right && time(NULL) < c->end) {
        bool is_full = false, ignored;

        for (int file = 0; is_right && !is_full && file < MAX_FILES && time(NULL) < c->end; file++)
            is_right = put(c, file, &is_full);
        for (int i = 0; is_right && i < CHANGES && time(NULL) < c->end; i++)
            is_right = change(c, &ignored);
        is_right = is_right && remove_all(c);
    }
    return is_right && (rmdir(name) == 0 || fail(name, "rmdir"));
}

bool tree_churn(unsigned seconds, uint64_t seed)
{
    int nr_failed = 0, status;

    for (int i = 0; i < CHURNERS; i++) {
        pid_t pid = fork();

        if (pid < 0)
            return fail("churn", "fork");
        if (pid == 0) {
            struct churner *c = calloc(1, sizeof(*c));

            if (!c)
                exit(1);
            c->number = i;
            c->random = (seed + (uint64_t)i) * 0x9e3779b97f4a7c15ull | 1;
            c->end = time(NULL) + (time_t)seconds;
            exit(churn(c) ? 0 : 1);
        }
    }
    while (wait(&status) > 0)
        nr_failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    printf("churn: %u seconds, %d of %d processes failed\n", seconds, nr_failed, CHURNERS);
    return nr_failed == 0;
}
