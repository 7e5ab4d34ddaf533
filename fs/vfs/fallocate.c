// SPDX-License-Identifier: MIT
/* fallocate(2): space for a file beforehand, and space given back from its middle.
 *
 * What the modes promise is the same everywhere; how far a file system can keep it differs:
 *     0, KEEP_SIZE   what of the range is a hole gets blocks of zeros: a later write there cannot fail for want of space
 *     PUNCH_HOLE     the range becomes zeros, and its whole blocks a hole
 *     ZERO_RANGE     both: zeros, with space
 * Files whose blocks are named one by one (ext's indirect map, FAT's chain) have no mark for blocks that were
 * never written. So space there is zeros written, which takes the time of writing them; Linux leaves that to
 * the C library (EOPNOTSUPP), which does the same with a call for each block. For the same reason a file of ext has no
 * blocks behind its end: KEEP_SIZE across the end is EOPNOTSUPP. (FAT keeps clusters there while the file is in memory.)
 * FAT knows no holes, and so it can neither punch nor zero a range (EOPNOTSUPP). Moving the rest of a file
 * (COLLAPSE_RANGE, INSERT_RANGE) is offered by nobody.
 *
 * A range that does not fit leaves the file as long as it was.
 *
 * Lock: inode->lock for writing. */
#include "fs/vfs/file.h"
#include "fs/vfs/names.h"
#include "fs/vfs/super.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"

#define MODE_MASK                                                             \
    (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_ZERO_RANGE | \
     FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE)

static bool keeps_size(unsigned mode)
{
    return (mode & FALLOC_FL_KEEP_SIZE) != 0;
}

static int check_mode(unsigned mode)
{
    switch (mode & MODE_MASK) {
    case 0:
    case FALLOC_FL_ZERO_RANGE: break;
    case FALLOC_FL_PUNCH_HOLE:
        if (!keeps_size(mode)) {
            return -EOPNOTSUPP;
        }
        break;
    default: return -EOPNOTSUPP;
    }
    return (mode & ~(unsigned)(MODE_MASK | FALLOC_FL_KEEP_SIZE)) != 0 ? -EOPNOTSUPP : 0;
}

static int check_file(const struct file *file)
{
    if (!file->can_write) {
        return -EBADF;
    }
    if (file->inode->has_pinned_names) { /* swap space */
        return -ETXTBSY;
    }
    switch (file->inode->mode & S_IFMT) {
    case S_IFREG: return file->inode->ops->fallocate != NULL ? 0 : -EOPNOTSUPP;
    case S_IFBLK: return -EOPNOTSUPP;
    case S_IFIFO: return -ESPIPE;
    default: return -ENODEV;
    }
}

static int punch(struct inode *inode, uint64_t start, uint64_t end)
{
    uint64_t size = inode_size(inode);
    int error;

    if (inode->ops->punch == NULL) {
        return -EOPNOTSUPP;
    }
    if (inode->mapping.device !=
        NULL) { /* the last block goes as a whole, and there is nothing behind it */
        end = min_of(end, align_up(size, PAGE_SIZE));
    }
    if (start >= end) {
        return 0;
    }
    error = mapping_punch_begin(&inode->mapping, start, end);
    if (error == 0) {
        error = inode->ops->punch(inode, start, end);
    }
    mapping_punch_end(&inode->mapping);
    return error;
}

static int fill(struct inode *inode, uint64_t start, uint64_t end, bool keep_size,
                const struct cred *cred)
{
    uint64_t old_size = inode_size(inode);
    int error = 0;

    if (end > old_size && !keep_size) {
        error = inode_resize(inode, end, cred);
    }
    if (error == 0) {
        error = mapping_fill(&inode->mapping, start, end);
    }
    if (error != 0 && inode_size(inode) > old_size) {
        (void)!inode_resize(inode, old_size, cred);
    }
    return error;
}

int generic_fallocate(struct inode *inode, unsigned mode, uint64_t start, uint64_t end,
                      const struct cred *cred)
{
    int error = 0;

    if ((mode & FALLOC_FL_PUNCH_HOLE) == 0 && keeps_size(mode) && end > inode_size(inode) &&
        inode->mapping.device != NULL) {
        return -EOPNOTSUPP;
    }
    if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0) {
        error = punch(inode, start, end);
    }
    if (error == 0 && (mode & FALLOC_FL_PUNCH_HOLE) == 0) {
        error = fill(inode, start, end, keeps_size(mode), cred);
    }
    return error;
}

int vfs_fallocate(struct file *file, unsigned mode, uint64_t start, uint64_t len)
{
    struct inode *inode = file->inode;
    uint64_t end = start + len;
    int error = check_mode(mode);

    if (error == 0) {
        error = check_file(file);
    }
    if (error != 0) {
        return error;
    }
    if (end > inode->super->max_file_bytes) {
        return -EFBIG;
    }
    error = super_begin_change(inode->super);
    if (error != 0) {
        return error;
    }
    rwlock_write_lock(&inode->lock);
    error = inode_drop_privileges(inode, &file->cred);
    if (error == 0) {
        error = inode->ops->fallocate(inode, mode, start, end, &file->cred);
    }
    if (error == 0) {
        inode_touch_modified(inode);
    }
    rwlock_write_unlock(&inode->lock);
    super_end_change(inode->super);
    return error;
}
