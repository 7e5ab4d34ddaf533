// SPDX-License-Identifier: MIT
/* Orphans: inodes that somebody had begun to free, or to cut, when the power went.
 *
 * A file that is removed while it is open loses its name at once and its blocks only when it is
 * closed; a long one is cut in many steps. The inodes that are in that state stand in a list on the
 * disk, so that whoever mounts it next can finish:
 *
 *     super block: last_orphan ──> inode 21: dtime ──> inode 14: dtime ──> 0
 *
 * An orphan without links is freed, one with links is cut to its size. The list is on a disk and not
 * believed: it ends at a number that is no inode's, and after as many steps as there are inodes.
 *
 * Source: D. Poirier, The Second Extended File System, on s_last_orphan; the order of e2fsck. */
#include "drivers/block.h"
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"

/* Take the orphan at the head off the list: the list is the one behind it from now on. */
static int take_first(struct ext_fs *fs, uint32_t *number)
{
    struct ext_disk_super *disk = ext_disk_super(fs);
    uint32_t next;
    int error;

    mutex_lock(&fs->alloc_lock);
    *number = le32_get(disk->last_orphan);
    mutex_unlock(&fs->alloc_lock);
    if (*number == 0) {
        return -ENOENT;
    }
    if (*number < fs->first_inode || *number > fs->nr_inodes) {
        return super_damaged(fs->super, "the list of orphans leads to inode %u", *number);
    }
    error = ext_inode_read_dtime(fs, *number, &next);
    if (error == 0) {
        mutex_lock(&fs->alloc_lock);
        disk->last_orphan = le32_of(next);
        meta_mark_dirty(&fs->super_block);
        mutex_unlock(&fs->alloc_lock);
    }
    return error;
}

static int release(struct ext_fs *fs, uint32_t number, bool *was_cut)
{
    struct inode *inode;
    int error = ext_inode_get_orphan(fs->super, number, &inode);

    if (error != 0) {
        return error;
    }
    *was_cut = inode->nr_links != 0;
    if (*was_cut && inode_is(inode, S_IFREG)) {
        error = ext_truncate_blocks(inode, inode_size(inode));
    }
    inode_put(inode); /* without links, this frees it */
    return error;
}

int ext_orphans_release(struct ext_fs *fs)
{
    uint32_t nr_freed = 0, nr_cut = 0, number;
    int error = 0;

    for (uint32_t i = 0; i < fs->nr_inodes && error == 0; i++) {
        bool was_cut = false;

        error = take_first(fs, &number);
        if (error == 0) {
            error = release(fs, number, &was_cut);
            nr_freed += was_cut ? 0 : 1;
            nr_cut += was_cut ? 1 : 0;
        }
    }
    if (nr_freed != 0 || nr_cut != 0) {
        pr_info("ext: %s: %u inodes without names freed, %u files cut to their sizes",
                fs->super->device->name, nr_freed, nr_cut);
    }
    return error == -ENOENT ? 0 : error;
}
