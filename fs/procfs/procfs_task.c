// SPDX-License-Identifier: MIT
/* /proc/PID: what kernel/task tells about processes, as files.
 *
 *     /proc/PID/         the files and links of the table, mounts, fd/, task/
 *     /proc/PID/task/    one directory for each thread, with the same content but task/
 *     /proc/PID/fd/      a magic link for each open descriptor
 *
 * A magic link is followed to the object itself, not to a name: /proc/self/fd/3 opens the very file that descriptor 3 has open, even
 * one that was removed or never had a name. Who may follow and read links is for may_look() to say.
 *
 * Every inode holds only numbers; whoever reads it asks the table, which says -ESRCH or -ENOENT when the process is gone. */
#include "fs/procfs/procfs_internal.h"
#include "fs/vfs/dentry.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"

static const struct procfs_task_ops *task_ops; /* [a] set once */

void procfs_set_task_ops(const struct procfs_task_ops *ops)
{
    __atomic_store_n(&task_ops, ops, __ATOMIC_RELEASE);
}

const struct procfs_task_ops *proc_task_ops(void)
{
    return __atomic_load_n(&task_ops, __ATOMIC_ACQUIRE);
}

/* Inode numbers: the thread's number, and a place in its directory. */
enum proc_place { PLACE_DIR = 0, PLACE_FD_DIR = 1, PLACE_TASK_DIR = 2, PLACE_FILES = 16, PLACE_LINKS = 512, PLACE_FDS = 1024 };

static uint64_t place_number(const struct proc_inode *node, bool is_group, uint64_t place)
{
    return ((uint64_t)(uint32_t)node->id << 17 | (uint64_t)is_group << 16) + (1ull << 41) + place;
}

/* A decimal number without leading zeros, as names of processes and descriptors are. */
static bool parse_id(const char *name, size_t len, int32_t *id)
{
    uint64_t value = 0;

    if (len == 0 || len > 9 || (name[0] == '0' && len > 1)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!char_is_digit(name[i])) {
            return false;
        }
        value = value * 10 + (uint64_t)(name[i] - '0');
    }
    *id = (int32_t)value;
    return true;
}

static int task_getattr(struct inode *inode)
{
    struct proc_inode *node = proc_inode_of(inode);
    uid_t uid;
    gid_t gid;
    int error = proc_task_ops()->owner(node->id, &uid, &gid);

    if (error == 0) {
        inode->uid = uid;
        inode->gid = gid;
    }
    return error == -ESRCH ? -ENOENT : error;
}

/* An inode about the same thread as dir. */
static int make_node(struct inode *dir, uint64_t place, uint32_t mode, const struct inode_ops *ops,
                     const struct file_ops *file_ops, struct proc_inode **out)
{
    struct proc_inode *above = proc_inode_of(dir);
    struct proc_inode *node;
    int error = proc_inode_create(dir->super, place_number(above, above->is_group, place), mode, ops, file_ops, &node);

    if (error != 0) {
        return error;
    }
    node->group = above->group;
    node->id = above->id;
    node->is_group = above->is_group;
    error = task_getattr(&node->inode);
    if (error != 0) {
        inode_put(&node->inode);
        return error;
    }
    *out = node;
    return 0;
}

/* ---- Files ----------------------------------------------------------------------------------------------------------- */

static const struct inode_ops task_file_ops = {.getattr = task_getattr};

static int find_file(struct inode *dir, const char *name, size_t len, const struct procfs_task_file *table,
                     unsigned nr, uint64_t place, struct inode **out)
{
    for (unsigned i = 0; i < nr; i++) {
        struct proc_inode *node;
        int error;

        if (!proc_name_is(name, len, table[i].name)) {
            continue;
        }
        error = make_node(dir, place + i, S_IFREG | (table[i].mode & 0777), &task_file_ops, &proc_file_ops, &node);
        if (error == 0) {
            node->task_file = &table[i];
            *out = &node->inode;
        }
        return error;
    }
    return -ENOENT;
}

