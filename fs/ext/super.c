// SPDX-License-Identifier: MIT
/* Mounting an ext2 or ext3 file system, and its super block while mounted.
 *
 * Everything that will be divided by, shifted by or used as a bound is checked here, once, with a
 * log line that names the field that is wrong. Features that the disk says an implementation must
 * know, and this one does not, refuse the mount; those that only matter to writers refuse a
 * writable one.
 *
 * A journal (ext3) that holds what the disk doesn't is replayed first, and then everything is read from
 * the disk again; see journal.c. Inodes that were to be freed are freed then: orphan.c.
 *
 * How the disk is laid out: disk.h and group.c. Blocks: map.c, alloc_block.c. Names: dir.c,
 * names.c. What writing does to the super block: writing.c. */
#include "fs/ext/ext.h"

#include "drivers/block.h"
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

/* One log line, then the mount fails. */
static int refuse(struct super *super, const char *field, unsigned long long value)
{
    pr_err("ext: %s: %s is %llu: not mounted", super->device->name, field, value);
    return -EUCLEAN;
}

/* Something else, for which the next type may have a driver. */
static int not_this_format(struct super *super, const char *lacks)
{
    if ((super->flags & SUPER_SILENT) == 0) {
        pr_err("ext: %s: has not %s of %s: not mounted", super->device->name, lacks,
               super->type->name);
    }
    return -EINVAL;
}

/* Asked for by this name, a disk without a journal is something else. */
static struct fs_type ext3_type;

static int check_features(struct super *super, const struct ext_disk_super *disk)
{
    uint32_t incompat = le32_get(disk->feature_incompat) & ~(uint32_t)EXT_INCOMPAT_KNOWN;
    uint32_t ro_compat = le32_get(disk->feature_ro_compat) & ~(uint32_t)EXT_RO_COMPAT_KNOWN;

    if (super->type == &ext3_type &&
        (le32_get(disk->revision) == 0 ||
         (le32_get(disk->feature_compat) & EXT_COMPAT_HAS_JOURNAL) == 0)) {
        return not_this_format(super, "a journal");
    }
    if (le32_get(disk->revision) == 0) {
        return 0;
    }
    if (incompat != 0) {
        pr_err("ext: %s: needs features 0x%x that ext2 does not have: not mounted",
               super->device->name, incompat);
        return -EINVAL;
    }
    if (ro_compat != 0 && (super->flags & SUPER_RDONLY) == 0) {
        pr_err("ext: %s: features 0x%x allow reading only: mount it with -o ro",
               super->device->name, ro_compat);
        return -EROFS;
    }
    return 0;
}

/* Sizes and counts that everything else is computed from, as they stand there. */
static void read_fields(struct ext_fs *fs, const struct ext_disk_super *disk)
{
    bool is_old = le32_get(disk->revision) == 0;
    uint32_t incompat = is_old ? 0 : le32_get(disk->feature_incompat);
    uint32_t ro_compat = is_old ? 0 : le32_get(disk->feature_ro_compat);

    fs->nr_blocks = le32_get(disk->blocks_count);
    fs->first_data_block = le32_get(disk->first_data_block);
    fs->blocks_per_group = le32_get(disk->blocks_per_group);
    fs->inodes_per_group = le32_get(disk->inodes_per_group);
    fs->nr_inodes = le32_get(disk->inodes_count);
    fs->nr_reserved_blocks = le32_get(disk->reserved_blocks_count);
    fs->reserved_uid = le16_get(disk->reserved_uid);
    fs->reserved_gid = le16_get(disk->reserved_gid);
    fs->inode_bytes = is_old ? EXT_INODE_SIZE_OLD : le16_get(disk->inode_size);
    fs->first_inode = is_old ? EXT_FIRST_INODE_OLD : le32_get(disk->first_inode);
    fs->has_file_types = (incompat & EXT_INCOMPAT_FILETYPE) != 0;
    fs->has_sparse_super = (ro_compat & EXT_RO_COMPAT_SPARSE_SUPER) != 0;
    fs->has_large_files = (ro_compat & EXT_RO_COMPAT_LARGE_FILE) != 0;
}

static int check_blocks(struct ext_fs *fs)
{
    struct super *super = fs->super;

    if (fs->first_data_block != (fs->block_shift == EXT_MIN_BLOCK_SHIFT ? 1 : 0)) {
        return refuse(super, "the first data block", fs->first_data_block);
    }
    if (fs->blocks_per_group == 0 || fs->blocks_per_group > fs->block_bytes * 8) {
        return refuse(super, "the number of blocks per group", fs->blocks_per_group);
    }
    if (fs->nr_blocks <= fs->first_data_block + 1 ||
        (uint64_t)fs->nr_blocks > (super->device->nr_sectors >> (fs->block_shift - SECTOR_SHIFT))) {
        return refuse(super, "the number of blocks", fs->nr_blocks);
    }
    fs->nr_groups =
        (uint32_t)(((uint64_t)fs->nr_blocks - fs->first_data_block + fs->blocks_per_group - 1) /
                   fs->blocks_per_group);
    return 0;
}

