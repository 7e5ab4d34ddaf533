// SPDX-License-Identifier: MIT
/* Everything that changes the tree by name: what the system calls of the *at family and the
 * mount calls do. */
#ifndef CAIRN_FS_VFS_VFS_H
#define CAIRN_FS_VFS_VFS_H

#include "fs/vfs/inode.h"
#include "fs/vfs/path.h"

struct kstat { /* what stat and statx tell, before it is put into their structures */
    uint64_t dev, ino, rdev, size_bytes, nr_sectors;
    uint32_t mode, nr_links, block_size_bytes;
    uid_t uid;
    gid_t gid;
    struct timespec64 atime, mtime, ctime, btime;
};

int must_check vfs_stat(const struct path *path, struct kstat *stat);
int must_check vfs_stat_inode(struct inode *inode, struct kstat *stat);
int must_check vfs_access(const struct walk_context *context, const struct path *path,
                          unsigned access);
int must_check vfs_mknod(const struct walk_context *context, const char *name, uint32_t mode,
                         uint32_t dev_number);
int must_check vfs_mkdir(const struct walk_context *context, const char *name, uint32_t mode);
int must_check vfs_symlink(const struct walk_context *context, const char *target,
                           const char *name);
/** old_path is what is to get the new name. */
int must_check vfs_link(const struct path *old_path, const struct walk_context *context,
                        const char *new_name);
int must_check vfs_unlink(const struct walk_context *context, const char *name);
int must_check vfs_rmdir(const struct walk_context *context, const char *name);
/** flags: RENAME_NOREPLACE (1) and RENAME_EXCHANGE (2) as in renameat2(2). */
int must_check vfs_rename(const struct walk_context *old_context, const char *old_name,
                          const struct walk_context *new_context, const char *new_name,
                          unsigned flags);
ssize_t must_check vfs_readlink(const struct path *path, char *buffer, size_t size_bytes);
/** chmod, chown, utimens: permissions checked, set-id bits dropped as Linux does. */
int must_check vfs_setattr(const struct path *path, struct attr_change *change,
                           const struct cred *cred);
int must_check vfs_truncate(const struct path *path, uint64_t size_bytes, const struct cred *cred);

/* ---- Mounts ---------------------------------------------------------------------------------- */

/** mount(2): source is a device path or name, or ignored for nodev types; type NULL or "auto":
 *  every type that needs a device is tried. flags: SUPER_*; also MS_BIND (4096), MS_MOVE is
 *  -EINVAL. */
int must_check vfs_mount(const struct walk_context *context, const char *source, const char *target,
                         const char *type, uint32_t flags, const char *options);
/** flags: MNT_FORCE 1, MNT_DETACH 2, UMOUNT_NOFOLLOW 8. -EBUSY when in use. */
int must_check vfs_umount(const struct walk_context *context, const char *target, unsigned flags);

/** Mount the root file system at boot and give its path. Returns 0 or -errno with a log line
 *  that says why. */
int must_check vfs_mount_root(const char *source, const char *type, uint32_t flags,
                              struct path *root);

/** Undo vfs_mount_root: the choice fell on another root. Takes over the path's references. */
void vfs_unmount_root(struct path *root);

int must_check vfs_statfs(const struct path *path, struct super_stats *stats,
                          uint32_t *mount_flags);
/** sync(2): everything dirty of every file system is on the disk afterwards. */
void vfs_sync_all(void);
/** syncfs(2). */
int must_check vfs_sync_super(struct super *super);
/** For power off: sync, and turn all writable mounts read-only (clean). */
void vfs_shutdown(void);
/** One line per mount for /proc/PID/mounts, or mountinfo, through emit; root decides what is visible. */
void vfs_show_mounts(const struct path *root, bool is_info,
                     void (*emit)(const char *line, void *arg), void *arg);
/** drop_caches: clean pages (1), dentries and inodes (2). */
void vfs_drop_caches(unsigned what);

#endif
