// SPDX-License-Identifier: MIT
/* Inodes on the disk and in memory.
 *
 * Inode n stands in the table of group (n-1) / inodes_per_group. Reading one checks what the rest
 * of the driver relies on: the type is one of the seven, the size is possible, a directory is a
 * whole number of blocks. write_inode() puts the attributes back into the table's page; the page
 * reaches the disk with the other metadata.
 *
 * Times: seconds in 32 bits, and with 256-byte inodes 30 bits of nanoseconds and 2 more of
 * seconds (until 2446). */
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/bits.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"
#include "mm/slab.h"

SLAB_CACHE_RECLAIMABLE(ext_inode_cache, struct ext_inode, NULL);

struct inode *ext_alloc_vfs_inode(struct super *super)
{
    struct ext_inode *ext = slab_alloc(&ext_inode_cache, ALLOC_KERNEL);

    if (ext == NULL) {
        return NULL;
    }
    inode_init_fields(&ext->vfs);
    memset(ext->pointers, 0, sizeof(ext->pointers));
    ext->flags = 0;
    ext->generation = 0;
    ext->file_acl = 0;
    ext->next_goal = 0;
    ext->new_block = 0;
    store_relaxed(&ext->stored_bytes, 0);
    ext->window_first = ext->window_end = ext->window_blocks = 0;
    ext->cleared_end = ext->cleared_blocks = 0;
    list_init(&ext->window_node);
    list_init(&ext->orphan_node);
    ext->is_place = ext->is_dropped = false;
    list_init(&ext->ordered_node);
    ext->is_being_written = false;
    store_relaxed(&ext->is_unwritten, false);
    store_relaxed(&ext->transaction, 0);
    store_relaxed(&ext->dir_index, NULL);
    rwlock_init(&ext->map_lock, LOCK_RANK_FS_MAP, "ext map");
    return &ext->vfs;
}

void ext_inode_free(struct ext_inode *ext)
{
    slab_free(&ext_inode_cache, ext);
}

void ext_free_vfs_inode(struct inode *inode)
{
    ext_dir_index_drop(ext_inode(inode));
    if (!ext_orphan_keep(ext_inode(inode))) {
        ext_inode_free(ext_inode(inode));
    }
}

int ext_inode_read_table(struct ext_fs *fs, uint32_t number, struct meta_block *meta,
                         struct ext_disk_inode **disk)
{
    uint32_t group = (number - 1) / fs->inodes_per_group;
    uint64_t offset = (uint64_t)((number - 1) % fs->inodes_per_group) * fs->inode_bytes;
    int error = meta_read(fs->super, fs->groups[group].inode_table + (offset >> fs->block_shift),
                          fs->block_bytes, meta);

    if (error == 0) {
        *disk = (struct ext_disk_inode *)((char *)meta->data + (offset & (fs->block_bytes - 1)));
    }
    return error;
}

/* ---- Times ----------------------------------------------------------------------------------- */

static bool has_extra(const struct ext_fs *fs, const struct ext_disk_inode *disk)
{
    return fs->inode_bytes > EXT_INODE_SIZE_OLD &&
           le16_get(disk->extra_size) >= EXT_EXTRA_SIZE_WANTED &&
           le16_get(disk->extra_size) <= fs->inode_bytes - EXT_INODE_SIZE_OLD;
}

static struct timespec64 get_time(struct le32 seconds, uint32_t extra)
{
    return (struct timespec64){
        .sec = (int64_t)(int32_t)le32_get(seconds) + ((int64_t)(extra & 3) << 32),
        .nsec = min_of(extra >> 2, 999999999u),
    };
}

static uint32_t time_extra(struct timespec64 time)
{
    return (time.nsec << 2) | (uint32_t)(((time.sec - (int32_t)time.sec) >> 32) & 3);
}

