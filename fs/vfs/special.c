// SPDX-License-Identifier: MIT
/* Device nodes: from a number in an inode to a driver.
 *
 * A node on any file system has a type and a number; opening it finds the device with that
 * number (ENXIO if there is none), and from then on file->device leads to it and
 * file->private_data is the driver's own state of this opening.
 *
 * A block device read or written as a file goes through its page cache, the very pages in which
 * a mounted file system keeps its metadata: what dd reads is what the file system sees. Its end
 * is the device's size; a write beyond it is ENOSPC. Writes to one page are made under its page
 * lock, so that they and writeback do not meet in the middle. */
#include "fs/vfs/special.h"
#include "drivers/block.h"
#include "drivers/char.h"
#include "fs/pipe/pipe.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/ioctl.h"
#include "kernel/abi/poll.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"

/* ---- Character devices ----------------------------------------------------------------------- */

static int char_open(struct inode *inode, struct file *file)
{
    struct char_device *device = char_find_number(inode->dev_number);

    if (device == NULL) {
        return -ENXIO;
    }
    file->device = device;
    return device->ops->open != NULL ? device->ops->open(device, &file->private_data) : 0;
}

static void char_release(struct file *file)
{
    struct char_device *device = file->device;

    if (device->ops->release != NULL) {
        device->ops->release(device, file->private_data);
    }
}

static unsigned char_flags(const struct file *file)
{
    return (file->flags & O_NONBLOCK) != 0 ? CHAR_NONBLOCK : 0;
}

static ssize_t char_read(struct file *file, struct iter *iter, uint64_t *position)
{
    struct char_device *device = file->device;

    return device->ops->read != NULL
               ? device->ops->read(device, file->private_data, iter, char_flags(file))
               : -EINVAL;
}

static ssize_t char_write(struct file *file, struct iter *iter, uint64_t *position)
{
    struct char_device *device = file->device;

    return device->ops->write != NULL
               ? device->ops->write(device, file->private_data, iter, char_flags(file))
               : -EINVAL;
}

static int char_ioctl(struct file *file, uint32_t command, uint64_t argument)
{
    struct char_device *device = file->device;

    return device->ops->ioctl != NULL
               ? device->ops->ioctl(device, file->private_data, command, argument)
               : -ENOTTY;
}

static uint32_t char_poll(struct file *file, struct poll_request *request)
{
    struct char_device *device = file->device;

    if (device->ops->poll == NULL) {
        return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
    }
    return device->ops->poll(device, file->private_data, request);
}

/* Terminals have no offset; the others (null, zero) say yes to every seek and stay where they
 * are. */
static int64_t char_seek(struct file *file, int64_t offset, int whence)
{
    return ((struct char_device *)file->device)->is_tty ? -ESPIPE : 0;
}

static const struct file_ops char_file_ops = {
    .open = char_open,
    .release = char_release,
    .read = char_read,
    .write = char_write,
    .seek = char_seek,
    .ioctl = char_ioctl,
    .poll = char_poll,
};

struct char_device *file_char_device(const struct file *file)
{
    return file->ops == &char_file_ops ? file->device : NULL;
}

/* ---- Block devices --------------------------------------------------------------------------- */

static uint64_t device_size(const struct block_device *device)
{
    return device->nr_sectors * SECTOR_SIZE;
}

static int bdev_open(struct inode *inode, struct file *file)
{
    struct block_device *device = block_find_number(inode->dev_number);
    struct mapping *mapping;
    int error;

    if (device == NULL) {
        return -ENXIO;
    }
    if (file->can_write && device->is_read_only) {
        return -EROFS;
    }
    error = bdev_mapping(device, &mapping);
    if (error != 0) {
        return error;
    }
    file->device = device;
    file->private_data = mapping;
    atomic_fetch_add_explicit(&device->open_count, 1, memory_order_relaxed);
    return 0;
}

static void bdev_release(struct file *file)
{
    struct block_device *device = file->device;

    atomic_fetch_sub_explicit(&device->open_count, 1, memory_order_relaxed);
}

/* How much to do next: in one page, up to the device's end. */
static size_t piece_len(const struct iter *iter, uint64_t position, uint64_t size)
{
    uint64_t len = min_of(PAGE_SIZE - (position & PAGE_MASK), size - position);

    return (size_t)min_of(len, iter->remaining_bytes);
}

static ssize_t bdev_read(struct file *file, struct iter *iter, uint64_t *position)
{
    struct mapping *mapping = file->private_data;
    uint64_t size = device_size(file->device);
    size_t done = 0;
    int error = 0;

    while (iter->remaining_bytes != 0 && *position < size) {
        uint64_t offset = *position & PAGE_MASK;
        size_t len = piece_len(iter, *position, size);
        struct page *page;
        size_t copied;

        error = mapping_read(mapping, *position >> PAGE_SHIFT, 32, &page);
        if (error != 0) {
            break;
        }
        copied = iter_copy_to(iter, (char *)page_address(page) + offset, len);
        page_put(page);
        *position += copied;
        done += copied;
        if (copied != len) {
            error = -EFAULT;
            break;
        }
    }
    return done != 0 ? (ssize_t)done : error;
}

