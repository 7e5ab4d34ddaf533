// SPDX-License-Identifier: MIT
/* Orphans: inodes that are being freed, or cut, in more than one step.
 *
 * A file that is removed while it is open loses its name at once and its blocks only when it is
 * closed; a long one is cut in many operations. The inodes that are in that state stand in a list on the
 * disk, so that after a power cut whoever mounts it next can finish:
 *
 *     super block: last_orphan ──> inode 21: dtime ──> inode 14: dtime ──> 0
 *
 * The list is kept in memory too, since taking one out of its middle changes the one before. Only with a journal is it
 * on the disk: without one no order of writes would make sense of it, and e2fsck finds such inodes by itself.
 *
 * An inode may have to leave memory before it is finished with: the disk failed, there was no memory for an operation,
 * or the mount is read-only. Its place in the list stays, or the list in memory would no longer be that on the disk. The
 * struct ext_inode itself keeps the place, so that nothing has to be allocated for it; when the inode
 * is read again, it takes its place back. Each sync tries again to finish with those that have left (as if it had just been
 * mounted), and what is left at the end is for the next mount. A tree finds places by their numbers, and a round goes through
 * it in that order: so a list of a hundred thousand, none of which can be finished with, is no long walk for each of them.
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
#include "kernel/base/assert.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"

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

    mutex_lock(&fs->alloc_lock);
    if (!list_is_linked(&ext->orphan_node)) {
        list_push_front(&fs->orphans, &ext->orphan_node);
        if (fs->journal != NULL) {
            set_head(fs, (uint32_t)inode->number);
        }
    }
    mutex_unlock(&fs->alloc_lock);
}

static int unlink_on_disk(struct ext_fs *fs, struct ext_inode *ext)
{
    uint32_t next = number_behind(fs, ext);

    if (fs->journal == NULL) {
        return 0;
    }
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
        if (error == 0) {
            list_remove(&ext->orphan_node);
        }
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

uint32_t ext_orphan_next(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    struct ext_inode *ext = ext_inode(inode);
    uint32_t next;

    mutex_lock(&fs->alloc_lock);
    next = fs->journal != NULL && list_is_linked(&ext->orphan_node) ? number_behind(fs, ext) : 0;
    mutex_unlock(&fs->alloc_lock);
    return next;
}

/* ---- Places without an inode ------------------------------------------------------------------- */

static int compare_places(const struct rb_node *a, const struct rb_node *b)
{
    uint64_t first = rb_entry(a, struct ext_inode, place_node)->vfs.number;
    uint64_t second = rb_entry(b, struct ext_inode, place_node)->vfs.number;

    return first < second ? -1 : first > second;
}

static int compare_number(const struct rb_node *node, const void *key)
{
    uint64_t number = rb_entry(node, struct ext_inode, place_node)->vfs.number;

    return number < *(const uint64_t *)key ? -1 : number > *(const uint64_t *)key;
}

/* An inode on the list becomes a place. Returns whether there was none of its number. */
static bool make_place(struct ext_fs *fs, struct ext_inode *ext)
{
    bool result = rbtree_insert_unique(&fs->places, &ext->place_node, compare_places) == NULL;

    if (result) {
        ext->is_place = true;
        fs->nr_places++;
    }
    return result;
}

void ext_orphan_leave(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    struct ext_inode *ext = ext_inode(inode);

    mutex_lock(&fs->alloc_lock);
    if (list_is_linked(&ext->orphan_node) && !make_place(fs, ext)) {
        panic("ext: two orphans of one number"); /* one takes the other's place when it is read */
    }
    mutex_unlock(&fs->alloc_lock);
}

bool ext_orphan_keep(struct ext_inode *ext)
{
    struct ext_fs *fs;

    if (!ext->is_place) {
        return false;
    }
    fs = ext_fs(ext->vfs.super);
    mutex_lock(&fs->alloc_lock);
    ext->is_dropped = list_is_linked(&ext->orphan_node);
    mutex_unlock(&fs->alloc_lock);
    return ext->is_dropped;
}

/* The place is given up. Whoever comes last, this or the VFS, frees it. */
static void give_up_place(struct ext_fs *fs, struct ext_inode *place)
{
    list_remove(&place->orphan_node);
    rbtree_erase(&fs->places, &place->place_node);
    fs->nr_places--;
    if (place->is_dropped) {
        ext_inode_free(place);
    }
}

static struct ext_inode *find_place(struct ext_fs *fs, uint64_t number)
{
    struct rb_node *node = rbtree_find(&fs->places, &number, compare_number);

    mutex_assert_held(&fs->alloc_lock);
    return node != NULL ? rb_entry(node, struct ext_inode, place_node) : NULL;
}

/* Without a journal the table may have an older state of what is lost with the inode's memory: its blocks. */
static void take_over(struct inode *inode, struct ext_inode *place)
{
    if (place->vfs.mode != 0) { /* one from the disk's list has nothing else */
        memcpy(ext_inode(inode)->pointers, place->pointers, sizeof(place->pointers));
        ext_inode(inode)->file_acl = place->file_acl;
        inode->nr_sectors = place->vfs.nr_sectors;
        inode->size_bytes = place->vfs.size_bytes;
    }
}

