// SPDX-License-Identifier: MIT
/* mount(2), umount(2), and the root at boot: which file system goes where.
 *
 * Locks. change_lock makes one change of the tree at a time; it also keeps a device from being
 * opened twice. A place that is to be mounted on is locked (inode->lock), so that it is not
 * removed at the same time: rmdir and rename look at DENTRY_MOUNT_POINT with the same lock held. */
#include "drivers/block.h"
#include "fs/vfs/dentry.h"
#include "fs/vfs/mount_internal.h"
#include "fs/vfs/super.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/mount.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "kernel/sync/mutex.h"

static struct mutex change_lock = MUTEX_INIT(change_lock, LOCK_RANK_MOUNT, "mounts");

/* Whether a mount is part of the tree. What was taken out lazily lives on for those who stand in it, and nothing new comes
 * to it. Caller: change_lock. */
static bool is_in_tree(const struct mount *mount)
{
    return mount != NULL && list_is_linked(&mount->node);
}

/* ---- Mounting -------------------------------------------------------------------------------- */

/* The block device that a source names: a path to its node, or its plain name. */
static int find_device(const struct walk_context *context, const char *source,
                       struct block_device **out)
{
    struct block_device *device = NULL;
    struct path path;
    int error;

    if (source == NULL || source[0] == '\0') {
        return -EINVAL;
    }
    if (strchr(source, '/') == NULL || context == NULL) {
        device = block_find(strncmp(source, "/dev/", 5) == 0 ? source + 5 : source);
        if (device != NULL) {
            *out = device;
            return 0;
        }
        if (context == NULL) {
            return -ENODEV;
        }
    }
    error = path_walk(context, source, WALK_FOLLOW, &path);
    if (error != 0) {
        return error;
    }
    if (!inode_is(path.dentry->inode, S_IFBLK)) {
        error = -ENOTBLK;
    } else if ((mount_flags(path.mount, path.dentry->super) & SUPER_NODEV) != 0) {
        error = -EACCES;
    } else {
        device = block_find_number(path.dentry->inode->dev_number);
        error = device != NULL ? 0 : -ENXIO;
    }
    path_put(&path);
    if (error == 0) {
        *out = device;
    }
    return error;
}

/* Try every type that lives on a device. */
static int open_any_type(struct block_device *device, uint32_t flags, const char *options,
                         struct super **super)
{
    struct fs_type *type;
    int error = -EINVAL;

    for (unsigned i = 0; (type = fs_type_get(i)) != NULL; i++) {
        if (!type->needs_device) {
            continue;
        }
        error = super_open(type, device, flags | SUPER_SILENT, options, super);
        if (error != -EINVAL && error != -EBUSY) {
            return error;
        }
        if (error == -EBUSY) {
            /* In use by another type, or with other flags; the type that has it answers for
             * itself. */
            continue;
        }
    }
    return error;
}

static int open_super(const struct walk_context *context, const char *source, const char *type_name,
                      uint32_t flags, const char *options, struct super **super)
{
    bool is_auto = type_name == NULL || type_name[0] == '\0' || strcmp(type_name, "auto") == 0;
    struct fs_type *type = NULL;
    struct block_device *device = NULL;
    int error;

    if (!is_auto) {
        type = fs_type_find(type_name);
        if (type == NULL) {
            return -ENODEV;
        }
    }
    if (type == NULL || type->needs_device) {
        error = find_device(context, source, &device);
        if (error != 0) {
            return error;
        }
    }
    flags &= ~(uint32_t)SUPER_REMOUNT;
    return type != NULL ? super_open(type, device, flags, options, super)
                        : open_any_type(device, flags, options, super);
}

