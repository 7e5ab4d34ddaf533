// SPDX-License-Identifier: MIT
/* Where something is free: a count for each part of the table.
 *
 * The table says of each cluster whether it is free, and nothing more. On a nearly full disk, who looks for a free one would
 * read entry after entry, to the end of the table and on from its beginning, under alloc_lock, for each cluster that is
 * taken. So the clusters are divided into groups of equal size, at most FAT_MAX_GROUPS, and of each group is known
 * how many of its clusters are free: a search goes through those entries only that lie in a group where it finds something.
 * What it costs is bounded by the number of groups and the size of one, while the table may have 2^28 entries:
 *
 *     clusters      in a group   table of a group, FAT32
 *     260,000       256          1 KiB
 *     2,000,000     2,048        8 KiB
 *     2^28          262,144      1 MiB
 *
 * The counts are a part of the mount, so there is no moment at which they need memory.
 *
 * A group is counted when a search first comes to it, so neither a mount nor the first write reads all of the table; how much
 * is free altogether (statfs, FSInfo) is known when all groups are counted, which is once. From then on the one
 * function that changes entries keeps the counts (fat_table_set): they follow from the table, and no hint is believed. Where a
 * change failed half-way, the group is counted again.
 *
 * Should the table be changed behind the file system's back, through the device, a count may be wrong. Then a search
 * finds nothing in a group, or passes one by: no cluster is taken that the table does not have as free.
 *
 * Lock: alloc_lock. */
#include "fs/fat/fat_internal.h"

#define MIN_GROUP_SHIFT 7u /* a sector of FAT32's table has so many entries */

static uint32_t group_of(const struct fat_fs *fs, uint32_t cluster)
{
    return (cluster - FAT_FIRST_CLUSTER) >> fs->group_shift;
}

static uint32_t group_begin(const struct fat_fs *fs, uint32_t group)
{
    return FAT_FIRST_CLUSTER + (group << fs->group_shift);
}

static uint32_t group_end(const struct fat_fs *fs, uint32_t group)
{
    return group + 1 < fs->nr_groups ? group_begin(fs, group + 1) : fat_end_cluster(fs);
}

void fat_groups_init(struct fat_fs *fs)
{
    uint32_t last = fs->layout.nr_clusters - 1;

    fs->group_shift = MIN_GROUP_SHIFT;
    while (last >> fs->group_shift >= FAT_MAX_GROUPS) {
        fs->group_shift++;
    }
    fs->nr_groups = (last >> fs->group_shift) + 1;
    fs->nr_uncounted = fs->nr_groups;
    fs->nr_free = 0;
    for (uint32_t group = 0; group < fs->nr_groups; group++) {
        fs->group_free[group] = FAT_NOT_COUNTED;
    }
}

void fat_groups_note(struct fat_fs *fs, uint32_t cluster, bool was_free, bool is_free)
{
    uint32_t *nr = &fs->group_free[group_of(fs, cluster)];

    if (*nr == FAT_NOT_COUNTED || was_free == is_free) {
        return;
    }
    if (is_free) {
        (*nr)++;
        fs->nr_free++;
    } else if (*nr != 0) { /* 0: the table was changed behind our back */
        (*nr)--;
        fs->nr_free--;
    }
}

void fat_groups_forget(struct fat_fs *fs, uint32_t cluster)
{
    uint32_t *nr = &fs->group_free[group_of(fs, cluster)];

    if (*nr != FAT_NOT_COUNTED) {
        fs->nr_free -= *nr;
        fs->nr_uncounted++;
        *nr = FAT_NOT_COUNTED;
    }
}

static int count_group(struct fat_cursor *cursor, uint32_t group)
{
    struct fat_fs *fs = cursor->fs;
    uint32_t end = group_end(fs, group);
    uint32_t first = group_begin(fs, group), behind = 0, nr = 0;
    int error = 0;

    if (fs->group_free[group] != FAT_NOT_COUNTED) {
        return 0;
    }
    for (; first < end && error == 0; first = behind) {
        error = fat_table_find(cursor, first, end, true, &first);
        if (error == 0) {
            error = fat_table_find(cursor, first, end, false, &behind);
            nr += error == 0 ? behind - first : 0;
        }
    }
    if (error == 0) {
        fs->group_free[group] = nr;
        fs->nr_free += nr;
        fs->nr_uncounted--;
    }
    return error;
}

int fat_groups_next(struct fat_cursor *cursor, uint32_t from, uint32_t end, uint32_t *first,
                    uint32_t *stop)
{
    const struct fat_fs *fs = cursor->fs;

    while (from < end) {
        uint32_t group = group_of(fs, from);
        uint32_t behind = min_of(group_end(fs, group), end);
        int error = count_group(cursor, group);

        if (error != 0) {
            return error;
        }
        if (fs->group_free[group] != 0) {
            *first = from;
            *stop = behind;
            return 0;
        }
        from = behind;
    }
    *first = *stop = end;
    return 0;
}

int fat_groups_count(struct fat_fs *fs)
{
    struct fat_cursor cursor;
    int error = 0, last;

    mutex_assert_held(&fs->alloc_lock);
    if (fs->nr_uncounted == 0) {
        return 0;
    }
    fat_cursor_begin(&cursor, fs);
    for (uint32_t group = 0; group < fs->nr_groups && error == 0; group++) {
        error = count_group(&cursor, group);
    }
    last = fat_cursor_end(&cursor);
    return error != 0 ? error : last;
}
