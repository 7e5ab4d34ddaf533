// SPDX-License-Identifier: MIT
/* Tables of open files.
 *
 * A table is an array of file pointers and two bitmaps of the same length; it doubles when it is
 * full. A number is taken in two steps, so that a call can reserve it before it opens anything,
 * and put the file in when nothing can fail any more: a reserved number has its `taken` bit and
 * no file, and reads as closed.
 *
 * Locks: table->lock, a spinlock; files are flushed and dropped after it is released. A table
 * that only the running task uses is read without it: nobody else could change it (others only
 * ever look, under the lock). */
#include "kernel/task/fd_table_internal.h"
#include "fs/vfs/file.h"
#include "fs/vfs/flock.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/resource.h"
#include "kernel/base/bits.h"
#include "kernel/base/string.h"
#include "kernel/task/task.h"
#include "mm/kmalloc.h"

static void slots_copy(const struct fd_slots *to, const struct fd_table *from)
{
    memcpy(to->files, from->files, from->nr_slots * sizeof(struct file *));
    memcpy(to->taken, from->taken, from->nr_slots / 8);
    memcpy(to->close_on_exec, from->close_on_exec, from->nr_slots / 8);
}

/** Grow to more than `needed` slots. Called without the lock. Returns 0 or -ENOMEM. */
static int grow(struct fd_table *table, unsigned needed)
{
    unsigned nr = max_of(FD_FIRST_NR_SLOTS, 1u << log2_ceil(needed + 1));
    struct fd_slots slots;
    struct file **old = NULL;

    if (!fd_slots_alloc(nr, &slots)) {
        return -ENOMEM;
    }
    spin_lock(&table->lock);
    if (table->nr_slots < nr) {
        slots_copy(&slots, table);
        old = table->files;
        fd_slots_install(table, &slots, nr);
    } else {
        old = slots.files; /* somebody else has grown it meanwhile */
    }
    spin_unlock(&table->lock);
    kfree(old);
    return 0;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static struct fd_table *current_table(void)
{
    return task_current()->files;
}

static struct file *file_at(const struct fd_table *table, unsigned fd)
{
    return fd < table->nr_slots ? table->files[fd] : NULL;
}

int fd_get(int fd, struct file **file)
{
    struct fd_table *table = current_table();
    struct file *found;

    if (likely(refcount_read(&table->refs) == 1)) {
        found = file_at(table, (unsigned)fd);
        if (found != NULL) {
            file_get(found);
        }
    } else {
        spin_lock(&table->lock);
        found = file_at(table, (unsigned)fd);
        if (found != NULL) {
            file_get(found);
        }
        spin_unlock(&table->lock);
    }
    if (unlikely(found == NULL)) {
        return -EBADF;
    }
    *file = found;
    return 0;
}

static void take_locked(struct fd_table *table, unsigned fd, unsigned flags)
{
    bitmap_set(table->taken, fd);
    if ((flags & FD_CLOSE_ON_EXEC) != 0) {
        bitmap_set(table->close_on_exec, fd);
    } else {
        bitmap_clear(table->close_on_exec, fd);
    }
    if (fd == table->first_free) {
        table->first_free = fd + 1;
    }
}

static void release_locked(struct fd_table *table, unsigned fd)
{
    bitmap_clear(table->taken, fd);
    bitmap_clear(table->close_on_exec, fd);
    table->first_free = min_of(table->first_free, fd);
}

int fd_alloc(int lowest, unsigned flags, int *fd)
{
    struct fd_table *table = current_table();
    uint64_t limit = task_rlimit(ABI_RLIMIT_NOFILE);

    if (lowest < 0 || (uint64_t)lowest >= limit) {
        return lowest == 0 ? -EMFILE : -EINVAL;
    }
    for (;;) {
        unsigned found;
        int error;

        spin_lock(&table->lock);
        found = (unsigned)bitmap_find_clear(table->taken, table->nr_slots,
                                            max_of((unsigned)lowest, table->first_free));
        found = max_of(found, (unsigned)lowest);
        if (found >= limit) {
            spin_unlock(&table->lock);
            return -EMFILE;
        }
        if (found < table->nr_slots) {
            take_locked(table, found, flags);
            spin_unlock(&table->lock);
            *fd = (int)found;
            return 0;
        }
        spin_unlock(&table->lock);
        error = grow(table, found);
        if (error != 0) {
            return error;
        }
    }
}

void fd_install(int fd, struct file *file)
{
    struct fd_table *table = current_table();

    spin_lock(&table->lock);
    table->files[fd] = file;
    spin_unlock(&table->lock);
}

void fd_cancel(int fd)
{
    struct fd_table *table = current_table();

    spin_lock(&table->lock);
    release_locked(table, (unsigned)fd);
    spin_unlock(&table->lock);
}

int fd_open_file(struct file *file, unsigned flags)
{
    int fd;
    int error = fd_alloc(0, flags, &fd);

    if (error != 0) {
        return error;
    }
    fd_install(fd, file);
    return fd;
}

/* The process that has the table gives up the file: its record locks on it go too, whatever
 * descriptors remain. */
int fd_flush_and_put(const struct fd_table *table, struct file *file)
{
    int error = file->ops->flush != NULL ? file->ops->flush(file) : 0;

    flock_drop_owner(file, table);
    file_put(file);
    return error;
}

struct file *fd_take_out(struct fd_table *table, unsigned fd)
{
    struct file *file;

    spin_lock(&table->lock);
    file = file_at(table, fd);
    if (file != NULL) {
        table->files[fd] = NULL;
        release_locked(table, fd);
    }
    spin_unlock(&table->lock);
    return file;
}

int fd_close(int fd)
{
    struct fd_table *table = current_table();
    struct file *file = fd_take_out(table, (unsigned)fd);

    return file != NULL ? fd_flush_and_put(table, file) : -EBADF;
}

int fd_close_range(unsigned first, unsigned last, bool only_mark)
{
    struct fd_table *table = current_table();
    unsigned fd;

    if (first > last) {
        return -EINVAL;
    }
    for (fd = first; fd <= last && fd < table->nr_slots; fd++) {
        if (only_mark) {
            (void)!fd_set_flags((int)fd, FD_CLOSE_ON_EXEC);
        } else {
            (void)!fd_close((int)fd);
        }
    }
    return 0;
}

int fd_dup(int fd, int lowest, unsigned flags)
{
    struct file *file;
    int copy;
    int error = fd_get(fd, &file);

    if (error != 0) {
        return error;
    }
    error = fd_alloc(lowest, flags, &copy);
    if (error != 0) {
        file_put(file);
        return error;
    }
    fd_install(copy, file);
    return copy;
}

int fd_dup_to(int fd, int new_fd, unsigned flags)
{
    struct fd_table *table = current_table();
    struct file *file;
    struct file *old;
    int error;

    if (fd == new_fd) {
        return -EINVAL;
    }
    if (new_fd < 0 || (uint64_t)new_fd >= task_rlimit(ABI_RLIMIT_NOFILE)) {
        return -EBADF;
    }
    error = fd_get(fd, &file);
    if (error != 0) {
        return error;
    }
    if ((unsigned)new_fd >= table->nr_slots) {
        error = grow(table, (unsigned)new_fd);
        if (error != 0) {
            file_put(file);
            return error;
        }
    }
    spin_lock(&table->lock);
    old = table->files[new_fd];
    if (old == NULL && bitmap_test(table->taken, (size_t)new_fd)) {
        spin_unlock(&table->lock);
        file_put(file);
        return -EBUSY; /* another thread is about to open it */
    }
    table->files[new_fd] = file;
    take_locked(table, (unsigned)new_fd, flags);
    spin_unlock(&table->lock);
    if (old != NULL) {
        (void)fd_flush_and_put(table, old);
    }
    return new_fd;
}

int fd_get_flags(int fd)
{
    struct fd_table *table = current_table();
    int flags = -EBADF;

    spin_lock(&table->lock);
    if (file_at(table, (unsigned)fd) != NULL) {
        flags = bitmap_test(table->close_on_exec, (size_t)fd) ? FD_CLOSE_ON_EXEC : 0;
    }
    spin_unlock(&table->lock);
    return flags;
}

int fd_set_flags(int fd, unsigned flags)
{
    struct fd_table *table = current_table();
    int error = -EBADF;

    spin_lock(&table->lock);
    if (file_at(table, (unsigned)fd) != NULL) {
        take_locked(table, (unsigned)fd, flags);
        error = 0;
    }
    spin_unlock(&table->lock);
    return error;
}
