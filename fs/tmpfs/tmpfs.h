// SPDX-License-Identifier: MIT
/* Files in memory. Theory in tmpfs.c. */
#ifndef CAIRN_FS_TMPFS_TMPFS_H
#define CAIRN_FS_TMPFS_TMPFS_H

#include "fs/vfs/inode.h"

struct file;

/** Register the types "tmpfs" and "ramfs": called once at boot by main.c. */
void tmpfs_init(void);

/** A file with no name, open for reading and writing: shared anonymous memory.
 *  @is_reserved: promise all of size_bytes now (mm/commit.h), and not page by page
 *  Returns 0 or -ENOMEM, -ENFILE. Context: may sleep. */
int must_check tmpfs_new_file(uint64_t size_bytes, bool is_reserved, struct file **file);
/** The same for memfd_create: empty, not reserved, and with a name that /proc/PID/fd shows, as it
 *  stands. */
int must_check tmpfs_new_named_file(const char *name, uint32_t open_flags, struct file **file);

/* ---- For devfs, which is a tmpfs with a few names more --------------------------------------- */

/** fs_type.mount: options size=, nr_inodes=, mode=, uid=, gid=. */
int must_check tmpfs_mount(struct super *super, const char *options);

extern const struct inode_ops tmpfs_dir_ops;
extern const struct file_ops tmpfs_dir_file_ops;

/** Make an entry from within the file system (no permission is asked, no lock of the VFS
 *  needed); mode has type and permissions. Returns 0, -EEXIST, -ENOMEM, -ENOSPC. */
int must_check tmpfs_add(struct inode *dir, const char *name, uint32_t mode, uint32_t dev_number,
                         const char *target);
/** Find an entry: 0 with a reference, or -ENOENT. */
int must_check tmpfs_find(struct inode *dir, const char *name, size_t len, struct inode **inode);

#endif
