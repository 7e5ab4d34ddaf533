// SPDX-License-Identifier: MIT
/* The operations of fsx, each on the file and on the model, which is plain memory and cannot be wrong. */
#include "fsx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KEEP_SIZE = 1, PUNCH_HOLE = 2, LONGEST = 60000 };

const char *const operation_names[NR_OPERATIONS] = {
    [OP_READ] = "read",
    [OP_WRITE] = "write",
    [OP_APPEND] = "append",
    [OP_MAP_READ] = "map-read",
    [OP_MAP_WRITE] = "map-write",
    [OP_TRUNCATE] = "truncate",
    [OP_GROW] = "grow",
    [OP_PUNCH] = "punch",
    [OP_ALLOCATE] = "allocate",
    [OP_KEEP] = "allocate-keep",
    [OP_DIRECT_READ] = "direct-read",
    [OP_DIRECT_WRITE] = "direct-write",
    [OP_SYNC] = "sync",
    [OP_MSYNC] = "msync",
    [OP_DROP] = "drop-caches",
    [OP_REOPEN] = "reopen",
    [OP_CHECK] = "check",
};

/* How often each comes, in a thousand. */
static const unsigned weights[NR_OPERATIONS] = {
    [OP_READ] = 190,      [OP_WRITE] = 190,   [OP_APPEND] = 40,      [OP_MAP_READ] = 110,
    [OP_MAP_WRITE] = 110, [OP_TRUNCATE] = 60, [OP_GROW] = 30,        [OP_PUNCH] = 60,
    [OP_ALLOCATE] = 25,   [OP_KEEP] = 25,     [OP_DIRECT_READ] = 40, [OP_DIRECT_WRITE] = 40,
    [OP_SYNC] = 20,       [OP_MSYNC] = 10,    [OP_DROP] = 20,        [OP_REOPEN] = 20,
    [OP_CHECK] = 10,
};

uint32_t worker_random(struct worker *w, uint32_t below)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (uint32_t)((w->random >> 16) % below);
}

/* ---- What goes wrong ------------------------------------------------------------------------- */

static const struct entry *current(const struct worker *w)
{
    return &w->log[w->nr_done % LOG_LEN];
}

static void tell_log(const struct worker *w)
{
    uint64_t number = w->nr_done >= LOG_LEN ? w->nr_done - LOG_LEN + 1 : 0;

    for (; number <= w->nr_done; number++) {
        const struct entry *e = &w->log[number % LOG_LEN];
        printf("  %8llu %-13s %#8zx .. %#8zx  of %#zx\n", (unsigned long long)e->number,
               operation_names[e->operation], e->offset, e->offset + e->len, e->size);
    }
}

static bool fail(const struct worker *w, const char *what)
{
    const struct entry *e = current(w);

    printf("fsx: worker %d, operation %llu, %s: %s (%s)\n", w->number,
           (unsigned long long)e->number, operation_names[e->operation], what,
           errno ? strerror(errno) : "no error number");
    tell_log(w);
    return false;
}

/* Compare len bytes that came from `offset` of the file. */
static bool compare(const struct worker *w, const unsigned char *got, size_t offset, size_t len)
{
    size_t i = 0, nr_bad = 0;

    if (memcmp(got, w->model + offset, len) == 0)
        return true;
    while (got[i] == w->model[offset + i])
        i++;
    for (size_t j = i; j < len; j++)
        nr_bad += got[j] != w->model[offset + j];
    printf(
        "fsx: worker %d, operation %llu, %s of %#zx .. %#zx: %zu bytes are wrong, the first at %#zx: "
        "it is %#04x and should be %#04x\n",
        w->number, (unsigned long long)w->nr_done, operation_names[current(w)->operation], offset,
        offset + len, nr_bad, offset + i, got[i], w->model[offset + i]);
    tell_log(w);
    return false;
}

/* ---- The file -------------------------------------------------------------------------------- */

