// SPDX-License-Identifier: MIT
/* /proc/PID: what kernel/task tells about processes, as files.
 *
 *     /proc/PID/         the files and links of the table, mounts, fd/, task/
 *     /proc/PID/task/    one directory for each thread, with the same content but task/
 *     /proc/PID/fd/      a magic link for each open descriptor
 *
 * Every inode holds only numbers; whoever reads it asks the table, which says -ESRCH or -ENOENT
 * when the process is gone. */
#include "fs/procfs/procfs_internal.h"
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

bool proc_parse_id(const char *name, size_t len, int32_t *id)
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

int proc_task_getattr(struct inode *inode)
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

int proc_task_make_node(struct inode *dir, uint64_t place, uint32_t mode,
                        const struct inode_ops *ops, const struct file_ops *file_ops,
                        struct proc_inode **out)
{
    struct proc_inode *above = proc_inode_of(dir);
    struct proc_inode *node;
    int error = proc_inode_create(dir->super, proc_place_number(above, above->is_group, place),
                                  mode, ops, file_ops, &node);

    if (error != 0) {
        return error;
    }
    node->group = above->group;
    node->id = above->id;
    node->is_group = above->is_group;
    error = proc_task_getattr(&node->inode);
    if (error != 0) {
        inode_put(&node->inode);
        return error;
    }
    *out = node;
    return 0;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static const struct inode_ops task_file_ops = {.getattr = proc_task_getattr};

static int find_file(struct inode *dir, const char *name, size_t len,
                     const struct procfs_task_file *table, unsigned nr, uint64_t place,
                     struct inode **out)
{
    for (unsigned i = 0; i < nr; i++) {
        struct proc_inode *node;
        int error;

        if (!proc_name_is(name, len, table[i].name)) {
            continue;
        }
        error = proc_task_make_node(dir, place + i, S_IFREG | (table[i].mode & 0777),
                                    &task_file_ops, &proc_file_ops, &node);
        if (error == 0) {
            node->task_file = &table[i];
            *out = &node->inode;
        }
        return error;
    }
    return -ENOENT;
}

/* ---- /proc/PID and task/ --------------------------------------------------------------------- */

static const struct inode_ops task_dir_ops;
static const struct file_ops task_dir_file_ops;

/* The directory of a thread (or, is_group, of a process). */
static int make_task_dir(struct super *super, pid_t group, pid_t id, bool is_group,
                         struct inode **out)
{
    struct proc_inode key = {.id = id};
    struct proc_inode *node;
    int error = proc_inode_create(super, proc_place_number(&key, is_group, PLACE_DIR),
                                  S_IFDIR | 0555, &task_dir_ops, &task_dir_file_ops, &node);

    if (error != 0) {
        return error;
    }
    node->group = group;
    node->id = id;
    node->is_group = is_group;
    error = proc_task_getattr(&node->inode);
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

    if (!proc_parse_id(name, len, &id) || !proc_task_ops()->thread_exists(node->group, id)) {
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
        if (!proc_emit(context, text, proc_place_number(&key, false, PLACE_DIR), S_IFDIR)) {
            break;
        }
    }
    return 0;
}

static const struct inode_ops threads_dir_ops = {.lookup = threads_lookup,
                                                 .getattr = proc_task_getattr};
static const struct file_ops threads_dir_file_ops = {.readdir = threads_readdir};

static int task_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    const struct procfs_task_ops *ops = proc_task_ops();
    struct proc_inode *node;
    int error;

    if (proc_name_is(name, len, "fd")) {
        error = proc_task_make_node(dir, PLACE_FD_DIR, S_IFDIR | 0500, &proc_fd_dir_ops,
                                    &proc_fd_dir_file_ops, &node);
    } else if (proc_name_is(name, len, "task") && proc_inode_of(dir)->is_group) {
        error = proc_task_make_node(dir, PLACE_TASK_DIR, S_IFDIR | 0555, &threads_dir_ops,
                                    &threads_dir_file_ops, &node);
    } else {
        error = find_file(dir, name, len, ops->files, ops->nr_files, PLACE_FILES, out);
        if (error == -ENOENT) {
            error = find_file(dir, name, len, proc_mount_files, proc_nr_mount_files,
                              PLACE_FILES + ops->nr_files, out);
        }
        return error == -ENOENT ? proc_find_link(dir, name, len, out) : error;
    }
    if (error == 0) {
        *out = &node->inode;
    }
    return error;
}

/* The n-th entry after the dots, in the order: fd, files, mount files, links, task. Returns
 * false beyond the last. */
static bool task_entry(const struct proc_inode *node, uint64_t n, const char **name,
                       uint64_t *place, uint32_t *mode)
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
        if (!proc_emit(context, name, proc_place_number(node, node->is_group, place), mode)) {
            break;
        }
    }
    return 0;
}

static const struct inode_ops task_dir_ops = {.lookup = task_lookup, .getattr = proc_task_getattr};
static const struct file_ops task_dir_file_ops = {.readdir = task_readdir};

/* ---- For /proc itself ------------------------------------------------------------------------ */

int proc_task_lookup_root(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    const struct procfs_task_ops *ops = proc_task_ops();
    int32_t id;

    if (ops == NULL || !proc_parse_id(name, len, &id) || id == 0 || !ops->group_exists(id)) {
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
        if (!proc_emit(context, text, proc_place_number(&key, true, PLACE_DIR), S_IFDIR)) {
            break;
        }
    }
}
