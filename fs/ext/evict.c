// SPDX-License-Identifier: MIT
/* The end of an inode.
 *
 * When the last user of an inode without links puts it, its blocks are freed, in as many operations as that
 * takes (truncate.c), and then, in one more, its attributes, its place in the list of orphans and itself. What
 * goes wrong in between leaves it without links, with what could not be freed, and on the list of orphans, for the next
 * sync or the next mount. */
#include "fs/ext/ext_internal.h"
#include "kernel/base/string.h"

/* The inode is gone from the disk: no links, and the time of its deletion, as e2fsck expects. */
static int clear_disk_inode(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    struct ext_disk_inode *disk;
    struct meta_block meta;
    int error = ext_inode_read_table(fs, (uint32_t)inode->number, &meta, &disk);

    if (error == 0) {
        disk->links_count = le16_of(0);
        disk->size_low = le32_of(0);
        disk->size_high = le32_of(0);
        disk->nr_sectors = le32_of(0);
        memset(disk->block, 0, sizeof(disk->block));
        disk->dtime = le32_of((uint32_t)inode_now(inode->super).sec);
        ext_dirty(fs, &meta);
        meta_put(&meta);
    }
    return error;
}

static bool has_blocks(struct inode *inode)
{
    return inode_is(inode, S_IFREG) || inode_is(inode, S_IFDIR) ||
           (inode_is(inode, S_IFLNK) && !ext_symlink_is_fast(inode));
}

/* What the last steps change: held, so that they are all done or none. */
struct last_blocks {
    struct meta_block table, bitmap;
};

static int hold_last_blocks(struct inode *inode, struct last_blocks *last)
{
    struct ext_fs *fs = ext_fs(inode->super);
    uint32_t number = (uint32_t)inode->number;
    struct ext_disk_inode *disk;
    int error = ext_inode_read_table(fs, number, &last->table, &disk);

    if (error == 0) {
        error = ext_read_inode_bitmap(fs, number, &last->bitmap);
        if (error != 0) {
            meta_put(&last->table);
        }
    }
    return error;
}

static int free_inode(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    int error = ext_begin(fs, EXT_INODE_BLOCKS);

    if (error != 0) {
        return error;
    }
    error = ext_attributes_release(inode);
    if (error == 0) {
        error = ext_orphan_remove(inode);
    }
    if (error == 0) {
        error = clear_disk_inode(inode);
    }
    if (error == 0) {
        error = ext_free_inode(fs, (uint32_t)inode->number, inode_is(inode, S_IFDIR));
    } else {
        (void)!ext_write_inode(inode);
    }
    ext_end(fs, EXT_INODE_BLOCKS);
    return error;
}

static void end_inode(struct inode *inode)
{
    struct last_blocks last;
    int error = hold_last_blocks(inode, &last);

    if (error == 0) {
        if (has_blocks(inode)) {
            error = ext_truncate_blocks(inode, 0);
        }
        if (error == 0) {
            (void)!free_inode(inode);
        }
        meta_put(&last.table);
        meta_put(&last.bitmap);
    }
}

bool ext_may_free(const struct ext_fs *fs)
{
    return fs->is_writing && !(ext_is_read_only(fs) && super_is_damaged(fs->super));
}

/* What goes wrong here was logged where it was found; nobody is left to be told. */
void ext_evict_inode(struct inode *inode)
{
    ext_unorder(inode);
    ext_window_drop(inode);
    if (ext_may_free(ext_fs(inode->super))) {
        if (inode->nr_links == 0) {
            end_inode(inode);
        } else if (ext_is_orphan(inode)) { /* a cut that has failed: once more */
            (void)!ext_orphan_cut(inode);
        }
    }
    ext_orphan_leave(inode);
}