static int check_inodes(const struct ext_fs *fs)
{
    struct super *super = fs->super;

    if (fs->inode_bytes < EXT_INODE_SIZE_OLD || fs->inode_bytes > fs->block_bytes ||
        (fs->inode_bytes & (fs->inode_bytes - 1)) != 0) {
        return refuse(super, "the inode size", fs->inode_bytes);
    }
    if (fs->inodes_per_group == 0 || fs->inodes_per_group > fs->block_bytes * 8) {
        return refuse(super, "the number of inodes per group", fs->inodes_per_group);
    }
    if (fs->nr_inodes == 0 ||
        (uint64_t)fs->nr_inodes != (uint64_t)fs->nr_groups * fs->inodes_per_group) {
        return refuse(super, "the number of inodes", fs->nr_inodes);
    }
    if (fs->first_inode < EXT_FIRST_INODE_OLD || fs->first_inode > fs->nr_inodes) {
        return refuse(super, "the first inode", fs->first_inode);
    }
    return 0;
}

static int read_geometry(struct ext_fs *fs, const struct ext_disk_super *disk)
{
    uint32_t log_size = le32_get(disk->log_block_size);
    int error;

    if (log_size > EXT_MAX_BLOCK_SHIFT - EXT_MIN_BLOCK_SHIFT) {
        return refuse(fs->super, "the logarithm of the block size", log_size);
    }
    fs->block_shift = EXT_MIN_BLOCK_SHIFT + log_size;
    fs->block_bytes = 1u << fs->block_shift;
    read_fields(fs, disk);
    error = check_blocks(fs);
    return error != 0 ? error : check_inodes(fs);
}

static void derive_geometry(struct ext_fs *fs, const struct ext_disk_super *disk)
{
    uint32_t per_block = fs->block_bytes / (uint32_t)sizeof(struct ext_disk_group);

    fs->table_blocks =
        (uint32_t)(((uint64_t)fs->inodes_per_group * fs->inode_bytes + fs->block_bytes - 1) >>
                   fs->block_shift);
    fs->group_table_blocks = (fs->nr_groups + per_block - 1) / per_block +
                             le16_get(disk->reserved_gdt_blocks);
}

/* Find the super block, at byte 1024 whatever the block size, and keep the block that it lies
 * in. */
static int read_super(struct ext_fs *fs)
{
    struct super *super = fs->super;
    struct ext_disk_super disk;
    struct meta_block meta;
    int error;

    if (super->device->nr_sectors < 8) {
        return not_this_format(super, "a super block");
    }
    error = meta_read(super, 1, EXT_SUPER_OFFSET, &meta);
    if (error != 0) {
        return error;
    }
    memcpy(&disk, meta.data, sizeof(disk));
    meta_put(&meta);
    if (le16_get(disk.magic) != EXT_SUPER_MAGIC) {
        return not_this_format(super, "a super block");
    }
    error = check_features(super, &disk);
    if (error == 0) {
        error = read_geometry(fs, &disk);
    }
    if (error != 0) {
        return error;
    }
    derive_geometry(fs, &disk);
    return meta_read(super, EXT_SUPER_OFFSET / fs->block_bytes, fs->block_bytes, &fs->super_block);
}

/* The VFS has set or will set the flag; what counts here is whether we are writing. */
static int ext_remount(struct super *super, uint32_t flags, const char *options)
{
    struct ext_fs *fs = ext_fs(super);
    bool ignores_journal; /* was decided when it was mounted */
    int error = ext_options_parse(super, flags, options, &ignores_journal);

    if (error != 0) {
        return error;
    }
    if ((flags & SUPER_RDONLY) != 0) {
        return ext_end_writing(fs);
    }
    if (super->device->is_read_only || super_is_damaged(super) ||
        (le32_get(ext_disk_super(fs)->feature_ro_compat) & ~EXT_RO_COMPAT_KNOWN) != 0) {
        return -EROFS;
    }
    if (fs->is_writing) { /* its mark that the journal is in use is our own */
        return 0;
    }
    if (ext_journal_needs_replay(fs)) {
        pr_err("ext: %s: was mounted with noload, and its journal is not replayed: stays read-only",
               super->device->name);
        return -EROFS;
    }
    return ext_begin_writing(fs);
}

static int ext_statfs(struct super *super, struct super_stats *stats)
{
    struct ext_fs *fs = ext_fs(super);
    uint64_t overhead = fs->first_data_block;

    for (uint32_t i = 0; i < fs->nr_groups; i++) {
        overhead += 2 + fs->table_blocks;
    }
    mutex_lock(&fs->alloc_lock);
    *stats = (struct super_stats){
        .type_magic = EXT_SUPER_MAGIC,
        .block_size_bytes = fs->block_bytes,
        .nr_blocks = fs->nr_blocks - overhead,
        .nr_free = fs->nr_free_blocks,
        .nr_available = ext_nr_available(fs),
        .nr_inodes = fs->nr_inodes,
        .nr_inodes_free = fs->nr_free_inodes,
        .name_max = NAME_MAX,
    };
    memcpy(&stats->fsid, ext_disk_super(fs)->uuid, sizeof(stats->fsid));
    mutex_unlock(&fs->alloc_lock);
    return 0;
}