/* One page's part of a write. Returns bytes, 0 to try again, or -errno. */
static ssize_t bdev_write_page(struct mapping *mapping, struct iter *iter, uint64_t position,
                               size_t len)
{
    uint32_t offset = (uint32_t)(position & PAGE_MASK);
    struct page *page;
    size_t copied;
    int error = mapping_read(mapping, position >> PAGE_SHIFT, 1, &page);

    if (error != 0) {
        return error;
    }
    page_lock(page);
    port_user_nofault_begin();
    copied = iter_copy_from(iter, (char *)page_address(page) + offset, len);
    port_user_nofault_end();
    if (copied != 0) {
        page_mark_dirty(page, offset, (uint32_t)copied);
    }
    page_unlock(page);
    page_put(page);
    return (ssize_t)copied;
}

static ssize_t bdev_write(struct file *file, struct iter *iter, uint64_t *position)
{
    uint64_t size = device_size(file->device);
    size_t done = 0;
    ssize_t result = 0;

    if (*position >= size && iter->remaining_bytes != 0) {
        return -ENOSPC;
    }
    while (iter->remaining_bytes != 0 && *position < size) {
        size_t len = piece_len(iter, *position, size);

        len = iter_fault_in(iter, len);
        result = len != 0 ? bdev_write_page(file->private_data, iter, *position, len) : -EFAULT;
        if (result < 0) {
            break;
        }
        *position += (uint64_t)result;
        done += (size_t)result;
    }
    return done != 0 ? (ssize_t)done : result;
}

static int64_t bdev_seek(struct file *file, int64_t offset, int whence)
{
    if (whence == SEEK_END) {
        offset += (int64_t)device_size(file->device);
        whence = SEEK_SET;
    }
    return whence == SEEK_SET || whence == SEEK_CUR ? generic_seek(file, offset, whence) : -EINVAL;
}

static int bdev_fsync(struct file *file, uint64_t first, uint64_t last, bool is_datasync)
{
    struct mapping *mapping = file->private_data;
    int error = mapping_write_and_wait(mapping, first >> PAGE_SHIFT, last >> PAGE_SHIFT);
    int flush_error = block_flush(file->device);
    int old_error = mapping_check_error(mapping, &file->error_seq);

    if (error == 0) {
        error = flush_error != 0 ? flush_error : old_error;
    }
    return error;
}

static int put_value(uint64_t argument, const void *value, size_t len_bytes)
{
    return port_copy_to_user(user_ptr(argument), value, len_bytes) == 0 ? 0 : -EFAULT;
}

static int bdev_ioctl(struct file *file, uint32_t command, uint64_t argument)
{
    struct block_device *device = file->device;
    uint64_t number = device->nr_sectors;
    uint32_t value;

    switch (command) {
    case BLKGETSIZE: return put_value(argument, &number, sizeof(number));
    case BLKGETSIZE64: number *= SECTOR_SIZE; return put_value(argument, &number, sizeof(number));
    case BLKROGET: value = device->is_read_only; return put_value(argument, &value, sizeof(value));
    case BLKSSZGET:
    case BLKPBSZGET: value = SECTOR_SIZE; return put_value(argument, &value, sizeof(value));
    case BLKBSZGET: value = PAGE_SIZE; return put_value(argument, &value, sizeof(value));
    case BLKFLSBUF: {
        int error = mapping_write_and_wait(file->private_data, 0, UINT64_MAX);

        mapping_drop_clean(file->private_data);
        return error;
    }
    default: return -ENOTTY;
    }
}

static const struct file_ops bdev_file_ops = {
    .open = bdev_open,
    .release = bdev_release,
    .read = bdev_read,
    .write = bdev_write,
    .seek = bdev_seek,
    .ioctl = bdev_ioctl,
    .fsync = bdev_fsync,
};

struct block_device *file_block_device(const struct file *file)
{
    return file->ops == &bdev_file_ops ? file->device : NULL;
}

struct mapping *file_mapping(const struct file *file)
{
    if (file_block_device(file) != NULL) {
        return file->private_data;
    }
    return inode_is(file->inode, S_IFREG) ? &file->inode->mapping : NULL;
}

void inode_set_special(struct inode *inode, uint32_t mode, uint32_t dev_number)
{
    switch (mode & S_IFMT) {
    case S_IFCHR:
        inode->file_ops = &char_file_ops;
        inode->dev_number = dev_number;
        break;
    case S_IFBLK:
        inode->file_ops = &bdev_file_ops;
        inode->dev_number = dev_number;
        break;
    case S_IFIFO: inode->file_ops = &fifo_file_ops; break;
    default: inode->file_ops = NULL; break; /* a socket's name: ENXIO */
    }
}
