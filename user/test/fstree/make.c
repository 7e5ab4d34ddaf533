// SPDX-License-Identifier: MIT
/* A tree of all that a file system has: names of all lengths, sizes around the steps of block maps, holes,
 * links, many entries in one directory. What there is not (links on FAT) is left out. */
#include "fstree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NR_FILES = 16, NR_SMALL = 300 };

static const unsigned sizes[] = {0,     1,     511,   512,    4095,   4096,    4097,   12 * 1024,
                                 49152, 49153, 65536, 100000, 274432, 1000000, 4243456};

uint32_t tree_random(uint64_t *state, uint32_t below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)((*state >> 16) % below);
}

static bool fail(const char *path)
{
    perror(path);
    return false;
}

static bool write_at(int fd, off_t at, size_t len, uint64_t *random)
{
    static unsigned char data[65536];

    while (len > 0) {
        size_t part = len < sizeof(data) ? len : sizeof(data);
        ssize_t written;

        for (size_t i = 0; i < part; i++)
            data[i] = (unsigned char)tree_random(random, 256);
        written = pwrite(fd, data, part, at);
        if (written != (ssize_t)part) {
            errno = written < 0 ? errno : ENOSPC; /* part of it went in: so that is why */
            return false;
        }
        at += (off_t)part;
        len -= part;
    }
    return true;
}

static bool make_file(const char *path, unsigned size, bool has_hole, uint64_t *random)
{
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
    bool is_made;

    if (fd < 0)
        return fail(path);
    is_made = has_hole ? write_at(fd, size, 100, random) : write_at(fd, 0, size, random);
    if (!is_made)
        perror(path);
    return close(fd) == 0 && is_made;
}

static void make_name(char *to, size_t cap, const char *directory, int number, uint64_t *random)
{
    static const char *const letters[] = {"a", "B", "7", "-", " x", "ü", "ж", "本", "e"};
    unsigned len = 1 + tree_random(random, 40);
    int at = snprintf(to, cap, "%s/%d", directory, number);

    while (len-- > 0)
        at += snprintf(to + at, cap - (size_t)at, "%s", letters[tree_random(random, 9)]);
}

/* Links to the file, where the file system has such. */
static bool make_links(const char *path, const char *directory, int number)
{
    char name[512];

    snprintf(name, sizeof(name), "%s/hard%d", directory, number);
    if (link(path, name) != 0 && errno != EPERM)
        return fail(name);
    snprintf(name, sizeof(name), "%s/soft%d", directory, number);
    if (symlink(number % 2 ? path : "short", name) != 0 && errno != EPERM)
        return fail(name);
    return true;
}

/* Each size once, so that the tree's size is known before, whatever the seed: 6 to 10 MB a directory. */
static bool make_directory(const char *directory, int number, uint64_t *random)
{
    const unsigned nr_sizes = sizeof(sizes) / sizeof(sizes[0]);
    uint32_t first = tree_random(random, nr_sizes);
    char path[512];

    if (mkdir(directory, number % 3 ? 0755 : 0700) != 0)
        return fail(directory);
    for (int i = 0; i < NR_FILES; i++) {
        unsigned size = sizes[(first + (unsigned)i) % nr_sizes];

        make_name(path, sizeof(path), directory, i, random);
        if (!make_file(path, size, i % 5 == 4, random) ||
            (i % 4 == 0 && !make_links(path, directory, i)))
            return false;
    }
    return true;
}

bool tree_make(const char *name, uint64_t seed, int nr_directories)
{
    uint64_t random = seed * 0x9e3779b97f4a7c15ull | 1;
    char directory[256], path[512];

    if (mkdir(name, 0755) != 0)
        return fail(name);
    snprintf(directory, sizeof(directory), "%s", name);
    for (int i = 0; i < nr_directories; i++) {
        size_t len = i % 4 == 0 ? strlen(name)
                                : strlen(directory); /* three deep, then from the top */

        snprintf(directory + len, sizeof(directory) - len, "/dir %d", i);
        if (!make_directory(directory, i, &random))
            return false;
    }
    snprintf(directory, sizeof(directory), "%s/many", name);
    if (mkdir(directory, 0755) != 0)
        return fail(directory);
    for (int i = 0; i < NR_SMALL; i++) {
        snprintf(path, sizeof(path), "%s/one of very many small files, number %d", directory, i);
        if (!make_file(path, tree_random(&random, 200), false, &random))
            return false;
    }
    return true;
}
