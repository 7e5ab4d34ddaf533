// SPDX-License-Identifier: MIT
/* Churn, in rounds of three phases. Each process has a directory of numbered files.
 *
 *     fill     makes files until there is no room: ENOSPC ends it, and nothing else
 *     change   makes, removes, renames, overwrites, cuts and reads at random, on a disk that is nearly full
 *     empty    reads and removes them all
 *
 * Between two phases all processes meet: a phase is a fork of each, and what they know of their files lies in memory
 * that they share with their parent. It looks at the free blocks there: a full disk has next to none, and an empty one
 * as many as in the beginning, so that neither a refusal that comes too early nor a block that is never given back
 * goes unseen. A file's content follows from its number and version; it is checked when a file is read, and before it
 * goes. */
#include "fstree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FILES = 2000, FEW_CHANGES = 50, CHANGES = 1500, LONGEST = 300000 };

struct churner {
    int number;
    uint64_t random;
    unsigned version[MAX_FILES]; /* 0: there is no such file */
    unsigned length[MAX_FILES];
    unsigned last_version;
    unsigned nr_refused; /* ENOSPC */
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

/* Write a file anew, over what there was. *is_full: there was no room for all of it; what went in stays. */
static bool put(struct churner *c, int file, bool *is_full)
{
    unsigned len = tree_random(&c->random, tree_random(&c->random, 3) ? 20000 : LONGEST), done = 0;
    ssize_t part = 0;
    char name[64];
    int fd;

    name_of(c, file, name);
    fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    *is_full = fd < 0 && errno == ENOSPC; /* O_TRUNC needs no room: there was no such file */
    c->nr_refused += *is_full;
    if (fd < 0)
        return *is_full || fail(name, "open");
    c->version[file] = ++c->last_version;
    content_of(c, file, len);
    while (done < len && (part = write(fd, data + done, len - done)) > 0)
        done += (unsigned)part;
    *is_full = done < len;
    c->nr_refused += *is_full;
    if (part < 0 && errno != ENOSPC)
        return fail(name, "write");
    c->length[file] = done;
    if (tree_random(&c->random, 20) == 0 && fsync(fd) != 0)
        return fail(name, "fsync");
    return close(fd) == 0 || fail(name, "close");
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
    if (rename(a, b) != 0) {
        c->nr_refused += errno == ENOSPC;
        return errno == ENOSPC || fail(a, "rename");
    }
    c->version[from] = 0;
    return put(c, to, &is_full);
}

static bool change_one(struct churner *c)
{
    int file = (int)tree_random(&c->random, MAX_FILES);
    bool is_full;

    if (c->version[file] == 0)
        return put(c, file, &is_full);
    switch (tree_random(&c->random, 6)) {
    case 0: return check(c, file) && drop(c, file);
    case 1: return cut(c, file);
    case 2: return move(c, file, (int)tree_random(&c->random, MAX_FILES));
    case 3: return put(c, file, &is_full);
    default: return check(c, file);
    }
}

/* ---- Phases: each runs in a process of its own ---- */

static bool fill(struct churner *c)
{
    char name[64];
    bool is_right, is_full = false;

    snprintf(name, sizeof(name), "churn%d", c->number);
    is_right = mkdir(name, 0755) == 0 || fail(name, "mkdir");
    for (int file = 0; is_right && !is_full; file++) {
        if (file == MAX_FILES)
            return fail(name, "so many files, and there is still room");
        is_right = put(c, file, &is_full);
    }
    return is_right;
}

static bool change(struct churner *c)
{
    bool is_right = true;

    for (int i = 0; is_right && i < CHANGES && (i < FEW_CHANGES || time(NULL) < c->end); i++)
        is_right = change_one(c);
    return is_right;
}

static bool empty(struct churner *c)
{
    char name[64];

    for (int file = 0; file < MAX_FILES; file++) {
        if (c->version[file] != 0 && !(check(c, file) && drop(c, file)))
            return false;
    }
    snprintf(name, sizeof(name), "churn%d", c->number);
    return rmdir(name) == 0 || fail(name, "rmdir");
}

/* ---- The parent ---- */

static bool all_do(struct churner *churners, bool (*phase)(struct churner *c))
{
    int nr_failed = 0, status;

    for (int i = 0; i < CHURNERS; i++) {
        pid_t pid = fork();

        if (pid == 0)
            exit(phase(&churners[i]) ? 0 : 1);
        nr_failed += pid < 0;
    }
    while (wait(&status) > 0)
        nr_failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    if (nr_failed != 0)
        printf("churn: %d of %d processes failed\n", nr_failed, CHURNERS);
    return nr_failed == 0;
}

static uint64_t free_kib(uint64_t *total_kib)
{
    struct statvfs space;

    sync();
    if (statvfs(".", &space) != 0) {
        perror("statvfs");
        exit(1);
    }
    *total_kib = (uint64_t)space.f_blocks * space.f_frsize / 1024;
    return (uint64_t)space.f_bfree * space.f_frsize / 1024;
}

static bool do_round(struct churner *churners, uint64_t room_kib, uint64_t *left_kib)
{
    uint64_t total_kib, free_again_kib;

    if (!all_do(churners, fill))
        return false;
    *left_kib = free_kib(&total_kib);
    if (*left_kib > total_kib / 100) {
        printf("churn: ENOSPC with %llu of %llu KiB free\n", (unsigned long long)*left_kib,
               (unsigned long long)total_kib);
        return false;
    }
    if (!all_do(churners, change) || !all_do(churners, empty))
        return false;
    free_again_kib = free_kib(&total_kib);
    if (free_again_kib != room_kib)
        printf("churn: %llu KiB were free, and are %llu now that it is empty again\n",
               (unsigned long long)room_kib, (unsigned long long)free_again_kib);
    return free_again_kib == room_kib;
}

bool tree_churn(unsigned seconds, uint64_t seed)
{
    size_t size = CHURNERS * sizeof(struct churner);
    struct churner *churners = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                                    -1, 0);
    time_t end = time(NULL) + (time_t)seconds;
    unsigned nr_rounds = 0, nr_files = 0, nr_refused = 0;
    uint64_t total_kib, left_kib = 0, room_kib = free_kib(&total_kib);
    bool is_right = churners != MAP_FAILED || fail("churn", "mmap");

    for (int i = 0; is_right && i < CHURNERS; i++) {
        churners[i].number = i;
        churners[i].random = (seed + (uint64_t)i) * 0x9e3779b97f4a7c15ull | 1;
        churners[i].end = end;
    }
    while (is_right && (nr_rounds == 0 || time(NULL) < end)) {
        is_right = do_round(churners, room_kib, &left_kib);
        nr_rounds += is_right;
        printf("churn: round %u is over, %ld seconds are left\n", nr_rounds,
               (long)(end - time(NULL)));
    }
    for (int i = 0; is_right && i < CHURNERS; i++) {
        nr_files += churners[i].last_version;
        nr_refused += churners[i].nr_refused;
    }
    printf(
        "churn: %u times filled (to the last %llu of %llu KiB), changed and emptied; %u files written, ENOSPC %u times\n",
        nr_rounds, (unsigned long long)left_kib, (unsigned long long)total_kib, nr_files,
        nr_refused);
    return is_right && munmap(churners, size) == 0;
}
