// SPDX-License-Identifier: MIT
/* procfs: magic links: exe, cwd, root and fd/N of /proc/PID.
 *
 * A magic link is followed to the object itself, not to a name: /proc/self/fd/3 opens the very
 * file that descriptor 3 has open, even one that was removed or never had a name. Who may follow
 * and read links is for may_look() to say. */
#include "fs/procfs/procfs_internal.h"
#include "fs/vfs/dentry.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"

/* The name of what a magic link leads to: a path, or what kind of nameless object it is. */
static ssize_t object_name(const struct path *path, char *buffer, size_t size_bytes)
{
    const struct inode *inode = path->dentry->inode;
    struct path everything = {NULL, NULL};
    ssize_t len = path_name(path, &everything, buffer, size_bytes);
    static const char unreachable[] = "(unreachable)";

    if (len < 0 || path->mount == NULL) {
        return len;
    }
    if ((size_t)len >= sizeof(unreachable) &&
        memcmp(buffer, unreachable, sizeof(unreachable) - 1) == 0) {
        len -= (ssize_t)sizeof(unreachable) - 1; /* seen from nowhere: the whole name */
        memmove(buffer, buffer + sizeof(unreachable) - 1, (size_t)len);
    }
    if ((!dentry_is_hashed(path->dentry) && inode->super->name_caching != NAMES_VOLATILE)) {
        len += (ssize_t)strlcpy(buffer + len, " (deleted)", size_bytes - (size_t)len);
        len = min_of(len, (ssize_t)size_bytes);
    }
    return len;
}

static ssize_t readlink_object(const struct path *path, char *buffer, size_t size_bytes)
{
    char text[PATH_MAX / 4];
    ssize_t len = object_name(path, text, sizeof(text));

    if (len < 0) {
        return len;
    }
    len = min_of(len, (ssize_t)size_bytes);
    memcpy(buffer, text, (size_t)len);
    return len;
}

static int follow_task_link(struct inode *inode, struct path *path)
{
    struct proc_inode *node = proc_inode_of(inode);
    int error = proc_task_ops()->may_look(node->id);

    if (error == 0) {
        error = node->task_link->follow(node->id, path);
    }
    return error == -ESRCH ? -ENOENT : error;
}

/* What an open file stands for: its path, or for those without one a nameless place made for
 * this. */
static int path_of_file(struct file *file, struct path *path)
{
    char text[64];

    if (file->path.dentry != NULL) {
        *path = file->path;
        path_get(path);
        return 0;
    }
    if (inode_is(file->inode, S_IFIFO)) {
        ksnprintf(text, sizeof(text), "pipe:[%llu]", (unsigned long long)file->inode->number);
    } else {
        ksnprintf(text, sizeof(text), "anon_inode:[%s]", file->inode->super->type->name);
    }
    inode_hold(file->inode);
    path->mount = NULL;
    path->dentry = dentry_new_anonymous(file->inode, text);
    return path->dentry != NULL ? 0 : -ENOMEM;
}

static int follow_fd_link(struct inode *inode, struct path *path)
{
    struct proc_inode *node = proc_inode_of(inode);
    const struct procfs_task_ops *ops = proc_task_ops();
    struct file *file;
    int error = ops->may_look(node->id);

    if (error == 0) {
        error = ops->get_fd(node->id, node->fd, &file);
    }
    if (error != 0) {
        return error == -ESRCH ? -ENOENT : error;
    }
    error = path_of_file(file, path);
    file_put(file);
    return error;
}

static ssize_t link_readlink(struct inode *inode, char *buffer, size_t size_bytes)
{
    struct path path;
    ssize_t len;
    int error = inode->ops->follow_link(inode, &path);

    if (error != 0) {
        return error;
    }
    len = readlink_object(&path, buffer, size_bytes);
    path_put(&path);
    return len;
}

static const struct inode_ops task_link_ops = {
    .readlink = link_readlink, .follow_link = follow_task_link, .getattr = proc_task_getattr};
static const struct inode_ops fd_link_ops = {
    .readlink = link_readlink, .follow_link = follow_fd_link, .getattr = proc_task_getattr};

int proc_find_link(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    const struct procfs_task_ops *ops = proc_task_ops();

    for (unsigned i = 0; i < ops->nr_links; i++) {
        struct proc_inode *node;
        int error;

        if (!proc_name_is(name, len, ops->links[i].name)) {
            continue;
        }
        error = proc_task_make_node(dir, PLACE_LINKS + i, S_IFLNK | 0777, &task_link_ops, NULL,
                                    &node);
        if (error == 0) {
            node->task_link = &ops->links[i];
            *out = &node->inode;
        }
        return error;
    }
    return -ENOENT;
}

/* ---- fd/ ------------------------------------------------------------------------------------- */

static int fd_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    struct proc_inode *above = proc_inode_of(dir);
    const struct procfs_task_ops *ops = proc_task_ops();
    struct proc_inode *node;
    struct file *file;
    uint32_t mode = S_IFLNK;
    int32_t fd;
    int error;

    if (!proc_parse_id(name, len, &fd)) {
        return -ENOENT;
    }
    error = ops->may_look(above->id);
    if (error == 0) {
        error = ops->get_fd(above->id, fd, &file);
    }
    if (error != 0) {
        return error == -ESRCH ? -ENOENT : error;
    }
    mode |= (file->can_read ? 0500u : 0u) | (file->can_write ? 0300u : 0u);
    file_put(file);
    error = proc_task_make_node(dir, PLACE_FDS + (uint64_t)fd, mode, &fd_link_ops, NULL, &node);
    if (error == 0) {
        node->fd = fd;
        *out = &node->inode;
    }
    return error;
}

static int fd_readdir(struct file *file, struct dir_context *context)
{
    struct proc_inode *node = proc_inode_of(file->inode);
    const struct procfs_task_ops *ops = proc_task_ops();
    int error = ops->may_look(node->id);
    int fd;

    if (error != 0) {
        return error == -ESRCH ? -ENOENT : error;
    }
    if (!proc_emit_dots(context, node->inode.number)) {
        return 0;
    }
    while ((fd = ops->next_fd(node->id, (int)context->position - 3)) >= 0) {
        char text[16];

        ksnprintf(text, sizeof(text), "%d", fd);
        context->position = (uint64_t)fd + 2;
        if (!proc_emit(context, text,
                       proc_place_number(node, node->is_group, PLACE_FDS + (uint64_t)fd),
                       S_IFLNK)) {
            break;
        }
    }
    return 0;
}

const struct inode_ops proc_fd_dir_ops = {.lookup = fd_lookup, .getattr = proc_task_getattr};
const struct file_ops proc_fd_dir_file_ops = {.readdir = fd_readdir};
