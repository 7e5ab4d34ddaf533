// SPDX-License-Identifier: MIT
/* The chain of clusters of one inode.
 *
 * The table knows only "which cluster comes next". To find the thousandth one must walk a thousand
 * steps; so some runs of neighbouring clusters that were met on the way are kept with the inode,
 * and a walk begins at the nearest one before. Who reads or writes in order, or has a file of a few
 * runs, walks no step twice.
 *
 * Before the first use the chain is walked whole, and checked: that it ends, does not come back to
 * itself, and meets no cluster that is free, bad or none; and that it is long enough for the file's
 * size. So damage is found before any of its data is believed; afterwards length and last cluster
 * are known, and appending walks no step at all. A loop is found by Brent's method: a mark is left
 * at steps 1, 2, 4, 8, …, and meeting the mark again is the proof.
 *
 * A chain may be longer than its file: writers allocate before they write, and fallocate(2) behind the end. What was not
 * needed is given back when the inode leaves memory (fat_trim).
 *
 * Cutting leaves the table as it is: the link behind the new last cluster, and what follows, go when the shorter entry is
 * durable (free.c). Only if the file grows again before that, everything is made durable first: else a power cut could
 * leave the old, longer entry with a chain that leads on to clusters that were never written.
 *
 * Lock: map_lock. Source: R. P. Brent, "An improved Monte Carlo factorization algorithm", 1980
 * (the search for cycles). */
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

/* ---- Runs ------------------------------------------------------------------------------------ */

static void forget_runs(struct fat_inode *fat)
{
    memset(fat->runs, 0, sizeof(fat->runs));
    fat->next_run = 0;
}

/* Keep a run; if it begins where one that is kept begins, it takes its place. The first stays
 * for ever. */
static void keep_run(struct fat_inode *fat, const struct fat_run *run)
{
    for (unsigned i = 0; i < FAT_NR_RUNS; i++) {
        if (fat->runs[i].nr != 0 && fat->runs[i].index == run->index) {
            fat->runs[i].nr = max_of(fat->runs[i].nr, run->nr);
            return;
        }
    }
    fat->runs[fat->next_run] = *run;
    fat->next_run = fat->next_run + 1 < FAT_NR_RUNS ? fat->next_run + 1 : 1;
}

/* The run that begins nearest before (or at) a cluster of the file. */
static struct fat_run nearest_run(const struct fat_inode *fat, uint32_t index)
{
    struct fat_run best = {.index = 0, .cluster = fat->start, .nr = 1};

    for (unsigned i = 0; i < FAT_NR_RUNS; i++) {
        const struct fat_run *run = &fat->runs[i];

        if (run->nr != 0 && run->index <= index && run->index + run->nr > best.index + best.nr) {
            best = *run;
        }
    }
    return best;
}

/* ---- Walking --------------------------------------------------------------------------------- */

static int bad_chain(struct inode *inode, const char *fault, uint32_t value)
{
    return super_damaged(inode->super, "inode %llu: %s (%u)", (unsigned long long)inode->number,
                         fault, value);
}

/* Walk from start to end. Fills in last and nr_clusters, and keeps the runs. */
static int walk_whole(struct inode *inode, struct fat_cursor *cursor)
{
    struct fat_inode *fat = fat_inode(inode);
    struct fat_run run = {.index = 0, .cluster = fat->start, .nr = 1};
    uint32_t cluster = fat->start;
    uint32_t mark = fat->start;
    uint32_t nr = 1;
    uint32_t next_mark = 2;

    for (;;) {
        uint32_t next = FAT_END;
        int error = fat_table_next(cursor, inode->number, cluster, &next);

        if (error != 0) {
            return error;
        }
        if (next == FAT_END) {
            break;
        }
        if (next == mark || nr == cursor->fs->layout.nr_clusters) {
            return bad_chain(inode, "the chain of its clusters comes back to a former one", next);
        }
        if (nr == next_mark) {
            mark = next;
            next_mark *= 2;
        }
        if (next == cluster + 1) {
            run.nr++;
        } else {
            keep_run(fat, &run);
            run = (struct fat_run){.index = nr, .cluster = next, .nr = 1};
        }
        cluster = next;
        nr++;
    }
    keep_run(fat, &run);
    fat->last = cluster;
    fat->nr_clusters = nr;
    return 0;
}

