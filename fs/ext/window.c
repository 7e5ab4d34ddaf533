// SPDX-License-Identifier: MIT
/* Windows: keeping the files that grow at the same time apart.
 *
 * Two programs that append in turns would share the disk block by block, since each write takes the first free
 * block behind the last one taken:
 *
 *     without   a b a b a b a b          with   a a a a . . . . b b b b . . . .
 *
 * So a file that was given blocks gets a window: the free blocks behind them are kept for it, in memory alone.
 * Whoever else looks for blocks passes them over. A file that fills its window gets one twice as long, so that a
 * long file has few and long pieces, and a short one keeps little away from others.
 *
 * What follows the first block of a window may be known to hold zeros (clear.c).
 *
 * A window ends with the last writer that closes the file, with truncation, and with the inode; the oldest goes when
 * there are too many; and all of them go before anybody is told that the disk is full. They are a matter
 * of speed, so nothing is wrong when one goes too early.
 *
 * Lock: alloc_lock.
 *
 * Source: the reservation windows of M. Cao et al., State of the Art: Where we are with the Ext3 filesystem, 2005. */
#include "fs/ext/ext_internal.h"

#define MAX_WINDOWS       64u
#define MIN_WINDOW_BLOCKS 16u
#define MAX_WINDOW_BLOCKS 1024u
#define SHARE_OF_GROUP    16u /* a window is at most this part of what a group has free */

static void drop(struct ext_fs *fs, struct ext_inode *ext)
{
    if (list_is_linked(&ext->window_node)) {
        list_remove(&ext->window_node);
        fs->nr_windows--;
    }
    if (ext->window_first < ext->cleared_end) {
        ext->cleared_blocks = 0; /* it was too many */
    }
    ext->window_first = ext->window_end = ext->cleared_end = 0;
}

void ext_window_drop(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    struct ext_inode *ext = ext_inode(inode);

    mutex_lock(&fs->alloc_lock);
    drop(fs, ext);
    ext->window_blocks = ext->cleared_blocks = 0;
    mutex_unlock(&fs->alloc_lock);
}

bool ext_windows_drop_all(struct ext_fs *fs)
{
    bool result = !list_is_empty(&fs->windows);

    mutex_assert_held(&fs->alloc_lock);
    while (!list_is_empty(&fs->windows)) {
        drop(fs, list_first(&fs->windows, struct ext_inode, window_node));
    }
    return result;
}

uint32_t ext_window_clip(struct ext_fs *fs, const struct inode *owner, uint32_t first, uint32_t *nr)
{
    struct ext_inode *ext;

    mutex_assert_held(&fs->alloc_lock);
    list_for_each (ext, &fs->windows, window_node) {
        if (&ext->vfs == owner || first >= ext->window_end) {
            continue;
        }
        if (first >= ext->window_first) {
            *nr = 0;
            return ext->window_end;
        }
        *nr = min_of(*nr, ext->window_first - first);
    }
    return first + *nr;
}

uint32_t ext_window_wanted(struct ext_fs *fs, struct inode *owner, uint32_t group)
{
    uint32_t doubled = max_of(ext_inode(owner)->window_blocks * 2, MIN_WINDOW_BLOCKS);
    uint32_t share = fs->groups[group].nr_free_blocks / SHARE_OF_GROUP;

    doubled = min_of(doubled, MAX_WINDOW_BLOCKS);
    return min_of(doubled, share);
}

bool ext_window_is_clear(struct inode *owner, const struct ext_run *run)
{
    struct ext_inode *ext = ext_inode(owner);

    return run->first >= ext->window_first && run->first + run->nr <= ext->cleared_end;
}

bool ext_window_advance(struct inode *owner, uint32_t first)
{
    struct ext_inode *ext = ext_inode(owner);

    if (first > ext->window_first && first <= ext->window_end) {
        ext->window_first = first;
        return first < ext->window_end;
    }
    return false;
}

void ext_window_set(struct ext_fs *fs, struct inode *owner, uint32_t first, uint32_t nr)
{
    struct ext_inode *ext = ext_inode(owner);

    mutex_assert_held(&fs->alloc_lock);
    drop(fs, ext);
    if (nr == 0) {
        return;
    }
    if (fs->nr_windows == MAX_WINDOWS) {
        drop(fs, list_first(&fs->windows, struct ext_inode, window_node));
    }
    ext->window_first = first;
    ext->window_end = first + nr;
    ext->window_blocks = nr;
    list_push_back(&fs->windows, &ext->window_node);
    fs->nr_windows++;
}
