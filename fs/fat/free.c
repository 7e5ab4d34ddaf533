// SPDX-License-Identifier: MIT
/* Freeing clusters, late.
 *
 * A chain that a removed, cut or replaced file leaves behind must stay in the table as it is until the disk knows that no
 * entry reaches it any more: else a power cut could leave an entry that reaches the clusters of another file. So it is
 * only put on a list of doomed chains, and freed when the directories have been written and flushed, which sync, fsync and
 * unmount do anyway, and a full disk or a long list bring about. After a crash before that, it is a lost chain, and
 * fsck.fat frees it.
 *
 * Of a file that was cut, the table still leads from its last cluster to the doomed ones; that link is ended together with
 * them. (Should the file grow again before, chain.c first makes its shorter entry durable: after that, the link may change.)
 *
 * A removed directory's sectors may still be dirty in the cache. They are written like others, since what they no longer
 * reach may be freed earlier than they are; they are forgotten when its own clusters are freed, before these become
 * somebody's data.
 *
 * Chains are freed in the order in which they were doomed: one that was cut off a file goes before the file itself.
 *
 * Locks: free_lock from taking the list until it is free, so that who waits for it knows that nothing of before is left;
 * alloc_lock over the list and the table. */
#include "drivers/block.h"
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"
#include "mm/slab.h"

#define MAX_DOOMED 512u /* chains; more are freed at once */

struct fat_doomed {
    struct list node;
    struct fat_doomed_chain chain;
};

SLAB_CACHE(fat_doomed_cache, struct fat_doomed, NULL);

/* ---- In the table ------------------------------------------------------------------------------ */

/* What is cached of a directory that is gone must not be written any more. */
static int forget_sectors(struct fat_fs *fs, uint32_t start)
{
    uint64_t nr_sectors = 1ull << (fs->layout.cluster_shift - 9);
    struct fat_cursor cursor;
    int error = 0, last;

    fat_cursor_begin(&cursor, fs);
    for (uint32_t cluster = start, nr = 0;
         cluster != FAT_END && nr < fs->layout.nr_clusters && error == 0; nr++) {
        meta_forget(fs->super, fat_cluster_sector(fs, cluster), nr_sectors, FAT_SECTOR_BYTES);
        error = fat_table_next(&cursor, 0, cluster, &cluster);
    }
    last = fat_cursor_end(&cursor);
    return error != 0 ? error : last;
}

/* The link to what was cut off, unless it leads elsewhere by now. */
static int end_link(struct fat_cursor *cursor, const struct fat_doomed_chain *chain)
{
    uint32_t next = FAT_END;
    int error;

    if (chain->behind == 0) {
        return 0;
    }
    error = fat_table_get(cursor, chain->behind, &next);
    if (error == 0 && next == chain->start) {
        error = fat_table_set(cursor, chain->behind, FAT_END);
    }
    return error;
}

/* A chain that comes back to a cluster of its own finds it free, and so ends. */
static int free_locked(struct fat_fs *fs, const struct fat_doomed_chain *chain)
{
    struct fat_cursor cursor;
    int error = chain->is_dir ? forget_sectors(fs, chain->start) : 0;
    int last;

    if (error != 0) {
        return error;
    }
    fat_cursor_begin(&cursor, fs);
    error = end_link(&cursor, chain);
    for (uint32_t cluster = chain->start; cluster != FAT_END && error == 0;) {
        uint32_t next = FAT_END;

        error = fat_table_next(&cursor, 0, cluster, &next);
        if (error == 0) {
            error = fat_table_set(&cursor, cluster, FAT_FREE);
        }
        cluster = next;
    }
    last = fat_cursor_end(&cursor);
    fs->is_info_stale = true;
    return error != 0 ? error : last;
}

int fat_free_chain(struct fat_fs *fs, uint32_t start)
{
    struct fat_doomed_chain chain = {.start = start};
    int error;

    mutex_lock(&fs->alloc_lock);
    error = free_locked(fs, &chain);
    mutex_unlock(&fs->alloc_lock);
    return error;
}

/* ---- The list ---------------------------------------------------------------------------------- */

/* Without memory for the list, what could have waited is done now. */
static void free_now(struct fat_fs *fs, const struct fat_doomed_chain *chain)
{
    int error =
        fat_free_doomed(fs); /* writes and flushes everything; these may be of the same file */

    if (error == 0) {
        mutex_lock(&fs->alloc_lock);
        (void)!free_locked(fs, chain); /* what is wrong with the chain was logged */
        mutex_unlock(&fs->alloc_lock);
    }
}

void fat_doom_chain(struct fat_fs *fs, const struct fat_doomed_chain *chain)
{
    struct fat_doomed *doomed = slab_alloc(&fat_doomed_cache, ALLOC_WAIT | ALLOC_NOFS);
    bool is_long;

    if (doomed == NULL) {
        free_now(fs, chain);
        return;
    }
    doomed->chain = *chain;
    mutex_lock(&fs->alloc_lock);
    list_push_back(&fs->doomed, &doomed->node);
    fs->nr_doomed++;
    fs->nr_doomed_clusters += chain->nr;
    is_long = fs->nr_doomed > MAX_DOOMED;
    mutex_unlock(&fs->alloc_lock);
    if (is_long) {
        (void)!fat_free_doomed(fs); /* on failure they stay doomed */
    }
}

/* What was doomed up to now. It counts until it is free: who finds the disk full meanwhile waits for it. */
static void take_doomed(struct fat_fs *fs, struct list *list)
{
    list_init(list);
    mutex_lock(&fs->alloc_lock);
    list_splice_back(list, &fs->doomed);
    mutex_unlock(&fs->alloc_lock);
}

/* They were doomed before all that are now. */
static void put_back(struct fat_fs *fs, struct list *list)
{
    mutex_lock(&fs->alloc_lock);
    list_splice_back(list, &fs->doomed);
    list_splice_back(&fs->doomed, list);
    mutex_unlock(&fs->alloc_lock);
}

static int free_list(struct fat_fs *fs, struct list *list)
{
    int result = 0;

    mutex_lock(&fs->alloc_lock);
    while (!list_is_empty(list)) {
        struct fat_doomed *doomed = list_first(list, struct fat_doomed, node);
        int error = free_locked(fs, &doomed->chain);

        result = result != 0 ? result : error;
        list_remove(&doomed->node);
        fs->nr_doomed--;
        fs->nr_doomed_clusters -= doomed->chain.nr;
        slab_free(&fat_doomed_cache, doomed);
    }
    mutex_unlock(&fs->alloc_lock);
    return result;
}

int fat_free_doomed(struct fat_fs *fs)
{
    struct list list;
    int error;

    mutex_lock(&fs->free_lock);
    take_doomed(fs, &list);
    error = fat_write_metadata(fs);
    if (error == 0) {
        error = free_list(fs, &list);
    } else {
        put_back(fs, &list);
    }
    mutex_unlock(&fs->free_lock);
    return error;
}

void fat_drop_doomed(struct fat_fs *fs)
{
    struct list list;

    take_doomed(fs, &list);
    while (!list_is_empty(&list)) {
        struct fat_doomed *doomed = list_first(&list, struct fat_doomed, node);

        list_remove(&doomed->node);
        slab_free(&fat_doomed_cache, doomed);
    }
}
