// SPDX-License-Identifier: MIT
/* Taking clusters.
 *
 * Files are fast when their clusters are neighbours: who asks names the cluster that comes before,
 * and gets the free run right behind it, if there is one; otherwise the next run behind the place
 * where the last search ended. The search goes round the disk, so that clusters that were freed are
 * used again late, and passes by what is full (groups.c).
 *
 * Clusters that are about to be freed (free.c) are as good as free to who asks how much room there is; so when nothing
 * else is left, they are freed first.
 *
 * Lock: alloc_lock. */
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"

/* The first free run in [from, end), at most `wanted` long. Returns 0 with *nr 0 if there is
 * none. */
static int find_run(struct fat_cursor *cursor, uint32_t from, uint32_t end, uint32_t wanted,
                    uint32_t *first, uint32_t *nr)
{
    *nr = 0;
    while (from < end) {
        uint32_t begin = end, stop = end, behind = 0;
        int error = fat_groups_next(cursor, from, end, &begin, &stop);

        if (error == 0) {
            error = fat_table_find(cursor, begin, stop, true, &begin);
        }
        if (error == 0 && begin < stop) {
            error = fat_table_find(cursor, begin, begin + min_of(wanted, end - begin), false,
                                   &behind);
        }
        if (error != 0) {
            return error;
        }
        if (begin < stop) {
            *first = begin;
            *nr = behind - begin;
            return 0;
        }
        from = stop;
    }
    return 0;
}

/* Right behind the goal, else from the hint to the end, else from the beginning to the hint. */
static int find_free(struct fat_cursor *cursor, uint32_t goal, uint32_t wanted, uint32_t *first,
                     uint32_t *nr)
{
    struct fat_fs *fs = cursor->fs;
    uint32_t found = goal + 1;
    int error = fat_is_cluster(fs, goal) ? fat_table_find(cursor, goal, goal + 1, true, &found) : 0;

    if (error != 0) {
        return error;
    }
    if (found == goal) {
        return find_run(cursor, goal, fat_end_cluster(fs), wanted, first, nr);
    }
    error = find_run(cursor, fs->next_free, fat_end_cluster(fs), wanted, first, nr);
    if (error == 0 && *nr == 0) {
        error = find_run(cursor, FAT_FIRST_CLUSTER, fs->next_free, wanted, first, nr);
    }
    return error;
}

int fat_find_free_run(struct fat_fs *fs, uint32_t from, uint32_t end, uint32_t *first, uint32_t *nr)
{
    struct fat_cursor cursor;
    int error, last;

    mutex_assert_held(&fs->alloc_lock);
    *nr = 0;
    fat_cursor_begin(&cursor, fs);
    error = find_run(&cursor, from, end, UINT32_MAX, first, nr);
    last = fat_cursor_end(&cursor);
    return error != 0 ? error : last;
}

/* Chain a run, from its tail to its head: no entry ever leads to one that is still free. */
static int chain_run(struct fat_cursor *cursor, uint32_t first, uint32_t nr)
{
    int error = 0;

    for (uint32_t i = nr; i-- > 0 && error == 0;) {
        error = fat_table_set(cursor, first + i, i == nr - 1 ? FAT_END : first + i + 1);
    }
    return error;
}

static int alloc_locked(struct fat_fs *fs, uint32_t goal, uint32_t wanted, uint32_t *first,
                        uint32_t *nr)
{
    struct fat_cursor cursor;
    int error, last;

    *nr = 0;
    if (fs->nr_uncounted == 0 && fs->nr_free == 0) {
        return -ENOSPC; /* a full disk is not searched each time */
    }
    fat_cursor_begin(&cursor, fs);
    error = find_free(&cursor, goal, wanted, first, nr);
    if (error == 0 && *nr != 0) {
        error = chain_run(&cursor, *first, *nr);
    }
    last = fat_cursor_end(&cursor);
    error = error != 0 ? error : last;
    if (error == 0 && *nr == 0) {
        error = -ENOSPC;
    }
    if (error == 0) {
        fs->next_free = *first + *nr < fat_end_cluster(fs) ? *first + *nr : FAT_FIRST_CLUSTER;
        fs->is_info_stale = true;
    }
    return error;
}

int fat_alloc(struct fat_fs *fs, uint32_t previous, uint32_t wanted, uint32_t *first, uint32_t *nr)
{
    bool has_doomed;
    int error;

    if (fat_is_read_only(fs->super)) {
        return -EROFS;
    }
    mutex_lock(&fs->alloc_lock);
    error = alloc_locked(fs, previous == 0 ? 0 : previous + 1, wanted, first, nr);
    has_doomed = fs->nr_doomed != 0;
    mutex_unlock(&fs->alloc_lock);
    if (error == -ENOSPC && has_doomed) {
        error = fat_free_doomed(fs);
        if (error == 0) {
            mutex_lock(&fs->alloc_lock);
            error = alloc_locked(fs, 0, wanted, first, nr);
            mutex_unlock(&fs->alloc_lock);
        }
    }
    return error;
}

int fat_link(struct fat_fs *fs, uint32_t previous, uint32_t first)
{
    struct fat_cursor cursor;
    int error, last;

    mutex_lock(&fs->alloc_lock);
    fat_cursor_begin(&cursor, fs);
    error = fat_table_set(&cursor, previous, first);
    last = fat_cursor_end(&cursor);
    mutex_unlock(&fs->alloc_lock);
    return error != 0 ? error : last;
}
