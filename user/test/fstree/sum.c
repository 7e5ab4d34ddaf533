// SPDX-License-Identifier: MIT
/* The checksum of a tree: names in order, so that it is the same whoever lists them. */
#include "fstree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* FNV-1a, 64 bits. */
#define HASH_BEGIN 0xcbf29ce484222325ull
#define HASH_PRIME 0x100000001b3ull

struct total {
    uint64_t hash, nr_entries, nr_bytes;
    bool lists;
};

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *at = data;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * HASH_PRIME;
    return hash;
}

static bool hash_file(const char *path, uint64_t *hash)
{
    static char buffer[65536];
    int fd = open(path, O_RDONLY);
    ssize_t len = -1;

    while (fd >= 0 && (len = read(fd, buffer, sizeof(buffer))) > 0)
        *hash = hash_bytes(*hash, buffer, (size_t)len);
    if (len != 0)
        perror(path);
    close(fd);
    return len == 0;
}

static bool hash_link(const char *path, uint64_t *hash)
{
    char text[4096];
    ssize_t len = readlink(path, text, sizeof(text));

    if (len < 0)
        perror(path);
    else
        *hash = hash_bytes(*hash, text, (size_t)len);
    return len >= 0;
}

static bool sum_entry(struct total *total, const char *path)
{
    uint64_t content = HASH_BEGIN;
    struct stat st;
    char line[4096 + 200];
    bool is_directory;

    if (lstat(path, &st) != 0) {
        perror(path);
        return false;
    }
    is_directory = S_ISDIR(st.st_mode);
    if ((S_ISREG(st.st_mode) && !hash_file(path, &content)) ||
        (S_ISLNK(st.st_mode) && !hash_link(path, &content)))
        return false;
    /* A directory's size is its file system's own matter. */
    snprintf(line, sizeof(line),
             "%s mode %06o links %lu uid %u size %lld time %lld content %016llx", path, st.st_mode,
             (unsigned long)st.st_nlink, st.st_uid, is_directory ? 0LL : (long long)st.st_size,
             (long long)st.st_mtime, (unsigned long long)content);
    if (total->lists)
        printf("%s\n", line);
    total->hash = hash_bytes(total->hash, line, strlen(line));
    total->nr_entries++;
    total->nr_bytes += is_directory ? 0 : (uint64_t)st.st_size;
    return true;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* mke2fs makes lost+found; it is no part of a tree. */
static int is_ours(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
           strcmp(entry->d_name, "lost+found") != 0;
}

static bool sum_below(struct total *total, const char *path)
{
    struct dirent **entries;
    int nr = scandir(path, &entries, is_ours, by_bytes);
    bool is_right = nr >= 0;

    if (nr < 0)
        perror(path);
    for (int i = 0; i < nr; i++) {
        char below[4096];
        struct stat st;

        snprintf(below, sizeof(below), "%s/%s", path, entries[i]->d_name);
        is_right = is_right && sum_entry(total, below) && lstat(below, &st) == 0 &&
                   (!S_ISDIR(st.st_mode) || sum_below(total, below));
        free(entries[i]);
    }
    if (nr >= 0)
        free(entries);
    return is_right;
}

bool tree_sum(bool list)
{
    struct total total = {.hash = HASH_BEGIN, .lists = list};

    if (!sum_below(&total, "."))
        return false;
    printf("sum: %llu entries, %llu bytes, %016llx\n", (unsigned long long)total.nr_entries,
           (unsigned long long)total.nr_bytes, (unsigned long long)total.hash);
    return true;
}