static bool open_file(struct worker *w)
{
    w->fd = open(w->path, O_RDWR | O_CREAT, 0644);
    w->direct_fd = open(w->path, O_RDWR | O_DIRECT);
    if (w->fd < 0)
        return fail(w, w->path);
    w->map = mmap(NULL, w->max_size, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
    return w->map != MAP_FAILED || fail(w, "mmap");
}

static void close_file(struct worker *w)
{
    munmap(w->map, w->max_size);
    close(w->fd);
    if (w->direct_fd >= 0)
        close(w->direct_fd);
}

static long allocate(int fd, int mode, size_t offset, size_t len)
{
    return syscall(SYS_fallocate, fd, mode, (off_t)offset, (off_t)len);
}

bool worker_open(struct worker *w)
{
    if (!open_file(w))
        return false;
    for (int i = 0; i < NR_OPERATIONS; i++)
        w->is_possible[i] = true;
    /* Beyond the end, so that nothing changes by asking. */
    w->is_possible[OP_PUNCH] = allocate(w->fd, PUNCH_HOLE | KEEP_SIZE, w->max_size, PAGE) == 0;
    w->is_possible[OP_KEEP] = allocate(w->fd, KEEP_SIZE, w->max_size, PAGE) == 0;
    w->is_possible[OP_ALLOCATE] = allocate(w->fd, 0, 0, 1) == 0;
    w->is_possible[OP_DIRECT_READ] = w->is_possible[OP_DIRECT_WRITE] = w->direct_fd >= 0;
    if (w->is_shared) { /* whatever changes the size, or is not of single bytes, is not one worker's */
        static const enum operation alone[] = {OP_APPEND,   OP_TRUNCATE,    OP_GROW,        OP_KEEP,
                                               OP_ALLOCATE, OP_DIRECT_READ, OP_DIRECT_WRITE};
        for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
            w->is_possible[alone[i]] = false;
    } else if (ftruncate(w->fd, 0) != 0) {
        return fail(w, "ftruncate");
    }
    return true;
}

/* ---- Operations ------------------------------------------------------------------------------ */

static void fill(struct worker *w, unsigned char *at, size_t len)
{
    unsigned char value = (unsigned char)(1 + w->nr_done % 251),
                  step = (unsigned char)(w->number * 2 + 1);

    for (size_t i = 0; i < len; i++)
        at[i] = value = (unsigned char)(value + step);
}

/* The model's file has `size` bytes from now on. */
static void set_size(struct worker *w, size_t size)
{
    if (size < w->size)
        memset(w->model + size, 0, w->size - size);
    w->size = size;
}

static bool do_read(struct worker *w, int fd, size_t offset, size_t len)
{
    size_t want = offset >= w->size ? 0 : len < w->size - offset ? len : w->size - offset;
    ssize_t got = pread(fd, w->buffer, len, (off_t)offset);

    if (got != (ssize_t)want)
        return fail(w, got < 0 ? "fails" : "gives another length");
    return compare(w, w->buffer, offset, want);
}

static bool do_write(struct worker *w, int fd, size_t offset, size_t len)
{
    fill(w, w->buffer, len);
    errno = 0;
    if (pwrite(fd, w->buffer, len, (off_t)offset) != (ssize_t)len)
        return fail(w, "is not done whole");
    memcpy(w->model + offset, w->buffer, len);
    if (offset + len > w->size)
        w->size = offset + len;
    return true;
}

static bool do_append(struct worker *w, size_t len)
{
    int fd;
    bool is_right;

    if (len > w->max_size - w->size)
        len = w->max_size - w->size;
    fd = open(w->path, O_WRONLY | O_APPEND);
    if (fd < 0)
        return fail(w, "open");
    is_right = do_write(w, fd, w->size, len);
    close(fd);
    return is_right;
}

static bool do_truncate(struct worker *w, size_t size)
{
    if (ftruncate(w->fd, (off_t)size) != 0)
        return fail(w, "fails");
    set_size(w, size);
    return true;
}

static bool do_map_read(struct worker *w, size_t offset, size_t len)
{
    if (offset >= w->size)
        return true;
    len = len < w->size - offset ? len : w->size - offset;
    memcpy(w->buffer, w->map + offset, len);
    return compare(w, w->buffer, offset, len);
}

static bool do_map_write(struct worker *w, size_t offset, size_t len)
{
    if (offset + len > w->size && !do_truncate(w, offset + len))
        return false;
    fill(w, w->map + offset, len);
    fill(w, w->model + offset, len);
    return true;
}

static bool do_allocate(struct worker *w, int mode, size_t offset, size_t len)
{
    if (allocate(w->fd, mode, offset, len) != 0)
        return fail(w, "fails");
    if ((mode & PUNCH_HOLE) != 0)
        memset(w->model + offset, 0, len);
    else if (mode == 0 && offset + len > w->size)
        set_size(w, offset + len);
    return true;
}

static bool do_drop(struct worker *w)
{
    posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED);
    if (w->drops_all && worker_random(w, 4) == 0) {
        int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
        bool is_done = fd >= 0 && write(fd, "3", 1) == 1;

        if (fd >= 0)
            close(fd);
        return is_done || fail(w, "/proc/sys/vm/drop_caches");
    }
    return true;
}

