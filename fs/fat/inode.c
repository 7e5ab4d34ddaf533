// SPDX-License-Identifier: MIT
/* Inodes in memory, made from directory entries. (How they are stored back: inode_store.c.)
 *
 * An entry knows size, first cluster, three times and a few attribute bits. The rest comes from the
 * mount options: all files have one owner, and one set of permission bits, of which the read-only
 * attribute takes away those for writing. So chmod(2) can change only that attribute (inode_store.c),
 * and chown(2) nothing: it is refused (EPERM).
 *
 * Times. Modification: to two seconds; creation: to 10 ms; access: the day only (time.c says so to the VFS). There is no
 * time of change: ctime is mtime when a file is read in.
 *
 * What an entry leads to is checked when the inode is made: the first cluster exists, and the
 * size can be. That the chain is whole and long enough is found when it is first used (chain.c):
 * for a directory, whose length is its chain's, at once. */
#include "fs/fat/fat_internal.h"
#include "fs/fat/time.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "mm/slab.h"

#define MAX_ATTEMPTS \
    1000u /* at finding a number: each needs an open file that moved or was removed */

SLAB_CACHE_RECLAIMABLE(fat_inode_cache, struct fat_inode, NULL);

struct inode *fat_alloc_vfs_inode(struct super *super)
{
    struct fat_inode *fat = slab_alloc(&fat_inode_cache, ALLOC_KERNEL);

    if (fat == NULL) {
        return NULL;
    }
    memset(fat, 0, sizeof(*fat));
    inode_init_fields(&fat->vfs);
    mutex_init(&fat->map_lock, LOCK_RANK_FS_MAP, "fat map");
    fat->place.position = FAT_NO_POSITION;
    list_init(&fat->place_node);
    fat_reach_init(&fat->vfs);
    return &fat->vfs;
}

void fat_free_vfs_inode(struct inode *inode)
{
    fat_dir_index_drop(inode);
    slab_free(&fat_inode_cache, fat_inode(inode));
}

/* ---- From an entry --------------------------------------------------------------------------- */

static uint32_t mode_of(const struct fat_fs *fs, uint32_t attributes)
{
    if ((attributes & FAT_ATTR_DIRECTORY) != 0) {
        return S_IFDIR | (0777 & ~fs->options.dir_mask);
    }
    return S_IFREG | (0777 & ~fs->options.file_mask &
                      ~((attributes & FAT_ATTR_READ_ONLY) != 0 ? FAT_WRITE_BITS : 0));
}

static void take_times(struct inode *inode, const struct fat_disk_entry *entry)
{
    inode->mtime = fat_time_decode(
        (struct fat_stamp){le16_get(entry->modified_date), le16_get(entry->modified_time), 0});
    inode->ctime = inode->mtime;
    inode->atime = fat_time_decode((struct fat_stamp){le16_get(entry->accessed_date), 0, 0});
    inode->btime = fat_time_decode((struct fat_stamp){
        le16_get(entry->created_date), le16_get(entry->created_time), entry->created_10ms});
}

static int bad_entry(struct inode *inode, const struct fat_place *place, const char *fault,
                     uint32_t value)
{
    return super_damaged(inode->super, "entry at sector %llu, slot %u: %s (%u)",
                         (unsigned long long)(place->position / FAT_SLOTS_PER_SECTOR),
                         (unsigned)(place->position % FAT_SLOTS_PER_SECTOR), fault, value);
}

static int fill_file(struct inode *inode, const struct fat_disk_entry *entry,
                     const struct fat_place *place)
{
    struct fat_fs *fs = fat_fs(inode->super);
    uint32_t start = fat_entry_start(fs, entry);
    uint32_t size = le32_get(entry->size_bytes);

    if ((size != 0 || start != 0) && !fat_is_cluster(fs, start)) {
        return bad_entry(inode, place, "its first cluster is none", start);
    }
    if (fat_clusters_of(fs, size) > fs->layout.nr_clusters) {
        return bad_entry(inode, place, "it is larger than the file system", size);
    }
    inode->nr_links = 1;
    inode->size_bytes = size;
    inode->nr_sectors = (uint64_t)fat_clusters_of(fs, size) << (fs->layout.cluster_shift - 9);
    inode->ops = &fat_file_ops;
    inode->file_ops = &generic_file_ops;
    mapping_init(&inode->mapping, inode, inode->super->device, &fat_mapping_ops,
                 fs->layout.block_shift);
    return 0;
}

/* A directory's size is that of its chain; the link count tells of its subdirectories. */
static int fill_dir(struct inode *inode)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    uint32_t nr_dirs = 0;
    int error;

    inode->ops = &fat_dir_ops;
    inode->file_ops = &fat_dir_file_ops;
    mutex_lock(&fat->map_lock);
    error = fat_chain_load(inode);
    mutex_unlock(&fat->map_lock);
    if (error != 0) {
        return error;
    }
    inode->size_bytes = (uint64_t)fat->nr_clusters << fs->layout.cluster_shift;
    if (fat_is_fixed_root(inode)) {
        inode->size_bytes = fs->layout.root_slots * FAT_SLOT_BYTES;
    }
    error = fat_dir_count_dirs(inode, &nr_dirs);
    inode->nr_links = 2 + nr_dirs;
    return error;
}

