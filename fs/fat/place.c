// SPDX-License-Identifier: MIT
/* Which inode belongs to which entry, and the numbers of inodes.
 *
 * FAT has no inodes: a file is its directory entry. Inode numbers are made up so that they stay the
 * same as long as they can:
 *
 *   - a directory's is its first cluster, which never changes; the root's is 1. So two entries that
 *   lead to one directory, which
 *     only damage can bring about, give one inode, and are found out;
 *   - a file's follows from the position of its entry. When the file is renamed while it is in
 *   memory, it keeps the number, and
 *     so it does when it is unlinked while open. If then a new file's entry comes to lie where the
 *     first one was, its natural number is taken, and it gets the next of a row of substitutes.
 *
 * A number is therefore only where to look. What says whether an inode is the right one is the
 * table of places, in which all files in memory are found by the position of their entry. Of two
 * lookups that meet the same entry with different numbers, the first to claim the place wins, and
 * the other begins again.
 *
 * Locks. place_lock over the table; entry_lock around changes of an inode's place, so that
 * write_inode(), which holds it while it writes, never writes into an entry that has become
 * another file's. */
#include "fs/fat/fat_internal.h"
#include "kernel/base/hash.h"

#define FILE_NUMBERS     (1ull << 32) /* above all clusters */
#define SUBSTITUTE_SHIFT 48           /* above all positions: 2^41 sectors of 16 slots */

static struct list *bucket_of(struct fat_fs *fs, uint64_t position)
{
    return &fs->places[hash_u64(position) % FAT_PLACE_BUCKETS];
}

static struct fat_inode *find(struct fat_fs *fs, uint64_t position)
{
    struct fat_inode *fat;

    spin_assert_held(&fs->place_lock);
    list_for_each (fat, bucket_of(fs, position), place_node) {
        if (fat->place.position == position) {
            return fat;
        }
    }
    return NULL;
}

uint64_t fat_place_number(struct fat_fs *fs, uint64_t position, unsigned attempt)
{
    const struct fat_inode *fat;
    uint64_t number;

    spin_lock(&fs->place_lock);
    fat = find(fs, position);
    number = fat != NULL ? fat->vfs.number
                         : FILE_NUMBERS + position + ((uint64_t)attempt << SUBSTITUTE_SHIFT);
    spin_unlock(&fs->place_lock);
    return number;
}

bool fat_place_claim(struct inode *inode, const struct fat_place *place)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    bool is_free;

    spin_lock(&fs->place_lock);
    is_free = find(fs, place->position) == NULL;
    if (is_free) {
        fat->place = *place;
        list_push_back(bucket_of(fs, place->position), &fat->place_node);
    }
    spin_unlock(&fs->place_lock);
    return is_free;
}

bool fat_place_is(struct inode *inode, uint64_t position)
{
    struct fat_fs *fs = fat_fs(inode->super);
    bool result;

    spin_lock(&fs->place_lock);
    result = fat_inode(inode)->place.position == position;
    spin_unlock(&fs->place_lock);
    return result;
}

static void set_locked(struct inode *inode, const struct fat_place *place)
{
    static const struct fat_place nowhere = {.position = FAT_NO_POSITION};
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);

    mutex_assert_held(&fs->entry_lock);
    spin_lock(&fs->place_lock);
    list_remove(&fat->place_node);
    fat->place = place != NULL ? *place : nowhere;
    if (place != NULL && !inode_is(inode, S_IFDIR)) {
        list_push_back(bucket_of(fs, place->position), &fat->place_node);
    }
    spin_unlock(&fs->place_lock);
}

void fat_place_set(struct inode *inode, const struct fat_place *place)
{
    struct fat_fs *fs = fat_fs(inode->super);

    mutex_lock(&fs->entry_lock);
    set_locked(inode, place);
    mutex_unlock(&fs->entry_lock);
}

bool fat_place_switch(struct inode *inode, const struct fat_place *place, struct fat_reach reach)
{
    struct fat_fs *fs = fat_fs(inode->super);
    const struct fat_reach *stored = &fat_inode(inode)->stored;
    bool result;

    mutex_lock(&fs->entry_lock);
    result = stored->start == reach.start && stored->size_bytes == reach.size_bytes;
    if (result) {
        set_locked(inode, place);
    }
    mutex_unlock(&fs->entry_lock);
    return result;
}

bool fat_has_entry(struct inode *inode)
{
    return !fat_place_is(inode, FAT_NO_POSITION);
}

struct fat_place fat_place_of(struct inode *inode)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_place place;

    spin_lock(&fs->place_lock);
    place = fat_inode(inode)->place;
    spin_unlock(&fs->place_lock);
    return place;
}