static void unload(struct ext_fs *fs)
{
    ext_thaw(fs, 0); /* what a broken journal has left */
    ext_thaw(fs, 1);
    ext_orphans_forget(fs);
    ext_groups_unload(fs);
    meta_put(&fs->super_block);
}

static void ext_destroy(struct super *super)
{
    struct ext_fs *fs = ext_fs(super);

    unload(fs); /* the journal's end drops from the cache what nobody holds */
    if (fs->journal != NULL) {
        journal_close(fs->journal);
    }
    kfree(fs);
    super->fs_data = NULL;
}

static const struct super_ops ext_super_ops = {
    .alloc_inode = ext_alloc_vfs_inode,
    .free_inode = ext_free_vfs_inode,
    .write_inode = ext_write_inode_alone,
    .evict_inode = ext_evict_inode,
    .sync = ext_sync,
    .commit = ext_commit,
    .remount = ext_remount,
    .statfs = ext_statfs,
    .trim = ext_trim,
    .destroy = ext_destroy,
};

static int mount_root(struct super *super)
{
    int error = ext_inode_get(super, EXT_ROOT_INODE, &super->root);

    if (error == 0 && !inode_is(super->root, S_IFDIR)) {
        inode_put(super->root);
        super->root = NULL;
        error = super_damaged(super, "the root inode is no directory");
    }
    return error;
}

static void fill_super(struct super *super, struct ext_fs *fs)
{
    super->fs_data = fs;
    super->ops = &ext_super_ops;
    super->block_size_bytes = fs->block_bytes;
    super->max_file_bytes = ext_max_file_bytes(fs);
    super->times = fs->inode_bytes > EXT_INODE_SIZE_OLD
                       ? time_format_of(1, EXT_FIRST_SECOND, EXT_LAST_SECOND)
                       : time_format_of(1000000000, EXT_FIRST_SECOND, EXT_LAST_SECOND_OLD);
}

/* Read and check all that is kept in memory while the file system is mounted. */
static int load(struct ext_fs *fs)
{
    int error = read_super(fs);

    if (error == 0) {
        error = ext_groups_load(fs);
        if (error != 0) {
            meta_put(&fs->super_block);
        }
    }
    return error;
}

/* Load it, after its journal was replayed if it must be: that may have changed everything. */
static int load_replayed(struct ext_fs *fs)
{
    int error = load(fs);

    if (error == 0 && ext_journal_needs_replay(fs) && !fs->ignores_journal) {
        fill_super(fs->super, fs);
        error = ext_journal_replay(fs);
        unload(fs);
        if (error == 0) {
            error = load(fs);
        }
    }
    if (error == 0) {
        fill_super(fs->super, fs);
    }
    return error;
}

static int start_using(struct ext_fs *fs)
{
    int error = mount_root(fs->super);

    if (error != 0) {
        return error;
    }
    error = (fs->super->flags & SUPER_RDONLY) == 0 ? ext_begin_writing(fs) : 0;
    if (error != 0) {
        (void)!ext_journal_stop(fs);
        inode_put(fs->super->root);
        fs->super->root = NULL;
    }
    return error;
}

static int ext_mount(struct super *super, const char *options)
{
    struct ext_fs *fs = kzalloc(sizeof(*fs), ALLOC_KERNEL);
    int error;

    if (fs == NULL) {
        return -ENOMEM;
    }
    fs->super = super;
    mutex_init(&fs->alloc_lock, LOCK_RANK_FS_ALLOC, "ext alloc");
    spin_init(&fs->ordered_lock, LOCK_RANK_LEAF, "ext ordered");
    waitq_init(&fs->ordered_waitq);
    list_init(&fs->orphans);
    list_init(&fs->windows);
    list_init(&fs->ordered);
    error = ext_options_parse(super, super->flags, options, &fs->ignores_journal);
    if (error == 0) {
        error = load_replayed(fs);
    }
    if (error == 0) {
        error = start_using(fs);
        if (error != 0) {
            ext_destroy(super);
            return error;
        }
    }
    if (error != 0) {
        kfree(fs);
    }
    return error;
}

static struct fs_type ext3_type = {
    .name = "ext3",
    .driver_name = "ext",
    .needs_device = true,
    .mount = ext_mount,
};

static struct fs_type ext2_type = {
    .name = "ext2",
    .driver_name = "ext",
    .needs_device = true,
    .mount = ext_mount,
};

/* ext3 comes first: whoever names no type gets it for disks that have a journal. */
void ext_register(void)
{
    fs_type_register(&ext3_type);
    fs_type_register(&ext2_type);
}
