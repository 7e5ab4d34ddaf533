// SPDX-License-Identifier: MIT
/* Taking and freeing clusters.
 *
 * Files are fast when their clusters are neighbours: who asks names the cluster that comes before,
 * and gets the free run right behind it, if there is one; otherwise the next run behind the place
 * where the last search ended. The search goes round the disk, so that clusters that were freed are
 * used again late.
 *
 * Freeing. A chain that a removed (or cut, or replaced) file leaves behind must stay as it is until
 * the disk knows that no entry leads to it any more: else a power cut could leave an entry that
 * leads to clusters of another file. So it is only put on a list of doomed chains, and freed when
 * the directories have been written and flushed, which sync, fsync and unmount do anyway, and a
 * full disk or a long list bring about. Until then the table still has it; after a crash it is a
 * lost chain, which fsck.fat frees.
 *
 * Lock: alloc_lock. */
#include "drivers/block.h"
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"
#include "mm/slab.h"

#define MAX_DOOMED 512u /* chains; more are freed at once */

struct fat_doomed {
    struct list node;
    uint32_t start, nr;
};

SLAB_CACHE(fat_doomed_cache, struct fat_doomed, NULL);

/* ---- Taking ---------------------------------------------------------------------------------- */

/* The first free run in [from, end), at most `wanted` long. Returns 0 with *nr 0 if there is
 * none. */
static int find_run(struct fat_cursor *cursor, uint32_t from, uint32_t end, uint32_t wanted,
                    uint32_t *first, uint32_t *nr)
{
    uint32_t found = 0;

    for (uint32_t cluster = from; cluster < end; cluster++) {
        uint32_t value = 0;
        int error = fat_table_get(cursor, cluster, &value);

        if (error != 0) {
            return error;
        }
        if (value != FAT_FREE) {
            if (found != 0) {
                break;
            }
            continue;
        }
        if (found++ == 0) {
            *first = cluster;
        }
        if (found == wanted) {
            break;
        }
    }
    *nr = found;
    return 0;
}

/* Right behind the goal, else from the hint to the end, else from the beginning to the hint. */
static int find_free(struct fat_cursor *cursor, uint32_t goal, uint32_t wanted, uint32_t *first,
                     uint32_t *nr)
{
    struct fat_fs *fs = cursor->fs;
    uint32_t value = 1;
    int error = fat_is_cluster(fs, goal) ? fat_table_get(cursor, goal, &value) : 0;

    if (error != 0) {
        return error;
    }
    if (value == FAT_FREE) {
        return find_run(cursor, goal, fat_end_cluster(fs), wanted, first, nr);
    }
    error = find_run(cursor, fs->next_free, fat_end_cluster(fs), wanted, first, nr);
    if (error == 0 && *nr == 0) {
        error = find_run(cursor, FAT_FIRST_CLUSTER, fs->next_free, wanted, first, nr);
    }
    return error;
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
        fs->nr_free -= min_of(*nr, fs->nr_free);
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

/* ---- Freeing --------------------------------------------------------------------------------- */

/* A chain that comes back to a cluster of its own finds it free, and so ends. */
static int free_chain_locked(struct fat_fs *fs, uint32_t start)
{
    struct fat_cursor cursor;
    int error = 0, last;

    fat_cursor_begin(&cursor, fs);
    for (uint32_t cluster = start; cluster != FAT_END && error == 0;) {
        uint32_t next = FAT_END;

        error = fat_table_next(&cursor, 0, cluster, &next);
        if (error == 0) {
            error = fat_table_set(&cursor, cluster, FAT_FREE);
            fs->nr_free++;
        }
        cluster = next;
    }
    last = fat_cursor_end(&cursor);
    fs->is_info_stale = true;
    return error != 0 ? error : last;
}

int fat_free_chain(struct fat_fs *fs, uint32_t start)
{
    int error;

    mutex_lock(&fs->alloc_lock);
    error = free_chain_locked(fs, start);
    mutex_unlock(&fs->alloc_lock);
    return error;
}

void fat_doom_chain(struct fat_fs *fs, uint32_t start, uint32_t nr)
{
    struct fat_doomed *doomed = slab_alloc(&fat_doomed_cache, ALLOC_WAIT | ALLOC_NOFS);
    bool is_long;

    if (doomed == NULL) { /* then do now what could have waited */
        int error = meta_write_all(fs->super);

        error = error != 0 ? error : block_flush(fs->super->device);
        if (error == 0) {
            (void)!fat_free_chain(fs, start); /* what is wrong with the chain was logged */
        }
        return;
    }
    doomed->start = start;
    doomed->nr = nr;
    mutex_lock(&fs->alloc_lock);
    list_push_back(&fs->doomed, &doomed->node);
    fs->nr_doomed++;
    fs->nr_doomed_clusters += nr;
    is_long = fs->nr_doomed > MAX_DOOMED;
    mutex_unlock(&fs->alloc_lock);
    if (is_long) {
        (void)!fat_free_doomed(fs); /* on failure they stay doomed */
    }
}

void fat_take_doomed(struct fat_fs *fs, struct list *list)
{
    list_init(list);
    mutex_lock(&fs->alloc_lock);
    list_splice_back(list, &fs->doomed);
    fs->nr_doomed = 0;
    mutex_unlock(&fs->alloc_lock);
}

int fat_free_list(struct fat_fs *fs, struct list *list, bool is_durable)
{
    int result = 0;

    mutex_lock(&fs->alloc_lock);
    while (!list_is_empty(list)) {
        struct fat_doomed *doomed = list_first(list, struct fat_doomed, node);

        list_remove(&doomed->node);
        if (!is_durable) {
            list_push_back(&fs->doomed, &doomed->node);
            fs->nr_doomed++;
            continue;
        }
        int error = free_chain_locked(fs, doomed->start);

        result = result != 0 ? result : error;
        fs->nr_doomed_clusters -= doomed->nr;
        slab_free(&fat_doomed_cache, doomed);
    }
    mutex_unlock(&fs->alloc_lock);
    return result;
}

void fat_drop_list(struct list *list)
{
    while (!list_is_empty(list)) {
        struct fat_doomed *doomed = list_first(list, struct fat_doomed, node);

        list_remove(&doomed->node);
        slab_free(&fat_doomed_cache, doomed);
    }
}

int fat_free_doomed(struct fat_fs *fs)
{
    struct list list;
    int error, last;

    fat_take_doomed(fs, &list);
    error = meta_write_all(fs->super);
    if (error == 0) {
        error = block_flush(fs->super->device);
    }
    last = fat_free_list(fs, &list, error == 0);
    return error != 0 ? error : last;
}