static void count_sectors(struct inode *inode)
{
    struct fat_fs *fs = fat_fs(inode->super);

    spin_lock(&inode->state_lock);
    inode->nr_sectors = (uint64_t)fat_inode(inode)->nr_clusters << (fs->layout.cluster_shift - 9);
    spin_unlock(&inode->state_lock);
}

static int measure(struct inode *inode)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    struct fat_cursor cursor;
    int error, last;

    forget_runs(fat);
    fat->last = 0;
    fat->nr_clusters = 0;
    if (fat->start == 0) {
        return 0;
    }
    mutex_lock(&fs->alloc_lock);
    fat_cursor_begin(&cursor, fs);
    error = walk_whole(inode, &cursor);
    last = fat_cursor_end(&cursor);
    mutex_unlock(&fs->alloc_lock);
    return error != 0 ? error : last;
}

/* A chain that is longer than the file may lead on to clusters that are doomed since the file was last in memory: they
 * are freed before anybody takes them for the file's. */
static int load_chain(struct inode *inode)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    int error = measure(inode);

    if (error == 0 && inode_is(inode, S_IFREG) && !fat_is_read_only(inode->super) &&
        fat->nr_clusters > fat_clusters_of(fs, inode_size(inode))) {
        error = fat_free_doomed(fs);
        if (error == 0) {
            error = measure(inode);
        }
    }
    if (error != 0) {
        return error;
    }
    if (inode_is(inode, S_IFREG) && fat_clusters_of(fs, inode_size(inode)) > fat->nr_clusters) {
        return bad_chain(inode, "the file is larger than its chain, which has this many clusters",
                         fat->nr_clusters);
    }
    return 0;
}

int fat_chain_load(struct inode *inode)
{
    struct fat_inode *fat = fat_inode(inode);
    int error;

    mutex_assert_held(&fat->map_lock);
    if (fat->chain != FAT_CHAIN_UNKNOWN) {
        return fat->chain == FAT_CHAIN_GOOD ? 0 : -EUCLEAN;
    }
    error = load_chain(inode);
    if (error == 0) {
        fat->chain = FAT_CHAIN_GOOD;
        count_sectors(inode);
    } else if (error == -EUCLEAN) {
        fat->chain = FAT_CHAIN_BAD; /* it was said once */
    }
    return error;
}

/* Step from run to run until one has the cluster, and then on as long as neighbours follow. */
static int walk_to(struct inode *inode, struct fat_cursor *cursor, uint32_t index, uint32_t wanted,
                   struct fat_run *run)
{
    struct fat_inode *fat = fat_inode(inode);

    while (run->index + run->nr < min_of(index + wanted, fat->nr_clusters)) {
        uint32_t next = FAT_END;
        int error = fat_table_next(cursor, inode->number, run->cluster + run->nr - 1, &next);

        if (error != 0) {
            return error;
        }
        if (next == run->cluster + run->nr) {
            run->nr++;
            continue;
        }
        if (index < run->index + run->nr) {
            break;
        }
        if (next == FAT_END) {
            return bad_chain(inode, "the chain of its clusters has become shorter",
                             run->index + run->nr);
        }
        keep_run(fat, run);
        *run = (struct fat_run){.index = run->index + run->nr, .cluster = next, .nr = 1};
    }
    return 0;
}

int fat_chain_find(struct inode *inode, uint32_t index, uint32_t wanted, struct fat_run *result)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    struct fat_run run = nearest_run(fat, index);
    uint32_t skip;

    mutex_assert_held(&fat->map_lock);
    wanted = min_of(wanted, fat->nr_clusters - index);
    if (run.index + run.nr < index + wanted) {
        struct fat_cursor cursor;
        int error, last;

        mutex_lock(&fs->alloc_lock);
        fat_cursor_begin(&cursor, fs);
        error = walk_to(inode, &cursor, index, wanted, &run);
        last = fat_cursor_end(&cursor);
        mutex_unlock(&fs->alloc_lock);
        if (error != 0 || last != 0) {
            return error != 0 ? error : last;
        }
        keep_run(fat, &run);
    }
    skip = index - run.index;
    *result = (struct fat_run){
        .index = index, .cluster = run.cluster + skip, .nr = min_of(run.nr - skip, wanted)};
    return 0;
}