/* Put a mount at a place. Takes over the reference to the mount in any case. */
static int attach_at(struct mount *mount, const struct path *place)
{
    struct inode *inode = place->dentry->inode;
    int error = 0;

    if (inode_is(inode, S_IFDIR) != inode_is(mount->root->inode, S_IFDIR)) {
        error = -ENOTDIR;
    } else if (place->dentry->super->name_caching == NAMES_VOLATILE) {
        error = -EINVAL;
    } else {
        rwlock_write_lock(&inode->lock);
        if (!dentry_is_hashed(place->dentry)) {
            error = -ENOENT;
        } else {
            mount_attach(mount, place);
        }
        rwlock_write_unlock(&inode->lock);
    }
    if (error != 0) {
        mount_put(mount);
    }
    return error;
}

static int mount_new(const struct walk_context *context, const char *source,
                     const struct path *place, const char *type, uint32_t flags,
                     const char *options)
{
    struct super *super;
    struct mount *mount;
    int error = open_super(context, source, type, flags, options != NULL ? options : "", &super);

    if (error != 0) {
        return error;
    }
    if (place->dentry == place->mount->root && place->mount->super == super &&
        super->device != NULL) {
        super_put(super); /* the same file system twice on one place */
        return -EBUSY;
    }
    mount = mount_alloc(super, super->root_dentry,
                        source != NULL && source[0] != '\0' ? source : "none", flags);
    return mount != NULL ? attach_at(mount, place) : -ENOMEM;
}

/* A directory or file that is to be seen at another place, too, or instead. */
static int walk_to_source(const struct walk_context *context, const char *source, struct path *from)
{
    return source != NULL && source[0] != '\0' ? path_walk(context, source, WALK_FOLLOW, from)
                                               : -EINVAL;
}

static int mount_bind(const struct walk_context *context, const char *source,
                      const struct path *place)
{
    struct mount *mount;
    struct path from;
    int error;

    error = walk_to_source(context, source, &from);
    if (error != 0) {
        return error;
    }
    if (!is_in_tree(from.mount)) {
        error = -EINVAL;
    } else {
        super_get(from.mount->super);
        mount = mount_alloc(from.mount->super, from.dentry, from.mount->source,
                            atomic_load_explicit(&from.mount->flags, memory_order_relaxed));
        error = mount != NULL ? attach_at(mount, place) : -ENOMEM;
    }
    path_put(&from);
    return error;
}

/* MS_MOVE: what is mounted at `source` is seen at the place instead; who stands in it stays there. */
static int mount_to(const struct walk_context *context, const char *source,
                    const struct path *place)
{
    struct inode *inode = place->dentry->inode;
    struct path from;
    int error;

    error = walk_to_source(context, source, &from);
    if (error != 0) {
        return error;
    }
    if (from.mount == NULL || from.dentry != from.mount->root || from.mount->parent == NULL ||
        place->dentry->super->name_caching == NAMES_VOLATILE ||
        inode_is(inode, S_IFDIR) != inode_is(from.dentry->inode, S_IFDIR)) {
        error = -EINVAL;
    } else {
        rwlock_write_lock(&inode->lock);
        error = dentry_is_hashed(place->dentry) ? mount_move(from.mount, place) : -ENOENT;
        rwlock_write_unlock(&inode->lock);
    }
    path_put(&from);
    return error;
}

#define ATIME_FLAGS ((uint32_t)(MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME))

static int mount_change(const struct path *place, uint32_t flags, const char *options)
{
    if (place->mount == NULL || place->dentry != place->mount->root) {
        return -EINVAL;
    }
    if ((flags & ATIME_FLAGS) == 0) { /* not a word on it: it stays as it is */
        flags |= atomic_load_explicit(&place->mount->flags, memory_order_relaxed) & ATIME_FLAGS;
    }
    if ((flags & MS_BIND) == 0) {
        int error = super_remount(place->mount->super, flags, options);

        if (error != 0) {
            return error;
        }
    }
    atomic_store_explicit(&place->mount->flags, flags & MOUNT_OWN_FLAGS, memory_order_relaxed);
    return 0;
}

