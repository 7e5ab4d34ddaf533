// SPDX-License-Identifier: MIT
/* FAT12, FAT16 and FAT32: mounting, and the file system as a whole.
 *
 * FAT is the simplest format that is still everywhere. The disk is cut into clusters; a table has
 * one entry for each, which names the cluster that comes next in its file; a directory entry names
 * the first one, and holds everything else that is known of the file. There are no inodes, no
 * owners, no links, no journal and no holes in files.
 *
 *     layout.c           boot sector          dir.c, readdir.c        entries and long names
 *     table.c            the table            dir_add.c, dir_edit.c   changing them
 *     alloc.c, groups.c  free clusters        name.c, short_name.c    UTF-8, UTF-16 and 8.3
 *     free.c             freeing them, late   inode.c, inode_store.c  inodes made of entries
 *     chain.c            a file's clusters    place.c                 which is whose
 *     map.c              for the page cache   reach.c                 how far an entry reaches
 *     sync.c             what is durable      names.c, rename.c       what names can do
 *     info.c, trim.c     how much is free     rehouse.c               other clusters, for a rename
 *     options.c, time.c  mounting, dates      dir_index.c             large directories, in memory
 *
 * Locks, outermost first: inode->lock (the VFS); map_lock of one inode; free_lock; alloc_lock or entry_lock of
 * the file system, never both; place_lock. Of two inodes' map_locks only one is held at a time.
 *
 * Names are the same in any case, and every file has an 8.3 name besides its own. So one file can
 * be looked up by many spellings: the dentry cache is told so (NAMES_ALIASED) and keeps one entry
 * for each file, and none for what is not there.
 *
 * Source: Microsoft, FAT: General Overview of On-Disk Format, 1.03 (2000). */
#include "drivers/block.h"
#include "fs/fat/fat.h"
#include "fs/fat/fat_internal.h"
#include "fs/fat/time.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "mm/kmalloc.h"

#define FAT_STATFS_MAGIC 0x4d44u

int fat_read_sector(struct fat_fs *fs, uint64_t sector, uint64_t nr_ahead, struct meta_block *meta)
{
    uint64_t nr_pages = 1 + min_of(nr_ahead, (uint64_t)128) / (PAGE_SIZE / SECTOR_SIZE);
    struct page *page;
    int error = mapping_read(fs->super->metadata, sector >> (PAGE_SHIFT - SECTOR_SHIFT),
                             (unsigned)nr_pages, &page);

    if (error != 0) {
        return error == -EFAULT ? -EIO : error;
    }
    page_put(page);
    return meta_read(fs->super, sector, FAT_SECTOR_BYTES, meta);
}

static int fat_statfs(struct super *super, struct super_stats *stats)
{
    struct fat_fs *fs = fat_fs(super);
    uint64_t nr_free = 0;
    int error = fat_count_free(fs, &nr_free);

    if (error != 0) {
        return error;
    }
    *stats = (struct super_stats){
        .type_magic = FAT_STATFS_MAGIC,
        .block_size_bytes = 1ull << fs->layout.cluster_shift,
        .nr_blocks = fs->layout.nr_clusters,
        .nr_free = nr_free,
        .nr_available = nr_free,
        .fsid = fs->layout.volume_id,
        .name_max = NAME_MAX,
    };
    return 0;
}

static void fat_destroy(struct super *super)
{
    struct fat_fs *fs = fat_fs(super);

    fat_drop_doomed(fs); /* those that an error kept from being freed: fsck.fat will find them */
    kfree(fs);
    super->fs_data = NULL;
}

static const struct super_ops fat_super_ops = {
    .alloc_inode = fat_alloc_vfs_inode,
    .free_inode = fat_free_vfs_inode,
    .write_inode = fat_write_inode,
    .evict_inode = fat_evict_inode,
    .sync = fat_sync,
    .remount = fat_remount,
    .statfs = fat_statfs,
    .trim = fat_trim_free,
    .destroy = fat_destroy,
    .show_options = fat_show_options,
    .fsync = fat_fsync,
};

static struct fat_fs *make_fs(struct super *super)
{
    struct fat_fs *fs = kzalloc(sizeof(*fs), ALLOC_KERNEL);

    if (fs == NULL) {
        return NULL;
    }
    fs->super = super;
    fs->options = fat_default_options;
    mutex_init(&fs->alloc_lock, LOCK_RANK_FS_ALLOC, "fat alloc");
    mutex_init(&fs->free_lock, LOCK_RANK_FS_FREE, "fat doomed");
    mutex_init(&fs->entry_lock, LOCK_RANK_FS_ALLOC, "fat entries");
    spin_init(&fs->place_lock, LOCK_RANK_INODE_HASH, "fat places");
    list_init(&fs->doomed);
    for (unsigned i = 0; i < FAT_PLACE_BUCKETS; i++) {
        list_init(&fs->places[i]);
    }
    return fs;
}

static void fill_super(struct super *super, struct fat_fs *fs)
{
    super->fs_data = fs;
    super->ops = &fat_super_ops;
    super->block_size_bytes = 1u << fs->layout.cluster_shift;
    super->max_file_bytes = FAT_MAX_FILE_BYTES;
    super->times = fat_time_format;
    super->name_caching = NAMES_ALIASED;
}

static int fat_mount(struct super *super, const char *options)
{
    struct fat_fs *fs = make_fs(super);
    int error;

    if (fs == NULL) {
        return -ENOMEM;
    }
    error = fat_layout_read(super, &fs->layout, &fs->was_dirty);
    if (error == 0) {
        error = fat_options_parse(super, options, &fs->options);
    }
    if (error != 0) {
        goto free_fs;
    }
    if (fs->was_dirty) {
        pr_warn("vfat: %s: was not unmounted cleanly: fsck.fat is advised", super->device->name);
    }
    fat_groups_init(fs);
    fat_info_load(fs);
    fill_super(super, fs);
    error = fat_inode_get_root(super, &super->root);
    if (error != 0) {
        goto free_fs;
    }
    if (!fat_is_read_only(super)) {
        error = fat_begin_writing(fs);
        if (error != 0) {
            inode_put(super->root);
            super->root = NULL;
            goto free_fs;
        }
    }
    return 0;

free_fs:
    kfree(fs);
    return error;
}

static struct fs_type fat_type = {
    .name = "vfat",
    .needs_device = true,
    .mount = fat_mount,
};

void fat_register(void)
{
    fs_type_register(&fat_type);
}
