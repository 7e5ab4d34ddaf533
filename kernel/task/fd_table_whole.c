// SPDX-License-Identifier: MIT
/* Tables of open files as a whole: made, copied by fork, swept by execve, dropped at the end. */
#include "fs/vfs/file.h"
#include "kernel/abi/errno.h"
#include "kernel/base/bits.h"
#include "kernel/task/fd_table_internal.h"
#include "mm/kmalloc.h"
#include "mm/slab.h"

SLAB_CACHE(fd_table_cache, struct fd_table, NULL);

bool fd_slots_alloc(unsigned nr, struct fd_slots *slots)
{
    size_t map_bytes = nr / 8;
    char *block = kzalloc(nr * sizeof(struct file *) + 2 * map_bytes, ALLOC_KERNEL);

    if (block == NULL) {
        return false;
    }
    slots->files = (struct file **)block;
    slots->taken = (uint64_t *)(block + nr * sizeof(struct file *));
    slots->close_on_exec = slots->taken + nr / BITMAP_WORD_BITS;
    return true;
}

void fd_slots_install(struct fd_table *table, const struct fd_slots *slots, unsigned nr)
{
    table->files = slots->files;
    table->taken = slots->taken;
    table->close_on_exec = slots->close_on_exec;
    table->nr_slots = nr;
}

static struct fd_table *create_with(unsigned nr)
{
    struct fd_table *table = slab_alloc(&fd_table_cache, ALLOC_KERNEL | ALLOC_ZERO);
    struct fd_slots slots;

    if (table == NULL) {
        return NULL;
    }
    if (!fd_slots_alloc(nr, &slots)) {
        slab_free(&fd_table_cache, table);
        return NULL;
    }
    refcount_init(&table->refs, 1);
    spin_init(&table->lock, LOCK_RANK_FD_TABLE, "fd table");
    fd_slots_install(table, &slots, nr);
    return table;
}

struct fd_table *fd_table_create(void)
{
    return create_with(FD_FIRST_NR_SLOTS);
}

/** Copy what is open; a number that is only reserved stays the other's business. Both tables
 *  hold still. */
static void copy_open_files(struct fd_table *to, const struct fd_table *from)
{
    size_t fd;

    for (fd = bitmap_find_set(from->taken, from->nr_slots, 0); fd < from->nr_slots;
         fd = bitmap_find_set(from->taken, from->nr_slots, fd + 1)) {
        struct file *file = from->files[fd];

        if (file != NULL) {
            file_get(file);
            to->files[fd] = file;
            bitmap_set(to->taken, fd);
            if (bitmap_test(from->close_on_exec, fd)) {
                bitmap_set(to->close_on_exec, fd);
            }
        }
    }
}

int fd_table_copy(struct fd_table *from, struct fd_table **copy)
{
    struct fd_table *made;

    for (;;) {
        unsigned nr = __atomic_load_n(&from->nr_slots, __ATOMIC_RELAXED);

        made = create_with(nr);
        if (made == NULL) {
            return -ENOMEM;
        }
        spin_lock(&from->lock);
        if (from->nr_slots == nr) {
            break;
        }
        spin_unlock(&from->lock);
        fd_table_put(made);
    }
    copy_open_files(made, from);
    spin_unlock(&from->lock);
    *copy = made;
    return 0;
}

void fd_table_get(struct fd_table *table)
{
    refcount_get(&table->refs);
}

void fd_table_put(struct fd_table *table)
{
    size_t fd;

    if (!refcount_put(&table->refs)) {
        return;
    }
    for (fd = bitmap_find_set(table->taken, table->nr_slots, 0); fd < table->nr_slots;
         fd = bitmap_find_set(table->taken, table->nr_slots, fd + 1)) {
        if (table->files[fd] != NULL) {
            (void)fd_flush_and_put(table, table->files[fd]);
        }
    }
    kfree(table->files);
    slab_free(&fd_table_cache, table);
}

void fd_table_close_on_exec(struct fd_table *table)
{
    size_t fd;

    for (fd = bitmap_find_set(table->close_on_exec, table->nr_slots, 0); fd < table->nr_slots;
         fd = bitmap_find_set(table->close_on_exec, table->nr_slots, fd + 1)) {
        struct file *file = fd_take_out(table, (unsigned)fd);

        if (file != NULL) {
            (void)fd_flush_and_put(table, file);
        }
    }
}

bool fd_table_next(struct fd_table *table, unsigned *fd, struct file **file)
{
    bool is_there = false;
    size_t at;

    spin_lock(&table->lock);
    for (at = bitmap_find_set(table->taken, table->nr_slots, *fd); at < table->nr_slots;
         at = bitmap_find_set(table->taken, table->nr_slots, at + 1)) {
        if (table->files[at] != NULL) {
            file_get(table->files[at]);
            *fd = (unsigned)at;
            *file = table->files[at];
            is_there = true;
            break;
        }
    }
    spin_unlock(&table->lock);
    return is_there;
}