void ext_orphan_return(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    struct ext_inode *place;

    mutex_lock(&fs->alloc_lock);
    if (fs->nr_places != 0 && !list_is_linked(&ext_inode(inode)->orphan_node)) {
        place = find_place(fs, inode->number);
        if (place != NULL) {
            list_insert_between(&ext_inode(inode)->orphan_node, place->orphan_node.prev,
                                &place->orphan_node);
            take_over(inode, place);
            give_up_place(fs, place);
        }
    }
    mutex_unlock(&fs->alloc_lock);
}

void ext_orphans_forget(struct ext_fs *fs)
{
    mutex_lock(&fs->alloc_lock);
    while (!list_is_empty(&fs->orphans)) {
        struct ext_inode *ext = first_of(fs);

        if (ext->is_place) {
            give_up_place(fs, ext);
        } else {
            list_remove(&ext->orphan_node);
        }
    }
    mutex_unlock(&fs->alloc_lock);
}

/* ---- Finishing with them ------------------------------------------------------------------------ */

/* The inode `number` at the list's end: a place, until the inode itself is read. */
static int load_one(struct ext_fs *fs, uint32_t number)
{
    struct inode *inode;
    bool is_fresh;

    if (number < fs->first_inode || number > fs->nr_inodes) {
        return super_damaged(fs->super, "the list of orphans leads to inode %u", number);
    }
    inode = ext_alloc_vfs_inode(fs->super);
    if (inode == NULL) {
        return -ENOMEM;
    }
    inode->super = fs->super;
    inode->number = number;
    mutex_lock(&fs->alloc_lock);
    is_fresh = make_place(fs, ext_inode(inode));
    if (is_fresh) {
        list_push_back(&fs->orphans, &ext_inode(inode)->orphan_node);
        ext_inode(inode)->is_dropped = true;
    }
    mutex_unlock(&fs->alloc_lock);
    if (!is_fresh) {
        ext_inode_free(ext_inode(inode));
        return super_damaged(fs->super, "the list of orphans leads to inode %u twice", number);
    }
    return 0;
}

/* Without a journal it is in memory alone from now on. */
static void take_from_disk(struct ext_fs *fs)
{
    mutex_lock(&fs->alloc_lock);
    if (fs->journal == NULL && !list_is_empty(&fs->orphans)) {
        set_head(fs, 0);
    }
    mutex_unlock(&fs->alloc_lock);
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

/* It is stored in any case: what was freed before the cut failed must not be led to by the table, which without a journal
 * nobody else writes once the inode has left. */
int ext_orphan_cut(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    int error = inode_is(inode, S_IFREG) ? ext_truncate_blocks(inode, inode_size(inode)) : 0;
    int last = ext_begin(fs, EXT_INODE_BLOCKS);

    if (last == 0) {
        last = error == 0 ? ext_orphan_remove(inode) : 0;
        if (last == 0) {
            last = ext_write_inode(inode);
        }
        ext_end(fs, EXT_INODE_BLOCKS);
    }
    return error != 0 ? error : last;
}

/* Returns 0 also when the end of an inode has failed again: then its place is still there. */
static int finish(struct ext_fs *fs, uint32_t number, bool *had_links)
{
    struct inode *inode;
    int error = ext_inode_get_orphan(fs->super, number, &inode);

    if (error == 0) {
        ext_orphan_return(inode); /* somebody may have read it before the list */
        rwlock_write_lock(&inode->lock);
        *had_links = inode->nr_links != 0;
        error = *had_links ? ext_orphan_cut(inode) : 0; /* the rest is freed when it is put */
        rwlock_write_unlock(&inode->lock);
        inode_put(inode);
    }
    return error;
}

/* The first place from this number on, or 0. */
static uint32_t next_place(struct ext_fs *fs, uint64_t number)
{
    struct rb_node *node;
    uint32_t result = 0;

    mutex_lock(&fs->alloc_lock);
    node = rbtree_lower_bound(&fs->places, &number, compare_number);
    if (node != NULL) {
        result = (uint32_t)rb_entry(node, struct ext_inode, place_node)->vfs.number;
    }
    mutex_unlock(&fs->alloc_lock);
    return result;
}

static uint32_t count_places(struct ext_fs *fs)
{
    uint32_t result;

    mutex_lock(&fs->alloc_lock);
    result = fs->nr_places;
    mutex_unlock(&fs->alloc_lock);
    return result;
}

int ext_orphans_finish(struct ext_fs *fs)
{
    uint32_t nr_freed = 0, nr_cut = 0;
    uint32_t number = 0;
    int result = 0;

    while ((number = next_place(fs, (uint64_t)number + 1)) != 0) {
        uint32_t nr_before = count_places(fs);
        bool had_links = false;
        int error = finish(fs, number, &had_links);

        if (error == 0 && count_places(fs) < nr_before) {
            nr_cut += had_links ? 1 : 0;
            nr_freed += had_links ? 0 : 1;
        }
        result = result != 0 ? result : error;
    }
    if (nr_freed != 0 || nr_cut != 0) {
        pr_info("ext: %s: %u inodes without names freed, %u files cut to their sizes",
                fs->super->device->name, nr_freed, nr_cut);
    }
    return result;
}

int ext_orphans_release(struct ext_fs *fs)
{
    int error = 0;

    if (!fs->knows_orphans) { /* else it was read-only for a while */
        error = load_list(fs);
        if (error == 0) {
            take_from_disk(fs);
            fs->knows_orphans = true;
        } else {
            ext_orphans_forget(fs);
        }
    }
    if (error == 0) {
        error = ext_orphans_finish(fs);
    }
    return error == -EUCLEAN ? 0 : error; /* damage was reported, and the mount is read-only now */
}