static void read_times(struct inode *inode, const struct ext_fs *fs,
                       const struct ext_disk_inode *disk)
{
    bool extra = has_extra(fs, disk);

    inode->atime = get_time(disk->atime, extra ? le32_get(disk->atime_extra) : 0);
    inode->mtime = get_time(disk->mtime, extra ? le32_get(disk->mtime_extra) : 0);
    inode->ctime = get_time(disk->ctime, extra ? le32_get(disk->ctime_extra) : 0);
    inode->btime = extra ? get_time(disk->btime, le32_get(disk->btime_extra)) : inode->ctime;
}

static void write_times(const struct inode *inode, const struct ext_fs *fs,
                        struct ext_disk_inode *disk)
{
    disk->atime = le32_of((uint32_t)inode->atime.sec);
    disk->mtime = le32_of((uint32_t)inode->mtime.sec);
    disk->ctime = le32_of((uint32_t)inode->ctime.sec);
    if (has_extra(fs, disk)) {
        disk->atime_extra = le32_of(time_extra(inode->atime));
        disk->mtime_extra = le32_of(time_extra(inode->mtime));
        disk->ctime_extra = le32_of(time_extra(inode->ctime));
        disk->btime = le32_of((uint32_t)inode->btime.sec);
        disk->btime_extra = le32_of(time_extra(inode->btime));
    }
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* Who wrote it last has closed it: what was kept for it to grow into is free for others. */
static void ext_release(struct file *file)
{
    if (file->can_write &&
        atomic_load_explicit(&file->inode->nr_writers, memory_order_relaxed) <= 1) {
        ext_window_drop(file->inode);
    }
}

static const struct file_ops ext_file_file_ops = {
    .read = generic_read,
    .write = generic_write,
    .fsync = generic_file_fsync,
    .mmap = generic_mmap,
    .release = ext_release,
};

static void set_operations(struct inode *inode, uint32_t mode)
{
    struct ext_inode *ext = ext_inode(inode);

    switch (mode & S_IFMT) {
    case S_IFREG:
        inode->ops = &ext_file_ops;
        inode->file_ops = &ext_file_file_ops;
        break;
    case S_IFDIR:
        inode->ops = &ext_dir_ops;
        inode->file_ops = &ext_dir_file_ops;
        break;
    case S_IFLNK: inode->ops = &ext_symlink_ops; break;
    default: /* device numbers of 8 + 8 bits stand in the first pointer, others in the second */
        inode->ops = &ext_file_ops;
        inode_set_special(inode, mode, ext->pointers[0] != 0 ? ext->pointers[0] : ext->pointers[1]);
        break;
    }
}

static bool is_known_type(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
    case S_IFLNK:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK: return true;
    default: return false;
    }
}

/* What the rest of the driver relies on. Returns 0 or the error of the damage reported. */
static int check_inode(struct inode *inode, const struct ext_fs *fs, bool may_be_orphan)
{
    struct ext_inode *ext = ext_inode(inode);
    unsigned long long number = inode->number;
    /* One that was being made, and got no name, may not have come to its first block. */
    bool may_be_empty = may_be_orphan && inode->nr_links == 0;

    if (inode->nr_links == 0 && !may_be_orphan) {
        return super_damaged(inode->super, "inode %llu: is in use, and has no links", number);
    }
    if (!is_known_type(inode->mode)) {
        return super_damaged(inode->super, "inode %llu: mode %o is no file's", number, inode->mode);
    }
    if ((ext->flags & EXT_FLAG_EXTENTS) != 0) {
        return super_damaged(
            inode->super, "inode %llu: uses extents, which this file system does not have", number);
    }
    if (inode->size_bytes > ext_max_file_bytes(fs)) {
        return super_damaged(inode->super, "inode %llu: size %llu is not possible", number,
                             (unsigned long long)inode->size_bytes);
    }
    /* A directory has no holes and so cannot be larger than the disk: one that is would be
     * searched for days. */
    if (inode_is(inode, S_IFDIR) &&
        ((inode->size_bytes == 0 && !may_be_empty) ||
         (inode->size_bytes & (fs->block_bytes - 1)) != 0 ||
         inode->size_bytes > (uint64_t)fs->nr_blocks << fs->block_shift)) {
        return super_damaged(inode->super, "inode %llu: a directory of %llu bytes is not possible",
                             number, (unsigned long long)inode->size_bytes);
    }
    if (inode_is(inode, S_IFLNK) &&
        ((inode->size_bytes == 0 && !may_be_empty) || inode->size_bytes >= fs->block_bytes)) {
        return super_damaged(inode->super,
                             "inode %llu: a symbolic link of %llu bytes is not possible", number,
                             (unsigned long long)inode->size_bytes);
    }
    return 0;
}

