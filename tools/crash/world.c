// SPDX-License-Identifier: MIT
/* Operations are done as the system calls of that name do them, by a path below /mnt.
 *
 * The clock stands still, so that times on the disk, and with them hashes of its states, are the same in each run, and no
 * thread writes because of its age: what is written, somebody has asked for. */
#include "tools/crash/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext/ext.h"
#include "fs/fat/fat.h"
#include "fs/tmpfs/tmpfs.h"
#include "fs/vfs/file.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "mm/frames.h"
#include "tools/crash/image.h"
#include "tools/crash/kinds.h"
#include "tools/crash/seen.h"
#include "tools/host/arena.h"
#include "tools/host/disk.h"
#include "tools/host/host.h"

#define RAM_BYTES  (96ul << 20)
#define PATH_BYTES (CRASH_PATH + 8)

static struct path root;
static struct walk_context here;
static struct host_disk *disk;

static void must(int error, const char *what)
{
    if (error != 0) {
        fprintf(stderr, "crash: %s: error %d\n", what, -error);
        exit(2);
    }
}

void world_start(size_t disk_bytes)
{
    struct frame_range ram = {host_arena(RAM_BYTES), RAM_BYTES};

    must(frames_init(&ram, 1, NULL, 0), "memory");
    host_clock_fake(1000000000);
    tmpfs_init();
    ext_register();
    fat_register();
    must(vfs_mount_root(NULL, "tmpfs", 0, &root), "root");
    here = (struct walk_context){.root = root, .cwd = root, .cred = &cred_kernel, .umask = 022};
    must(vfs_mkdir(&here, "/mnt", 0755), "/mnt");
    disk = host_disk_new(disk_bytes / SECTOR_SIZE);
}

struct host_disk *world_insert(struct image *image)
{
    host_disk_set_memory(disk, image->bytes);
    return disk;
}

int world_mount(const struct fs_kind *kind)
{
    return vfs_mount(&here, disk->device.name, "/mnt", kind->mount_type, 0, "");
}

int world_unmount(void)
{
    return vfs_umount(&here, "/mnt", 0);
}

struct seen *world_look(char *why)
{
    return seen_read(&here, "/mnt", why);
}

/* ---- Operations ---------------------------------------------------------------------------------- */

static int do_creat(const char *path)
{
    struct file *file;
    int error = vfs_open(&here, path, O_CREAT | O_TRUNC | O_NOFOLLOW | O_WRONLY, 0644, &file);

    if (error == 0) {
        file_put(file);
    }
    return error;
}

static int do_write(const char *path, const struct crash_op *op, unsigned number)
{
    static uint8_t bytes[CRASH_FILE];
    uint64_t position = op->at_byte;
    struct file *file;
    struct iter iter;
    ssize_t nr;
    int error = vfs_open(&here, path, O_WRONLY | O_NOFOLLOW, 0, &file);

    if (error != 0) {
        return error;
    }
    if (op->at_byte == CRASH_AT_END) {
        position = file->inode->size_bytes;
    }
    if (position + op->len_bytes > CRASH_FILE) {
        file_put(file);
        return -EFBIG;
    }
    for (uint32_t i = 0; i < op->len_bytes; i++) {
        bytes[i] = crash_byte(number, (uint32_t)position + i);
    }
    iter_init_kernel(&iter, bytes, op->len_bytes);
    nr = vfs_write(file, &iter, &position);
    file_put(file);
    return nr < 0 ? (int)nr : nr == (ssize_t)op->len_bytes ? 0 : -EIO;
}

static int do_truncate(const char *path, uint32_t size)
{
    struct path found;
    int error = path_walk(&here, path, 0, &found);

    if (error == 0) {
        error = vfs_truncate(&found, size, &cred_kernel);
        path_put(&found);
    }
    return error;
}

static int do_link(const char *path, const char *other)
{
    struct path found;
    int error = path_walk(&here, path, 0, &found);

    if (error == 0) {
        error = vfs_link(&found, &here, other);
        path_put(&found);
    }
    return error;
}

static int do_fsync(const char *path, bool is_datasync)
{
    struct file *file;
    int error = vfs_open(&here, path, O_RDONLY | O_NOFOLLOW, 0, &file);

    if (error == 0) {
        error = vfs_fsync(file, 0, UINT64_MAX, is_datasync);
        file_put(file);
    }
    return error;
}

int world_do(const struct crash_op *op, unsigned number)
{
    char path[PATH_BYTES], other[PATH_BYTES];

    snprintf(path, sizeof(path), "/mnt/%s", op->path);
    snprintf(other, sizeof(other), "/mnt/%s", op->other);
    switch (op->verb) {
    case CRASH_CREAT: return do_creat(path);
    case CRASH_MKDIR: return vfs_mkdir(&here, path, 0755);
    case CRASH_WRITE: return do_write(path, op, number);
    case CRASH_TRUNCATE: return do_truncate(path, op->len_bytes);
    case CRASH_RENAME: return vfs_rename(&here, path, &here, other, 0);
    case CRASH_LINK: return do_link(path, other);
    case CRASH_UNLINK: return vfs_unlink(&here, path);
    case CRASH_RMDIR: return vfs_rmdir(&here, path);
    case CRASH_SYMLINK: return vfs_symlink(&here, op->other, path);
    case CRASH_FSYNC: return do_fsync(path, false);
    case CRASH_FDATASYNC: return do_fsync(path, true);
    default: vfs_sync_all(); return 0;
    }
}
