// SPDX-License-Identifier: MIT
/* tmpfs: files in memory.
 *
 * A file's content is its page cache and nothing else: a mapping without a disk, whose missing
 * pages read as zero and whose pages stay until they are cut or the file goes. Names are entries
 * of directories in memory (tmpfs_dir.c), and each entry holds a reference to its inode, so that
 * what has a name stays. Inodes are in no table: nobody looks them up by number.
 *
 * Space. The option size= bounds the pages of all files together. A write first reserves the
 * most that it could need; when that is too much, it is cut to what already has pages or still
 * gets some; afterwards the file's real number of pages is settled in the account and the
 * reservation given back. A page that a mapping brings in is settled at the next write, truncate
 * or stat.
 *
 * Locks: inode->lock as the VFS takes it; the account is atomic. */
#include "fs/tmpfs/tmpfs.h"
#include "fs/tmpfs/tmpfs_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/base/string.h"

/* ---- The account ----------------------------------------------------------------------------- */

/* Bring the account up to the pages that the file has now. */
static void settle(struct inode *inode)
{
    struct tmpfs_inode *node = tmpfs_inode_of(inode);
    uint64_t nr = atomic_load_explicit(&inode->mapping.nr_pages, memory_order_relaxed);
    uint64_t change;

    spin_lock(&inode->state_lock);
    change = nr - node->nr_pages; /* may be negative: arithmetic is modulo 2^64 on both sides */
    node->nr_pages = nr;
    inode->nr_sectors = nr * (PAGE_SIZE / 512);
    spin_unlock(&inode->state_lock);
    atomic_fetch_add_explicit(&tmpfs_super_of(inode)->nr_pages, change, memory_order_relaxed);
}

/* Reserve up to nr pages. Returns how many there were. */
static uint64_t reserve(struct tmpfs_super *fs, uint64_t nr)
{
    uint64_t used = atomic_load_explicit(&fs->nr_pages, memory_order_relaxed);
    uint64_t max = fs->max_pages; /* a remount may change it */
    uint64_t got;

    do {
        got = used >= max ? 0 : min_of(nr, max - used);
    } while (got != 0 &&
             !atomic_compare_exchange_weak_explicit(&fs->nr_pages, &used, used + got,
                                                    memory_order_relaxed, memory_order_relaxed));
    return got;
}

/* How many bytes from position on may be written, when only nr_new pages may be added. */
static uint64_t cut_to_space(struct inode *inode, uint64_t position, uint64_t len, uint64_t nr_new)
{
    uint64_t end = position;

    while (end < position + len) {
        struct page *page = mapping_find(&inode->mapping, end >> PAGE_SHIFT);

        if (page != NULL) {
            page_put(page);
        } else if (nr_new-- == 0) {
            break;
        }
        end = (end | PAGE_MASK) + 1;
    }
    return min_of(end - position, len);
}

/* One page's worth of a read: of a page that was never written, zeros, without making it.
 * Returns the bytes moved. */
static size_t read_in_page(struct inode *inode, struct iter *iter, uint64_t position, size_t len)
{
    struct page *page = mapping_find(&inode->mapping, position >> PAGE_SHIFT);
    size_t copied;

    if (page == NULL || !page_has(page, PAGE_UPTODATE)) {
        copied = iter_zero(iter, len);
    } else {
        copied = iter_copy_to(iter, (char *)page_address(page) + (position & PAGE_MASK), len);
    }
    if (page != NULL) {
        page_put(page);
    }
    return copied;
}

static ssize_t tmpfs_read(struct file *file, struct iter *iter, uint64_t *position)
{
    struct inode *inode = file->inode;
    size_t done = 0;

    while (iter->remaining_bytes != 0) {
        uint64_t size = inode_size(inode);
        uint64_t len = min_of(PAGE_SIZE - (*position & PAGE_MASK), iter->remaining_bytes);
        size_t copied;

        if (*position >= size) {
            break;
        }
        len = min_of(len, size - *position);
        copied = read_in_page(inode, iter, *position, (size_t)len);
        *position += copied;
        done += copied;
        if (copied != len) {
            if (done == 0) {
                return -EFAULT;
            }
            break;
        }
    }
    file_touch_accessed(file);
    return (ssize_t)done;
}

static ssize_t tmpfs_write(struct file *file, struct iter *iter, uint64_t *position)
{
    struct inode *inode = file->inode;
    struct tmpfs_super *fs = tmpfs_super_of(inode);
    uint64_t start = (file->flags & O_APPEND) != 0 ? inode_size(inode) : *position;
    uint64_t wanted = iter->remaining_bytes;
    uint64_t nr_pages = ((start + wanted + PAGE_MASK) >> PAGE_SHIFT) - (start >> PAGE_SHIFT);
    uint64_t allowed = wanted;
    uint64_t nr_reserved;
    ssize_t result;

    if (fs->max_pages == UINT64_MAX || wanted == 0 || start + wanted < start) {
        return generic_write(file, iter, position);
    }
    nr_reserved = reserve(fs, nr_pages);
    if (nr_reserved < nr_pages) {
        allowed = cut_to_space(inode, start, wanted, nr_reserved);
    }
    result = -ENOSPC;
    if (allowed != 0) {
        iter->remaining_bytes = allowed;
        result = generic_write(file, iter, position);
        iter->remaining_bytes += wanted - allowed;
    }
    settle(inode);
    atomic_fetch_sub_explicit(&fs->nr_pages, nr_reserved, memory_order_relaxed);
    return result;
}