/* The entry as it is now: what a walk over the directory saw may be older than what an inode has
 * since written. */
static int reread_entry(struct fat_fs *fs, uint64_t position, struct fat_disk_entry *entry)
{
    struct meta_block meta;
    int error = meta_read(fs->super, position / FAT_SLOTS_PER_SECTOR, FAT_SECTOR_BYTES, &meta);

    if (error == 0) {
        *entry = ((struct fat_disk_entry *)meta.data)[position % FAT_SLOTS_PER_SECTOR];
        meta_put(&meta);
    }
    return error;
}

static int fill_inode(struct inode *inode, const struct fat_place *place)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    struct fat_disk_entry entry;
    int error = reread_entry(fs, place->position, &entry);

    if (error != 0) {
        return error;
    }
    inode->mode = mode_of(fs, entry.attributes);
    inode->uid = fs->options.uid;
    inode->gid = fs->options.gid;
    take_times(inode, &entry);
    fat->attributes = entry.attributes & ~(FAT_ATTR_DIRECTORY | FAT_ATTR_READ_ONLY);
    fat->start = fat_entry_start(fs, &entry);
    fat->stored.start = fat->start;
    fat->stored.size_bytes = inode_is(inode, S_IFDIR) ? 0 : le32_get(entry.size_bytes);
    fat->nr_stored = fat->durable_at + 1; /* the entry may not have been written yet */
    if (inode_is(inode, S_IFDIR)) {
        fat->place = *place; /* nobody else knows the inode yet */
        return fill_dir(inode);
    }
    return fill_file(inode, &entry, place);
}

static int get_dir(struct inode *dir, const struct fat_place *place, uint32_t start,
                   struct inode **out)
{
    struct fat_fs *fs = fat_fs(dir->super);
    bool is_new;
    int error;

    if (!fat_is_cluster(fs, start) || start == fs->layout.root_cluster) {
        return bad_entry(dir, place, "a directory cannot begin at this cluster", start);
    }
    error = inode_get(dir->super, start, out, &is_new);
    if (error != 0) {
        return error;
    }
    if (!is_new) {
        if (fat_place_is(*out, place->position)) {
            return 0;
        }
        inode_put(*out);
        return bad_entry(dir, place, "another entry leads to the directory at this cluster, too",
                         start);
    }
    error = fill_inode(*out, place);
    if (error != 0) {
        inode_fail_new(*out);
        return error;
    }
    inode_unlock_new(*out);
    return 0;
}

/* One try with one number. Returns 0 with *out NULL when another number must be tried. */
static int try_number(struct inode *dir, const struct fat_place *place, uint64_t number,
                      struct inode **out)
{
    struct inode *inode;
    bool is_new;
    int error = inode_get(dir->super, number, &inode, &is_new);

    *out = NULL;
    if (error != 0) {
        return error;
    }
    if (!is_new) {
        if (fat_place_is(inode, place->position)) {
            *out = inode;
        } else {
            inode_put(inode); /* a file that has moved since it got the number */
        }
        return 0;
    }
    error = fill_inode(inode, place);
    if (error == 0 && fat_place_claim(inode, place)) {
        inode_unlock_new(inode);
        *out = inode;
        return 0;
    }
    inode_fail_new(inode);
    return error;
}

int fat_inode_get(struct inode *dir, const struct fat_found *found, struct inode **out)
{
    struct fat_fs *fs = fat_fs(dir->super);
    struct fat_place place = {
        .position = found->position, .slot = found->slot, .nr_long = found->nr_long};
    struct inode *inode = NULL;
    int error = 0;

    if ((found->entry.attributes & FAT_ATTR_DIRECTORY) != 0) {
        return get_dir(dir, &place, fat_entry_start(fs, &found->entry), out);
    }
    for (unsigned attempt = 0; attempt < MAX_ATTEMPTS && error == 0 && inode == NULL; attempt++) {
        error = try_number(dir, &place, fat_place_number(fs, place.position, attempt), &inode);
    }
    if (error == 0 && inode == NULL) {
        error = -ENFILE;
    }
    if (error == 0) {
        *out = inode;
    }
    return error;
}

int fat_inode_get_root(struct super *super, struct inode **out)
{
    static const struct fat_stamp first_day = {.date = 1 << 5 | 1};
    struct fat_fs *fs = fat_fs(super);
    struct inode *inode;
    bool is_new;
    int error = inode_get(super, FAT_ROOT_NUMBER, &inode, &is_new);

    if (error != 0) {
        return error;
    }
    inode->mode = mode_of(fs, FAT_ATTR_DIRECTORY);
    inode->uid = fs->options.uid;
    inode->gid = fs->options.gid;
    inode->mtime = inode->ctime = inode->atime = inode->btime = fat_time_decode(first_day);
    fat_inode(inode)->start = fs->layout.root_cluster;
    error = fill_dir(inode);
    if (error != 0) {
        inode_fail_new(inode);
        return error;
    }
    inode_unlock_new(inode);
    *out = inode;
    return 0;
}