/* ---- Links ------------------------------------------------------------------------------------------------------------ */

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
    if ((size_t)len >= sizeof(unreachable) && memcmp(buffer, unreachable, sizeof(unreachable) - 1) == 0) {
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

/* What an open file stands for: its path, or for those without one a nameless place made for this. */
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
    .readlink = link_readlink, .follow_link = follow_task_link, .getattr = task_getattr};
static const struct inode_ops fd_link_ops = {
    .readlink = link_readlink, .follow_link = follow_fd_link, .getattr = task_getattr};

static int find_link(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    const struct procfs_task_ops *ops = proc_task_ops();

    for (unsigned i = 0; i < ops->nr_links; i++) {
        struct proc_inode *node;
        int error;

        if (!proc_name_is(name, len, ops->links[i].name)) {
            continue;
        }
        error = make_node(dir, PLACE_LINKS + i, S_IFLNK | 0777, &task_link_ops, NULL, &node);
        if (error == 0) {
            node->task_link = &ops->links[i];
            *out = &node->inode;
        }
        return error;
    }
    return -ENOENT;
}

/* ---- fd/ --------------------------------------------------------------------------------------------------------------- */

static int fd_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    struct proc_inode *above = proc_inode_of(dir);
    const struct procfs_task_ops *ops = proc_task_ops();
    struct proc_inode *node;
    struct file *file;
    uint32_t mode = S_IFLNK;
    int32_t fd;
    int error;

    if (!parse_id(name, len, &fd)) {
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
    error = make_node(dir, PLACE_FDS + (uint64_t)fd, mode, &fd_link_ops, NULL, &node);
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
        if (!proc_emit(context, text, place_number(node, node->is_group, PLACE_FDS + (uint64_t)fd), S_IFLNK)) {
            break;
        }
    }
    return 0;
}

static const struct inode_ops fd_dir_ops = {.lookup = fd_lookup, .getattr = task_getattr};
static const struct file_ops fd_dir_file_ops = {.readdir = fd_readdir};

/* ---- /proc/PID and task/ ------------------------------------------------------------------------------------------------- */

static const struct inode_ops task_dir_ops;
static const struct file_ops task_dir_file_ops;

/* The directory of a thread (or, is_group, of a process). */
static int make_task_dir(struct super *super, pid_t group, pid_t id, bool is_group, struct inode **out)
{
    struct proc_inode key = {.id = id};
    struct proc_inode *node;
    int error = proc_inode_create(super, place_number(&key, is_group, PLACE_DIR), S_IFDIR | 0555, &task_dir_ops,
                                  &task_dir_file_ops, &node);

    if (error != 0) {
        return error;
    }
    node->group = group;
    node->id = id;
    node->is_group = is_group;
    error = task_getattr(&node->inode);
    if (error != 0) {
        inode_put(&node->inode);
        return error;
    }
    *out = &node->inode;
    return 0;
}

static int threads_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    struct proc_inode *node = proc_inode_of(dir);
    int32_t id;

    if (!parse_id(name, len, &id) || !proc_task_ops()->thread_exists(node->group, id)) {
        return -ENOENT;
    }
    return make_task_dir(dir->super, node->group, id, false, out);
}

static int threads_readdir(struct file *file, struct dir_context *context)
{
    struct proc_inode *node = proc_inode_of(file->inode);
    pid_t id;

    if (!proc_emit_dots(context, node->inode.number)) {
        return 0;
    }
    while ((id = proc_task_ops()->next_thread(node->group, (pid_t)context->position - 2)) > 0) {
        struct proc_inode key = {.id = id};
        char text[16];

        ksnprintf(text, sizeof(text), "%d", id);
        context->position = (uint64_t)id + 1;
        if (!proc_emit(context, text, place_number(&key, false, PLACE_DIR), S_IFDIR)) {
            break;
        }
    }
    return 0;
}

