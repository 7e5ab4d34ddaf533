// SPDX-License-Identifier: MIT
/* devfs: a node in /dev for every device there is.
 *
 * It is a tmpfs whose root knows more names than were made in it. When a name is not found, and
 * before the root is listed, every device that the drivers have registered and that has no node
 * yet gets one. So a new device is there at once, programs can still add nodes, directories and
 * links of their own, and nothing has to be told to devfs. A node that was removed comes back
 * with the next look: what exists can't be hidden here. Because names appear by themselves, the
 * dentry cache keeps no negative entries (NAMES_POSITIVE).
 *
 * Locks: none of its own. tmpfs_add() refuses a name that is there, so two that add the same
 * device do no harm. */
#include "fs/devfs/devfs.h"
#include "drivers/block.h"
#include "drivers/char.h"
#include "fs/tmpfs/tmpfs.h"
#include "fs/vfs/file.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

/* Make the node of a device; of "pts/0" the directory too. That it is there already is no error,
 * and what can't be made for want of memory is tried again with the next look. */
static void make_node(struct inode *root, const char *name, uint32_t mode, uint32_t dev_number)
{
    const char *slash = strchr(name, '/');
    char folder[32];
    struct inode *dir;

    if (slash == NULL) {
        (void)!tmpfs_add(root, name, mode, dev_number, NULL);
        return;
    }
    if ((size_t)(slash - name) >= sizeof(folder)) {
        return;
    }
    strlcpy(folder, name, (size_t)(slash - name) + 1);
    (void)!tmpfs_add(root, folder, S_IFDIR | 0755, 0, NULL);
    if (tmpfs_find(root, folder, strlen(folder), &dir) == 0) {
        if (inode_is(dir, S_IFDIR)) {
            (void)!tmpfs_add(dir, slash + 1, mode, dev_number, NULL);
        }
        inode_put(dir);
    }
}

static bool has_name(struct inode *root, const char *name)
{
    struct inode *inode;

    if (tmpfs_find(root, name, strlen(name), &inode) != 0) {
        return false;
    }
    inode_put(inode);
    return true;
}

static void make_missing_nodes(struct inode *root)
{
    struct char_device *character;
    struct block_device *block;

    for (unsigned i = 0; (character = char_get(i)) != NULL; i++) {
        if (!has_name(root, character->name)) {
            make_node(root, character->name, S_IFCHR | (character->mode & 0777),
                      character->dev_number);
        }
    }
    for (unsigned i = 0; (block = block_get(i)) != NULL; i++) {
        if (!has_name(root, block->name)) {
            make_node(root, block->name, S_IFBLK | 0660, block->dev_number);
        }
    }
}

static int devfs_lookup(struct inode *dir, const char *name, size_t len, struct inode **inode)
{
    int error = tmpfs_find(dir, name, len, inode);

    if (error == -ENOENT) {
        make_missing_nodes(dir);
        error = tmpfs_find(dir, name, len, inode);
    }
    return error;
}

static int devfs_readdir(struct file *file, struct dir_context *context)
{
    make_missing_nodes(file->inode);
    return tmpfs_dir_file_ops.readdir(file, context);
}

/* The root's operations: tmpfs's, but for the two that see more. Filled in before the type is
 * known to anybody. */
static struct inode_ops devfs_root_ops;
static struct file_ops devfs_root_file_ops;

static int devfs_mount(struct super *super, const char *options)
{
    static const struct {
        const char *name, *target;
        uint32_t mode;
    } extras[] = {
        {"fd", "/proc/self/fd", 0},       {"stdin", "/proc/self/fd/0", 0},
        {"stdout", "/proc/self/fd/1", 0}, {"stderr", "/proc/self/fd/2", 0},
        {"pts", NULL, S_IFDIR | 0755},    {"shm", NULL, S_IFDIR | S_ISVTX | 0777},
    };
    int error = tmpfs_mount(super, options);

    if (error != 0) {
        return error;
    }
    super->name_caching = NAMES_POSITIVE;
    super->root->mode = S_IFDIR | 0755;
    super->root->ops = &devfs_root_ops;
    super->root->file_ops = &devfs_root_file_ops;
    for (size_t i = 0; i < array_size(extras) && error == 0; i++) {
        error = tmpfs_add(super->root, extras[i].name, extras[i].mode, 0, extras[i].target);
    }
    if (error != 0) {
        inode_put(super->root);
        super->ops->destroy(super);
        return error;
    }
    make_missing_nodes(super->root);
    return 0;
}

static struct fs_type devfs_type = {.name = "devfs", .mount = devfs_mount};
static struct fs_type devtmpfs_type = {.name = "devtmpfs", .mount = devfs_mount};

void devfs_init(void)
{
    devfs_root_ops = tmpfs_dir_ops;
    devfs_root_ops.lookup = devfs_lookup;
    devfs_root_file_ops = tmpfs_dir_file_ops;
    devfs_root_file_ops.readdir = devfs_readdir;
    fs_type_register(&devfs_type);
    fs_type_register(&devtmpfs_type);
}