int tmpfs_setattr(struct inode *inode, const struct attr_change *change)
{
    if ((change->valid & ATTR_SIZE) != 0) {
        if (change->size_bytes == inode_size(inode)) {
            /* nothing to cut for the VFS; but what was allocated behind the end goes */
            mapping_cut_begin(&inode->mapping, change->size_bytes);
            mapping_cut_end(&inode->mapping);
        }
        inode_set_size(inode, change->size_bytes);
        settle(inode);
    }
    inode_store_attr(inode, change);
    return 0;
}

/* How many pages would be added to fill [start, end). */
static uint64_t count_missing(struct inode *inode, uint64_t start, uint64_t end)
{
    uint64_t nr = 0;

    for (uint64_t index = start >> PAGE_SHIFT; index << PAGE_SHIFT < end; index++) {
        struct page *page = mapping_find(&inode->mapping, index);

        if (page != NULL) {
            page_put(page);
        } else {
            nr++;
        }
    }
    return nr;
}

static int tmpfs_fallocate(struct inode *inode, unsigned mode, uint64_t start, uint64_t end,
                           const struct cred *cred)
{
    struct tmpfs_super *fs = tmpfs_super_of(inode);
    uint64_t nr_missing = 0, nr_reserved = 0;
    bool is_limited = fs->max_pages != UINT64_MAX;
    int error = 0;

    if ((mode & FALLOC_FL_PUNCH_HOLE) == 0) {
        if (((end - start) >> PAGE_SHIFT) > fs->max_pages) {
            return -ENOSPC;
        }
        nr_missing = count_missing(inode, start, end);
        nr_reserved = is_limited ? reserve(fs, nr_missing) : nr_missing;
    }
    if (nr_reserved < nr_missing) {
        error = -ENOSPC;
    } else {
        error = generic_fallocate(inode, mode, start, end, cred);
    }
    settle(inode);
    if (is_limited) {
        atomic_fetch_sub_explicit(&fs->nr_pages, nr_reserved, memory_order_relaxed);
    }
    return error;
}

/* Its pages were all of it. */
static int tmpfs_punch(struct inode *inode, uint64_t start, uint64_t end)
{
    return 0;
}

int tmpfs_getattr(struct inode *inode)
{
    if (inode_is(inode, S_IFREG)) {
        settle(inode);
    }
    return 0;
}

static int tmpfs_fsync(struct file *file, uint64_t first, uint64_t last, bool is_datasync)
{
    return 0;
}

const struct file_ops tmpfs_file_ops = {
    .read = tmpfs_read,
    .write = tmpfs_write,
    .fsync = tmpfs_fsync,
    .mmap = generic_mmap,
};

const struct inode_ops tmpfs_file_inode_ops = {
    .setattr = tmpfs_setattr,
    .fallocate = tmpfs_fallocate,
    .punch = tmpfs_punch,
    .getattr = tmpfs_getattr,
};

static ssize_t tmpfs_readlink(struct inode *inode, char *buffer, size_t size_bytes)
{
    const char *target = tmpfs_inode_of(inode)->target;
    size_t len = min_of(strlen(target), size_bytes);

    memcpy(buffer, target, len);
    return (ssize_t)len;
}

const struct inode_ops tmpfs_symlink_ops = {.readlink = tmpfs_readlink};

/* ---- Inodes ---------------------------------------------------------------------------------- */

int tmpfs_inode_create(struct super *super, uint32_t mode, uint32_t dev_number, uid_t uid,
                       gid_t gid, struct inode **out)
{
    struct tmpfs_super *fs = super->fs_data;
    struct inode *inode;

    if (atomic_fetch_add_explicit(&fs->nr_inodes, 1, memory_order_relaxed) >= fs->max_inodes) {
        atomic_fetch_sub_explicit(&fs->nr_inodes, 1, memory_order_relaxed);
        return -ENOSPC;
    }
    inode = inode_new(super,
                      atomic_fetch_add_explicit(&fs->last_number, 1, memory_order_relaxed) + 1);
    if (inode == NULL) {
        atomic_fetch_sub_explicit(&fs->nr_inodes, 1, memory_order_relaxed);
        return -ENOMEM;
    }
    inode->mode = mode;
    inode->uid = uid;
    inode->gid = gid;
    inode->nr_links = 1;
    inode->atime = inode->mtime = inode->ctime = inode->btime = inode_now(super);
    switch (mode & S_IFMT) {
    case S_IFREG:
        inode->ops = &tmpfs_file_inode_ops;
        inode->file_ops = &tmpfs_file_ops;
        break;
    case S_IFDIR:
        inode->ops = &tmpfs_dir_ops;
        inode->file_ops = &tmpfs_dir_file_ops;
        inode->nr_links = 2;
        break;
    case S_IFLNK: inode->ops = &tmpfs_symlink_ops; break;
    default:
        inode->ops = &tmpfs_file_inode_ops;
        inode_set_special(inode, mode, dev_number);
        break;
    }
    *out = inode;
    return 0;
}