/* Only the size of a regular file has a second half; elsewhere the field means something else. */
static uint64_t size_on_disk(const struct inode *inode, const struct ext_disk_inode *disk)
{
    uint64_t high = inode_is(inode, S_IFREG) ? le32_get(disk->size_high) : 0;

    return high << 32 | le32_get(disk->size_low);
}

static int fill_inode(struct inode *inode, struct ext_fs *fs, bool may_be_orphan)
{
    struct ext_inode *ext = ext_inode(inode);
    struct ext_disk_inode *disk;
    struct meta_block meta;
    int error = ext_inode_read_table(fs, (uint32_t)inode->number, &meta, &disk);

    if (error != 0) {
        return error;
    }
    inode->mode = le16_get(disk->mode);
    inode->uid = le16_get(disk->uid_low) | (uint32_t)le16_get(disk->uid_high) << 16;
    inode->gid = le16_get(disk->gid_low) | (uint32_t)le16_get(disk->gid_high) << 16;
    inode->nr_links = le16_get(disk->links_count);
    inode->nr_sectors = le32_get(disk->nr_sectors);
    inode->size_bytes = size_on_disk(inode, disk);
    store_relaxed(&ext_inode(inode)->stored_bytes, inode->size_bytes);
    for (unsigned i = 0; i < EXT_NR_POINTERS; i++) {
        ext->pointers[i] = le32_get(disk->block[i]);
    }
    ext->flags = le32_get(disk->flags);
    ext->generation = le32_get(disk->generation);
    ext->file_acl = le32_get(disk->file_acl);
    read_times(inode, fs, disk);
    meta_put(&meta);
    error = check_inode(inode, fs, may_be_orphan);
    if (error == 0) {
        mapping_init(&inode->mapping, inode, inode->super->device, &ext_mapping_ops,
                     fs->block_shift);
        set_operations(inode, inode->mode);
    }
    return error;
}

/* The inode, read and locked as new if *is_new; else somebody has it already. */
static int get_any(struct super *super, uint32_t number, bool may_be_orphan, struct inode **out,
                   bool *is_new)
{
    struct ext_fs *fs = ext_fs(super);
    int error;

    if (number == 0 || number > fs->nr_inodes) {
        return super_damaged(super, "inode number %u is out of range", number);
    }
    error = inode_get(super, number, out, is_new);
    if (error != 0 || !*is_new) {
        return error;
    }
    error = fill_inode(*out, fs, may_be_orphan);
    if (error == 0) {
        ext_orphan_return(*out);
    } else {
        inode_fail_new(*out);
    }
    return error;
}

static int get_ordinary(struct super *super, uint32_t number, bool may_be_orphan,
                        struct inode **out)
{
    bool is_new = false;
    int error;

    if (number < ext_fs(super)->first_inode && number != EXT_ROOT_INODE) {
        return super_damaged(super, "inode number %u is out of range", number);
    }
    error = get_any(super, number, may_be_orphan, out, &is_new);
    if (error == 0 && is_new) {
        inode_unlock_new(*out);
    }
    return error;
}

int ext_inode_get(struct super *super, uint32_t number, struct inode **out)
{
    return get_ordinary(super, number, false, out);
}

int ext_inode_get_orphan(struct super *super, uint32_t number, struct inode **out)
{
    return get_ordinary(super, number, true, out);
}

