// SPDX-License-Identifier: MIT
/* ioctls that every file system answers: where a file's blocks lie (FIEMAP, FIBMAP, FIGETBSZ), and which blocks
 * nobody needs (FITRIM). The values from user memory are checked here; the rest is the VFS's. */
#include "fs/vfs/extents.h"
#include "kernel/abi/fiemap.h"
#include "kernel/abi/ioctl.h"
#include "kernel/syscall/copy.h"
#include "kernel/syscall/file_ioctl.h"
#include "kernel/task/task.h"

static int64_t trim(struct file *file, uint64_t argument)
{
    struct abi_fstrim_range user;
    struct trim_range range;
    int error;

    if (!cred_is_root(&task_current()->cred)) {
        return -EPERM;
    }
    if (copy_from_user(&user, argument, sizeof(user)) != 0) {
        return -EFAULT;
    }
    range = (struct trim_range){user.start, user.len, user.minlen, 0};
    error = vfs_trim(file->inode->super, &range);
    user.len = range.trimmed_bytes;
    return error != 0 ? error : copy_to_user(argument, &user, sizeof(user));
}

/* The block of the disk that holds a block of the file; 0 for a hole. */
static int64_t map_one(struct file *file, uint64_t argument)
{
    struct inode *inode = file->inode;
    struct file_extent extent;
    int32_t block;
    uint64_t at;
    int error;

    if (!cred_is_root(&task_current()->cred)) {
        return -EPERM;
    }
    if (copy_from_user(&block, argument, sizeof(block)) != 0) {
        return -EFAULT;
    }
    if (block < 0) {
        return -EINVAL;
    }
    at = (uint64_t)block * inode->super->block_size_bytes;
    error = vfs_next_extent(inode, at, &extent);
    if (error != 0 && error != -ENXIO) {
        return error == -EOPNOTSUPP ? -EINVAL : error;
    }
    block = error == -ENXIO || extent.logical_bytes > at
                ? 0
                : (int32_t)(extent.physical_bytes / inode->super->block_size_bytes);
    return copy_to_user(argument, &block, sizeof(block));
}

static int64_t put_extent(uint64_t address, const struct file_extent *extent, uint32_t flags)
{
    struct abi_fiemap_extent user = {
        .fe_logical = extent->logical_bytes,
        .fe_physical = extent->physical_bytes,
        .fe_length = extent->len_bytes,
        .fe_flags = FIEMAP_EXTENT_MERGED | flags,
    };

    return copy_to_user(address, &user, sizeof(user));
}

/* Fill in the extents behind the header, as many as there is room for, or (no room at all) count them. */
static int64_t put_extents(struct inode *inode, struct abi_fiemap *map, uint64_t address)
{
    uint64_t end = map->fm_start + min_of(map->fm_length, UINT64_MAX - map->fm_start);
    struct file_extent extent, next;
    int error = vfs_next_extent(inode, map->fm_start, &extent);

    while (error == 0 && extent.logical_bytes < end) {
        error = vfs_next_extent(inode, extent.logical_bytes + extent.len_bytes, &next);
        if (error != 0 && error != -ENXIO) {
            break;
        }
        if (map->fm_extent_count != 0) {
            if (map->fm_mapped_extents == map->fm_extent_count) {
                return 0;
            }
            if (put_extent(address + map->fm_mapped_extents * sizeof(struct abi_fiemap_extent),
                           &extent, error == -ENXIO ? FIEMAP_EXTENT_LAST : 0) != 0) {
                return -EFAULT;
            }
        }
        map->fm_mapped_extents++;
        extent = next;
    }
    return error == -ENXIO ? 0 : error;
}

static int64_t map_all(struct file *file, uint64_t argument)
{
    struct abi_fiemap map;
    int64_t result = 0;

    if (copy_from_user(&map, argument, sizeof(map)) != 0) {
        return -EFAULT;
    }
    if (map.fm_extent_count > FIEMAP_MAX_EXTENTS || map.fm_length == 0) {
        return -EINVAL;
    }
    if (map.fm_start > file->inode->super->max_file_bytes) {
        return -EFBIG;
    }
    map.fm_mapped_extents = 0;
    if ((map.fm_flags & ~FIEMAP_FLAG_SYNC) != 0) {
        map.fm_flags &= ~FIEMAP_FLAG_SYNC; /* tells which are not known */
        result = -EBADR;
    } else {
        if ((map.fm_flags & FIEMAP_FLAG_SYNC) != 0) {
            result = mapping_write_and_wait(&file->inode->mapping, 0, UINT64_MAX);
        }
        if (result == 0) {
            result = put_extents(file->inode, &map, argument + sizeof(map));
        }
    }
    if ((result == 0 || result == -EBADR) && copy_to_user(argument, &map, sizeof(map)) != 0) {
        result = -EFAULT;
    }
    return result;
}

bool file_system_ioctl(struct file *file, uint32_t command, uint64_t argument, int64_t *result)
{
    int32_t block_bytes = (int32_t)file->inode->super->block_size_bytes;
    bool is_regular = inode_is(file->inode, S_IFREG);

    if (!is_regular && !inode_is(file->inode, S_IFDIR)) {
        return false;
    }
    switch (command) {
    case FITRIM: *result = trim(file, argument); return true;
    case FIGETBSZ: *result = copy_to_user(argument, &block_bytes, sizeof(block_bytes)); return true;
    case FIBMAP:
        if (!is_regular) {
            return false;
        }
        *result = map_one(file, argument);
        return true;
    case FS_IOC_FIEMAP: *result = map_all(file, argument); return true;
    default: return false;
    }
}