bool worker_check(struct worker *w)
{
    struct stat st;

    if (fstat(w->fd, &st) != 0)
        return fail(w, "fstat");
    errno = 0;
    if ((size_t)st.st_size != w->size)
        return fail(w, "the file has another size");
    return do_read(w, w->fd, w->first, (w->is_shared ? w->end : w->max_size) - w->first);
}

static bool run(struct worker *w, const struct entry *e)
{
    switch (e->operation) {
    case OP_READ: return do_read(w, w->fd, e->offset, e->len);
    case OP_WRITE: return do_write(w, w->fd, e->offset, e->len);
    case OP_APPEND: return do_append(w, e->len);
    case OP_MAP_READ: return do_map_read(w, e->offset, e->len);
    case OP_MAP_WRITE: return do_map_write(w, e->offset, e->len);
    case OP_TRUNCATE: return do_truncate(w, e->offset < w->size ? e->offset : w->size / 2);
    case OP_GROW: return do_truncate(w, e->offset > w->size ? e->offset : w->size);
    case OP_PUNCH: return do_allocate(w, PUNCH_HOLE | KEEP_SIZE, e->offset, e->len);
    case OP_ALLOCATE: return do_allocate(w, 0, e->offset, e->len);
    case OP_KEEP: return do_allocate(w, KEEP_SIZE, e->offset, e->len);
    case OP_DIRECT_READ: return do_read(w, w->direct_fd, e->offset, e->len);
    case OP_DIRECT_WRITE: return do_write(w, w->direct_fd, e->offset, e->len);
    case OP_SYNC: return (e->len & 1 ? fsync(w->fd) : fdatasync(w->fd)) == 0 || fail(w, "fails");
    case OP_MSYNC: return msync(w->map, w->max_size, MS_SYNC) == 0 || fail(w, "fails");
    case OP_DROP: return do_drop(w);
    case OP_REOPEN: close_file(w); return open_file(w);
    default: return worker_check(w);
    }
}

static enum operation choose(struct worker *w)
{
    enum operation operation;

    do {
        unsigned at = worker_random(w, 1000);

        for (operation = 0; at >= weights[operation]; operation++)
            at -= weights[operation];
    } while (!w->is_possible[operation]);
    return operation;
}

bool worker_step(struct worker *w)
{
    struct entry *e = &w->log[w->nr_done % LOG_LEN];
    size_t room = w->end - w->first;

    e->number = w->nr_done;
    e->operation = choose(w);
    e->offset = w->first + worker_random(w, (uint32_t)room);
    e->len = 1 + worker_random(w, worker_random(w, 3) == 0 ? LONGEST : 5000);
    if (e->len > w->end - e->offset)
        e->len = w->end - e->offset;
    if (e->operation == OP_DIRECT_READ || e->operation == OP_DIRECT_WRITE) {
        e->offset -= e->offset % PAGE;
        e->len = e->len < PAGE ? PAGE : e->len - e->len % PAGE;
    }
    e->size = w->size;
    errno = 0;
    if (!run(w, e))
        return false;
    w->nr_done++;
    return true;
}