static const struct inode_ops threads_dir_ops = {.lookup = threads_lookup, .getattr = task_getattr};
static const struct file_ops threads_dir_file_ops = {.readdir = threads_readdir};

static int task_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    const struct procfs_task_ops *ops = proc_task_ops();
    struct proc_inode *node;
    int error;

    if (proc_name_is(name, len, "fd")) {
        error = make_node(dir, PLACE_FD_DIR, S_IFDIR | 0500, &fd_dir_ops, &fd_dir_file_ops, &node);
    } else if (proc_name_is(name, len, "task") && proc_inode_of(dir)->is_group) {
        error = make_node(dir, PLACE_TASK_DIR, S_IFDIR | 0555, &threads_dir_ops, &threads_dir_file_ops, &node);
    } else {
        error = find_file(dir, name, len, ops->files, ops->nr_files, PLACE_FILES, out);
        if (error == -ENOENT) {
            error = find_file(dir, name, len, proc_mount_files, proc_nr_mount_files, PLACE_FILES + ops->nr_files, out);
        }
        return error == -ENOENT ? find_link(dir, name, len, out) : error;
    }
    if (error == 0) {
        *out = &node->inode;
    }
    return error;
}

/* The n-th entry after the dots, in the order: fd, files, mount files, links, task. Returns false beyond the last. */
static bool task_entry(const struct proc_inode *node, uint64_t n, const char **name, uint64_t *place, uint32_t *mode)
{
    const struct procfs_task_ops *ops = proc_task_ops();

    *mode = S_IFREG;
    if (n == 0) {
        *name = "fd";
        *place = PLACE_FD_DIR;
        *mode = S_IFDIR;
        return true;
    }
    n--;
    *place = PLACE_FILES + n;
    if (n < ops->nr_files) {
        *name = ops->files[n].name;
        return true;
    }
    n -= ops->nr_files;
    if (n < proc_nr_mount_files) {
        *name = proc_mount_files[n].name;
        return true;
    }
    n -= proc_nr_mount_files;
    if (n < ops->nr_links) {
        *name = ops->links[n].name;
        *place = PLACE_LINKS + n;
        *mode = S_IFLNK;
        return true;
    }
    *name = "task";
    *place = PLACE_TASK_DIR;
    *mode = S_IFDIR;
    return n == ops->nr_links && node->is_group;
}

static int task_readdir(struct file *file, struct dir_context *context)
{
    struct proc_inode *node = proc_inode_of(file->inode);
    const char *name;
    uint64_t place;
    uint32_t mode;

    if (!proc_emit_dots(context, node->inode.number)) {
        return 0;
    }
    while (task_entry(node, context->position - 2, &name, &place, &mode)) {
        if (!proc_emit(context, name, place_number(node, node->is_group, place), mode)) {
            break;
        }
    }
    return 0;
}

static const struct inode_ops task_dir_ops = {.lookup = task_lookup, .getattr = task_getattr};
static const struct file_ops task_dir_file_ops = {.readdir = task_readdir};

/* ---- For /proc itself ------------------------------------------------------------------------------------------------------ */

int proc_task_lookup_root(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    const struct procfs_task_ops *ops = proc_task_ops();
    int32_t id;

    if (ops == NULL || !parse_id(name, len, &id) || id == 0 || !ops->group_exists(id)) {
        return -ENOENT;
    }
    return make_task_dir(dir->super, id, id, true, out);
}

void proc_task_list(struct dir_context *context, uint64_t base)
{
    const struct procfs_task_ops *ops = proc_task_ops();
    pid_t id;

    while (ops != NULL && (id = ops->next_group((pid_t)(context->position - base))) > 0) {
        struct proc_inode key = {.id = id};
        char text[16];

        ksnprintf(text, sizeof(text), "%d", id);
        context->position = base + (uint64_t)id - 1;
        if (!proc_emit(context, text, place_number(&key, true, PLACE_DIR), S_IFDIR)) {
            break;
        }
    }
}