int ext_inode_get_new(struct super *super, uint32_t number, struct inode **out)
{
    bool is_new = false;
    int error = get_any(super, number, false, out, &is_new);

    if (error == 0 && !is_new) {
        inode_put(*out);
        error = super_damaged(super, "inode %u: is in use already", number);
    }
    return error;
}

int ext_inode_read_dtime(struct ext_fs *fs, uint32_t number, uint32_t *dtime)
{
    struct ext_disk_inode *disk;
    struct meta_block meta;
    int error = ext_inode_read_table(fs, number, &meta, &disk);

    if (error == 0) {
        *dtime = le32_get(disk->dtime);
        meta_put(&meta);
    }
    return error;
}

int ext_inode_write_dtime(struct ext_fs *fs, uint32_t number, uint32_t dtime)
{
    struct ext_disk_inode *disk;
    struct meta_block meta;
    int error = ext_inode_read_table(fs, number, &meta, &disk);

    if (error == 0) {
        disk->dtime = le32_of(dtime);
        ext_dirty(fs, &meta);
        meta_put(&meta);
    }
    return error;
}

/* ---- Making and writing ---------------------------------------------------------------------- */

/* The bitmap said that the inode is free; so must the inode itself, and nobody may have it open. */
static int get_if_unused(struct super *super, uint32_t number, const struct ext_disk_inode *disk,
                         struct inode **out)
{
    bool is_new;

    if (le16_get(disk->links_count) == 0) {
        int error = inode_get(super, number, out, &is_new);

        if (error != 0 || is_new) {
            return error;
        }
        inode_put(*out);
    }
    return super_damaged(super, "inode %u: is free in its bitmap, and in use", number);
}

/* Allocate an inode near a directory, in state INODE_NEW; its block of the table is held. */
static int get_unused(struct inode *dir, bool is_dir, struct meta_block *table, struct inode **out)
{
    struct ext_fs *fs = ext_fs(dir->super);
    struct ext_disk_inode *disk;
    uint32_t number;
    int error = ext_alloc_inode(fs, (uint32_t)dir->number, is_dir, &number);

    if (error != 0) {
        return error;
    }
    error = ext_inode_read_table(fs, number, table, &disk);
    if (error == 0) {
        error = get_if_unused(dir->super, number, disk, out);
        if (error != 0) {
            meta_put(table);
        }
    }
    if (error != 0 && error != -EUCLEAN) {
        (void)!ext_free_inode(fs, number, is_dir);
    }
    return error;
}

int ext_inode_create(struct ext_name_change *change, struct inode *dir, uint32_t mode,
                     uint32_t dev_number, uid_t uid, gid_t gid, struct inode **out)
{
    struct ext_fs *fs = ext_fs(dir->super);
    struct inode *inode;
    int error = get_unused(dir, (mode & S_IFMT) == S_IFDIR, &change->tables[1], &inode);

    if (error != 0) {
        return error;
    }
    change->inodes[1] = inode;
    store_relaxed(&ext_inode(inode)->is_unwritten, true);
    inode->mode = mode;
    inode->uid = uid;
    inode->gid = gid;
    inode->nr_links = 1;
    inode->atime = inode->mtime = inode->ctime = inode->btime = inode_now(dir->super);
    port_random_bytes(&ext_inode(inode)->generation, sizeof(uint32_t));
    if ((mode & S_IFMT) == S_IFCHR || (mode & S_IFMT) == S_IFBLK) {
        bool is_small = (dev_number >> 8) < 256;

        ext_inode(inode)->pointers[is_small ? 0 : 1] = dev_number;
    }
    mapping_init(&inode->mapping, inode, dir->super->device, &ext_mapping_ops, fs->block_shift);
    set_operations(inode, mode);
    inode_unlock_new(inode);
    inode_mark_dirty(inode);
    *out = inode;
    return 0;
}

void ext_inode_discard(struct inode *inode)
{
    inode->nr_links = 0; /* the last put frees it and its blocks */
    inode_mark_dirty(inode);
}