int vfs_mount(const struct walk_context *context, const char *source, const char *target,
              const char *type, uint32_t flags, const char *options)
{
    struct path place;
    int error;

    if (!cred_is_root(context->cred)) {
        return -EPERM;
    }
    error = path_walk(context, target, WALK_FOLLOW, &place);
    if (error != 0) {
        return error;
    }
    mutex_lock(&change_lock);
    mount_cross_down(&place); /* somebody may have been faster */
    if (!is_in_tree(place.mount)) {
        error = -EINVAL;
    } else if ((flags & MS_REMOUNT) != 0) {
        error = mount_change(&place, flags, options);
    } else if ((flags & MS_BIND) != 0) {
        error = mount_bind(context, source, &place);
    } else if ((flags & MS_MOVE) != 0) {
        error = mount_to(context, source, &place);
    } else if ((flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)) != 0) {
        error = 0; /* one name space: nothing is ever propagated */
    } else {
        error = mount_new(context, source, &place, type, flags, options);
    }
    mutex_unlock(&change_lock);
    path_put(&place);
    return error;
}

int vfs_mount_root(const char *source, const char *type, uint32_t flags, struct path *root)
{
    struct super *super;
    struct mount *mount;
    int error = open_super(NULL, source, type, flags, "", &super);

    if (error != 0) {
        pr_err("vfs: no root file system: %s%s%s: error %d", source != NULL ? source : "none",
               type != NULL ? ", type " : "", type != NULL ? type : "", error);
        return error;
    }
    mount = mount_alloc(super, super->root_dentry, source != NULL ? source : "none", flags);
    if (mount == NULL) {
        pr_err("vfs: no root file system: no memory");
        return -ENOMEM;
    }
    mutex_lock(&change_lock);
    mount_attach(mount, NULL);
    mutex_unlock(&change_lock);
    root->mount = mount;
    root->dentry = mount->root;
    path_get(root);
    return 0;
}

void vfs_unmount_root(struct path *root)
{
    struct mount *mount = root->mount;

    mount_get(mount);
    path_put(root);
    mutex_lock(&change_lock);
    mount_detach_all(mount);
    mutex_unlock(&change_lock);
    mount_put(mount);
    *root = (struct path){0};
}

/* ---- Unmounting ------------------------------------------------------------------------------ */

/* `path` names a mount's root. Its reference is the caller's. */
static int umount_at(struct path *path, unsigned flags)
{
    struct mount *mount = path->mount;

    if (!is_in_tree(mount) || path->dentry != mount->root) {
        return -EINVAL;
    }
    if (mount->parent == NULL) {
        /* The root can't go away: it becomes clean and read-only instead, as on Linux. */
        return super_remount(mount->super, super_flags(mount->super) | SUPER_RDONLY, NULL);
    }
    if ((flags & MNT_DETACH) != 0) {
        mount_detach_all(mount);
        return 0;
    }
    return mount_detach(mount);
}

int vfs_umount(const struct walk_context *context, const char *target, unsigned flags)
{
    struct super *super = NULL;
    struct path path;
    int error;

    if ((flags & ~(unsigned)(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW)) != 0) {
        return -EINVAL;
    }
    if (!cred_is_root(context->cred)) {
        return -EPERM;
    }
    error = path_walk(context, target, (flags & UMOUNT_NOFOLLOW) != 0 ? 0 : WALK_FOLLOW, &path);
    if (error != 0) {
        return error;
    }
    mutex_lock(&change_lock);
    error = umount_at(&path, flags);
    if (error == 0 && path.mount->parent == NULL) {
        super = path.mount->super;
        super_get(super);
    }
    path_put(&path);
    if (super != NULL) {
        /* Without another mount, all that may still hold it is a round of writeback: the device
         * is to be quiet when the call returns. */
        bool is_last = atomic_load_explicit(&super->nr_mounts, memory_order_acquire) == 0;

        super_put(super);
        if (is_last) {
            super_wait_gone(super);
        }
    }
    mutex_unlock(&change_lock);
    return error;
}
