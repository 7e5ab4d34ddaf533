// SPDX-License-Identifier: MIT
/* Orphans: inodes that are being freed, or cut, in more than one step.
 *
 * A file that is removed while it is open loses its name at once and its blocks only when it is
 * closed; a long one is cut in many operations. The inodes that are in that state stand in a list on the
 * disk, so that after a power cut whoever mounts it next can finish:
 *
 *     super block: last_orphan ──> inode 21: dtime ──> inode 14: dtime ──> 0
 *
 * The list is kept in memory too, since taking one out of its middle changes the one before. Only with a journal,
 * that is: without one no order of writes would make sense of it, and e2fsck finds such inodes by itself.
 *
 * At the mount, an orphan without links is freed, and one with links is cut to its size. The list is on a disk
 * and not believed: at a number that is no inode's, or that is on it already, it ends with a complaint and a
 * mount that is read-only.
 *
 * Lock: alloc_lock.
 *
 * Source: D. Poirier, The Second Extended File System, on s_last_orphan. */
#include "drivers/block.h"
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"

static struct ext_inode *first_of(struct ext_fs *fs)
{
    return list_is_empty(&fs->orphans) ? NULL
                                       : list_first(&fs->orphans, struct ext_inode, orphan_node);
}

static uint32_t number_behind(struct ext_fs *fs, struct ext_inode *ext)
{
    struct list *next = ext->orphan_node.next;

    return next == &fs->orphans
               ? 0
               : (uint32_t)list_entry(next, struct ext_inode, orphan_node)->vfs.number;
}

static void set_head(struct ext_fs *fs, uint32_t number)
{
    ext_disk_super(fs)->last_orphan = le32_of(number);
    ext_dirty(fs, &fs->super_block);
}

void ext_orphan_add(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    struct ext_inode *ext = ext_inode(inode);

    if (fs->journal == NULL) {
        return;
    }
    mutex_lock(&fs->alloc_lock);
    if (!list_is_linked(&ext->orphan_node)) {
        list_push_front(&fs->orphans, &ext->orphan_node);
        set_head(fs, (uint32_t)inode->number);
    }
    mutex_unlock(&fs->alloc_lock);
}

static int unlink_on_disk(struct ext_fs *fs, struct ext_inode *ext)
{
    uint32_t next = number_behind(fs, ext);

    if (ext == first_of(fs)) {
        set_head(fs, next);
        return 0;
    }
    return ext_inode_write_dtime(
        fs, (uint32_t)list_entry(ext->orphan_node.prev, struct ext_inode, orphan_node)->vfs.number,
        next);
}

int ext_orphan_remove(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    struct ext_inode *ext = ext_inode(inode);
    int error = 0;

    mutex_lock(&fs->alloc_lock);
    if (list_is_linked(&ext->orphan_node)) {
        error = unlink_on_disk(fs, ext);
        list_remove(&ext->orphan_node);
    }
    mutex_unlock(&fs->alloc_lock);
    return error;
}

bool ext_is_orphan(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    bool result;

    mutex_lock(&fs->alloc_lock);
    result = list_is_linked(&ext_inode(inode)->orphan_node);
    mutex_unlock(&fs->alloc_lock);
    return result;
}

void ext_orphan_forget(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);

    mutex_lock(&fs->alloc_lock);
    list_remove(&ext_inode(inode)->orphan_node);
    mutex_unlock(&fs->alloc_lock);
}

uint32_t ext_orphan_next(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    struct ext_inode *ext = ext_inode(inode);
    uint32_t next;

    mutex_lock(&fs->alloc_lock);
    next = list_is_linked(&ext->orphan_node) ? number_behind(fs, ext) : 0;
    mutex_unlock(&fs->alloc_lock);
    return next;
}

/* ---- At the mount ------------------------------------------------------------------------------ */

/* The inode `number` at the list's end, with a reference. */
static int load_one(struct ext_fs *fs, uint32_t number)
{
    struct inode *inode;
    int error;

    if (number < fs->first_inode || number > fs->nr_inodes) {
        return super_damaged(fs->super, "the list of orphans leads to inode %u", number);
    }
    error = ext_inode_get_orphan(fs->super, number, &inode);
    if (error != 0) {
        return error;
    }
    mutex_lock(&fs->alloc_lock);
    if (list_is_linked(&ext_inode(inode)->orphan_node)) {
        error = super_damaged(fs->super, "the list of orphans leads to inode %u twice", number);
    } else {
        list_push_back(&fs->orphans, &ext_inode(inode)->orphan_node);
    }
    mutex_unlock(&fs->alloc_lock);
    if (error != 0) {
        inode_put(inode);
    }
    return error;
}

static int load_list(struct ext_fs *fs)
{
    uint32_t number = le32_get(ext_disk_super(fs)->last_orphan);
    int error = 0;

    while (number != 0 && error == 0) {
        error = load_one(fs, number);
        if (error == 0) {
            error = ext_inode_read_dtime(fs, number, &number);
        }
    }
    return error;
}

/* What has links is cut, and taken off the list; for the rest, that is a part of its end. */
static int release(struct ext_fs *fs, struct inode *inode)
{
    int error;

    if (inode->nr_links == 0) {
        return 0;
    }
    error = inode_is(inode, S_IFREG) ? ext_truncate_blocks(inode, inode_size(inode)) : 0;
    if (error == 0) {
        error = ext_begin(fs, EXT_INODE_BLOCKS);
    }
    if (error == 0) {
        error = ext_orphan_remove(inode);
        if (error == 0) {
            error = ext_write_inode(inode);
        }
        ext_end(fs, EXT_INODE_BLOCKS);
    }
    return error;
}

int ext_orphans_release(struct ext_fs *fs)
{
    uint32_t nr_freed = 0, nr_cut = 0;
    struct ext_inode *ext;
    int error;

    if (fs->knows_orphans) { /* it was read-only for a while: they are those of files still open */
        return 0;
    }
    fs->knows_orphans = true;
    error = load_list(fs);

    while ((ext = first_of(fs)) != NULL) { /* nobody else adds to it yet */
        struct inode *inode = &ext->vfs;
        bool has_links = inode->nr_links != 0;

        if (error == 0) {
            error = release(fs, inode);
            nr_cut += has_links ? 1 : 0;
            nr_freed += has_links ? 0 : 1;
        }
        if (error != 0) {
            ext_orphan_forget(inode);
        }
        inode_put(inode);
    }
    if (nr_freed != 0 || nr_cut != 0) {
        pr_info("ext: %s: %u inodes without names freed, %u files cut to their sizes",
                fs->super->device->name, nr_freed, nr_cut);
    }
    return error == -EUCLEAN ? 0 : error; /* damage was reported, and the mount is read-only now */
}