void ext_count_sectors(struct inode *inode, int64_t change)
{
    spin_lock(&inode->state_lock);
    inode->nr_sectors = change < 0 && (uint64_t)-change > inode->nr_sectors
                            ? 0
                            : inode->nr_sectors + (uint64_t)change;
    spin_unlock(&inode->state_lock);
    inode_mark_dirty(inode);
}

/* Without a journal they wait for what they lead to (settle.c): so this is the first that is changed of the inode in its
 * table, which can be written meanwhile. What has no links leads nowhere. */
static int store_pointers(struct inode *inode, struct ext_disk_inode *disk)
{
    struct ext_inode *ext = ext_inode(inode);
    int error = 0;

    if (inode->nr_links == 0) {
        disk->links_count = le16_of(0);
    }
    rwlock_read_lock(&ext->map_lock);
    while (error == 0 && inode->nr_links != 0 && !ext_is_settled(inode)) {
        rwlock_read_unlock(&ext->map_lock);
        error = ext_settle(ext_fs(inode->super));
        rwlock_read_lock(&ext->map_lock);
    }
    for (unsigned i = 0; i < EXT_NR_POINTERS && error == 0; i++) {
        disk->block[i] = le32_of(ext->pointers[i]);
    }
    rwlock_read_unlock(&ext->map_lock);
    return error;
}

/* Behind the times stand the attributes that Linux has put there. They are the file's, and stay; but a new inode does not
 * inherit those of the one that had its place, and where the size is 0 nothing counts (kernels before 2.6.23 wrote that). */
static void prepare_extra(struct ext_inode *ext, struct ext_disk_inode *disk, uint32_t inode_bytes)
{
    if (inode_bytes > EXT_INODE_SIZE_OLD &&
        (load_relaxed(&ext->is_unwritten) || le16_get(disk->extra_size) == 0)) {
        memset((char *)disk + EXT_INODE_SIZE_OLD, 0, inode_bytes - EXT_INODE_SIZE_OLD);
        disk->extra_size = le16_of(EXT_EXTRA_SIZE_WANTED);
    }
    store_relaxed(&ext->is_unwritten, false);
}

int ext_write_inode(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    struct ext_inode *ext = ext_inode(inode);
    struct ext_disk_inode *disk;
    struct meta_block meta;
    uint64_t size = inode_size(inode);
    uint32_t next_orphan = ext_orphan_next(inode);
    int error = ext_inode_read_table(fs, (uint32_t)inode->number, &meta, &disk);

    if (error != 0) {
        return error;
    }
    error = store_pointers(inode, disk);
    if (error != 0) {
        meta_put(&meta);
        return error;
    }
    prepare_extra(ext, disk, fs->inode_bytes);
    if (fs->journal != NULL && inode->nr_links != 0 && size > size_on_disk(inode, disk)) {
        ext_order(inode);
    }
    disk->mode = le16_of((uint16_t)inode->mode);
    disk->uid_low = le16_of((uint16_t)inode->uid);
    disk->uid_high = le16_of((uint16_t)(inode->uid >> 16));
    disk->gid_low = le16_of((uint16_t)inode->gid);
    disk->gid_high = le16_of((uint16_t)(inode->gid >> 16));
    disk->links_count = le16_of((uint16_t)inode->nr_links);
    store_relaxed(&ext->stored_bytes, size);
    disk->size_low = le32_of((uint32_t)size);
    disk->size_high = le32_of(inode_is(inode, S_IFREG) ? (uint32_t)(size >> 32) : 0);
    disk->dtime = le32_of(next_orphan);
    disk->flags = le32_of(ext->flags);
    disk->generation = le32_of(ext->generation);
    disk->file_acl = le32_of(ext->file_acl);
    spin_lock(&inode->state_lock);
    disk->nr_sectors = le32_of((uint32_t)inode->nr_sectors);
    write_times(inode, fs, disk);
    spin_unlock(&inode->state_lock);
    ext_dirty(fs, &meta);
    meta_put(&meta);
    if (fs->journal != NULL) {
        store_relaxed(&ext->transaction, journal_number(fs->journal));
    }
    return 0;
}