/* ---- Changing -------------------------------------------------------------------------------- */

void fat_chain_set(struct inode *inode, uint32_t start, uint32_t nr)
{
    struct fat_inode *fat = fat_inode(inode);

    forget_runs(fat);
    fat->start = start;
    fat->last = nr != 0 ? start + nr - 1 : 0;
    fat->nr_clusters = nr;
    fat->chain = FAT_CHAIN_GOOD;
    if (nr != 0) {
        keep_run(fat, &(struct fat_run){.index = 0, .cluster = start, .nr = nr});
    }
    count_sectors(inode);
}

int fat_chain_append(struct inode *inode, uint32_t first, uint32_t nr)
{
    struct fat_inode *fat = fat_inode(inode);
    struct fat_run run = nearest_run(fat, fat->nr_clusters);
    int error;

    if (fat->nr_clusters == 0) {
        fat_chain_set(inode, first, nr);
        return 0;
    }
    if (fat->is_cut) {
        error = fat_write_metadata(fat_fs(inode->super));
        if (error != 0) {
            return error;
        }
        fat->is_cut = false;
    }
    error = fat_link(fat_fs(inode->super), fat->last, first);
    if (error != 0) {
        return error;
    }
    if (run.index + run.nr == fat->nr_clusters && run.cluster + run.nr == first) {
        run.nr += nr;
    } else {
        run = (struct fat_run){.index = fat->nr_clusters, .cluster = first, .nr = nr};
    }
    fat->nr_clusters += nr;
    fat->last = first + nr - 1;
    keep_run(fat, &run);
    return 0;
}

int fat_chain_grow(struct inode *inode, uint32_t nr_clusters)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    uint32_t old = fat->nr_clusters;
    int error = 0;

    mutex_assert_held(&fat->map_lock);
    while (fat->nr_clusters < nr_clusters && error == 0) {
        uint32_t first = 0, nr = 0;

        error = fat_alloc(fs, fat->last, nr_clusters - fat->nr_clusters, &first, &nr);
        if (error == 0) {
            error = fat_chain_append(inode, first, nr);
            if (error != 0) {
                (void)!fat_free_chain(fs, first); /* the disk fails: fsck will find what is lost */
            }
        }
    }
    if (error != 0 && fat->nr_clusters > old) {
        (void)!fat_chain_cut(inode, old);
    }
    count_sectors(inode);
    inode_mark_dirty(inode);
    return error;
}

int fat_chain_cut(struct inode *inode, uint32_t nr_clusters)
{
    struct fat_inode *fat = fat_inode(inode);
    struct fat_doomed_chain rest = {.start = fat->start, .nr = fat->nr_clusters - nr_clusters};
    struct fat_run last = {0}, first = {0};
    int error = 0;

    mutex_assert_held(&fat->map_lock);
    if (rest.nr == 0) {
        return 0;
    }
    if (nr_clusters != 0) {
        error = fat_chain_find(inode, nr_clusters - 1, 1, &last);
        if (error == 0) {
            error = fat_chain_find(inode, nr_clusters, 1, &first);
        }
        if (error != 0) {
            return error;
        }
        rest.start = first.cluster;
        rest.behind = last.cluster;
        fat->is_cut = true;
    }
    forget_runs(fat);
    fat->nr_clusters = nr_clusters;
    fat->last = last.cluster;
    fat->start = nr_clusters != 0 ? fat->start : 0;
    if (nr_clusters != 0) {
        keep_run(fat, &(struct fat_run){.index = 0, .cluster = fat->start, .nr = 1});
        keep_run(fat,
                 &(struct fat_run){.index = nr_clusters - 1, .cluster = last.cluster, .nr = 1});
    }
    count_sectors(inode);
    inode_mark_dirty(inode);
    fat_doom_chain(fat_fs(inode->super), &rest);
    return 0;
}
