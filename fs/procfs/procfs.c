// SPDX-License-Identifier: MIT
/* procfs: files whose text is made when they are read.
 *
 * What is here comes from two sources: a list of registered files, whose paths also give the
 * directories (a directory exists if some file's path goes through it), and the table that
 * kernel/task fills in for /proc/PID (procfs_task.c). Nothing is stored: each lookup makes a
 * fresh inode for what it finds, and the dentry cache keeps no names (NAMES_VOLATILE), so a
 * process that ends takes its directory with it.
 *
 * Locks. registry_lock guards the list of files, which only grows; a registered file is never
 * removed, so pointers to it stay good. */
#include "fs/procfs/procfs_internal.h"
#include "fs/vfs/super.h"
#include "kernel/abi/dirent.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/statfs.h"
#include "kernel/base/hash.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"
#include "mm/slab.h"

#define PROC_ROOT_NUMBER    1u
#define PROC_TASKS_POSITION 0x100000u /* where the processes begin in the listing of /proc */

static struct spinlock registry_lock = SPINLOCK_INIT(LOCK_RANK_LEAF, "proc files");
static struct list files = LIST_INIT(files); /* [registry_lock] */

SLAB_CACHE(proc_inode_cache, struct proc_inode, NULL);

/* ---- The registry ---------------------------------------------------------------------------- */

void procfs_register(struct procfs_file *file)
{
    spin_lock(&registry_lock);
    list_push_back(&files, &file->node);
    spin_unlock(&registry_lock);
}

/* The registered file at `index`, or NULL. Files stay for ever: no reference is needed. */
static const struct procfs_file *file_at(const struct procfs_file *prev)
{
    const struct list *next;

    spin_lock(&registry_lock);
    next = prev != NULL ? prev->node.next : files.next;
    spin_unlock(&registry_lock);
    return next != &files ? list_entry(next, struct procfs_file, node) : NULL;
}

/* The part of a file's path that is an entry of the directory `prefix`: its length, and whether
 * it is the last part. 0: none. */
static size_t entry_in(const struct procfs_file *file, const char *prefix, const char **name,
                       bool *is_dir)
{
    size_t prefix_len = strlen(prefix);
    const char *end;

    if (strncmp(file->path, prefix, prefix_len) != 0) {
        return 0;
    }
    *name = file->path + prefix_len;
    end = strchr(*name, '/');
    *is_dir = end != NULL;
    return end != NULL ? (size_t)(end - *name) : strlen(*name);
}

static uint64_t path_number(const char *path, size_t len)
{
    return (hash_bytes(path, len) >> 24) | 1ull << 40; /* far above those of processes */
}

/* ---- Inodes ---------------------------------------------------------------------------------- */

static struct inode *proc_alloc_inode(struct super *super)
{
    struct proc_inode *node = slab_alloc(&proc_inode_cache, ALLOC_KERNEL);

    if (node == NULL) {
        return NULL;
    }
    memset(node, 0, sizeof(*node));
    inode_init_fields(&node->inode);
    return &node->inode;
}

static void proc_free_inode(struct inode *inode)
{
    kfree(proc_inode_of(inode)->prefix);
    slab_free(&proc_inode_cache, proc_inode_of(inode));
}

static int proc_statfs(struct super *super, struct super_stats *stats)
{
    stats->type_magic = PROC_SUPER_MAGIC;
    return 0;
}

static const struct super_ops proc_super_ops = {
    .alloc_inode = proc_alloc_inode,
    .free_inode = proc_free_inode,
    .statfs = proc_statfs,
};

int proc_inode_create(struct super *super, uint64_t number, uint32_t mode,
                      const struct inode_ops *ops, const struct file_ops *file_ops,
                      struct proc_inode **out)
{
    struct inode *inode = inode_new(super, number);

    if (inode == NULL) {
        return -ENOMEM;
    }
    inode->mode = mode;
    inode->nr_links = (mode & S_IFMT) == S_IFDIR ? 2 : 1;
    inode->ops = ops;
    inode->file_ops = file_ops;
    inode->atime = inode->mtime = inode->ctime = inode_now(super);
    *out = proc_inode_of(inode);
    return 0;
}

bool proc_name_is(const char *name, size_t len, const char *text)
{
    return strlen(text) == len && memcmp(name, text, len) == 0;
}

bool proc_emit(struct dir_context *context, const char *name, uint64_t number, uint32_t mode)
{
    struct dir_entry entry = {.name = name,
                              .name_len = strlen(name),
                              .inode_number = number,
                              .next_position = context->position + 1,
                              .type = (uint8_t)((mode & S_IFMT) >> 12)};

    if (!context->emit(context, &entry)) {
        return false;
    }
    context->position++;
    return true;
}

bool proc_emit_dots(struct dir_context *context, uint64_t number)
{
    if (context->position == 0 && !proc_emit(context, ".", number, S_IFDIR)) {
        return false;
    }
    return context->position != 1 || proc_emit(context, "..", PROC_ROOT_NUMBER, S_IFDIR);
}

/* Truncation (open with O_TRUNC, as a shell's > does) means nothing here, and chmod is not kept. */
static int proc_setattr(struct inode *inode, const struct attr_change *change)
{
    return (change->valid & (ATTR_MODE | ATTR_UID | ATTR_GID)) != 0 ? -EPERM : 0;
}

const struct inode_ops proc_plain_ops = {.setattr = proc_setattr};

/* ---- Links that are always there ------------------------------------------------------------- */

static ssize_t self_readlink(struct inode *inode, char *buffer, size_t size_bytes)
{
    const struct procfs_task_ops *tasks = proc_task_ops();
    char text[48] = "";

    switch (proc_inode_of(inode)->fd) { /* which of them: its index in `links` */
    case 0: strlcpy(text, "self/mounts", sizeof(text)); break;
    case 1:
        if (tasks != NULL) {
            ksnprintf(text, sizeof(text), "%d", tasks->self_group());
        }
        break;
    default:
        if (tasks != NULL) {
            ksnprintf(text, sizeof(text), "%d/task/%d", tasks->self_group(), tasks->self_thread());
        }
        break;
    }
    size_bytes = min_of(size_bytes, strlen(text));
    memcpy(buffer, text, size_bytes);
    return (ssize_t)size_bytes;
}

static const struct inode_ops self_link_ops = {.readlink = self_readlink};
static const char *const links[] = {"mounts", "self", "thread-self"};

static int lookup_link(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    for (unsigned i = 0; i < array_size(links); i++) {
        struct proc_inode *node;
        int error;

        if (!proc_name_is(name, len, links[i])) {
            continue;
        }
        error = proc_inode_create(dir->super, 2 + i, S_IFLNK | 0777, &self_link_ops, NULL, &node);
        if (error == 0) {
            node->fd = (int)i;
            *out = &node->inode;
        }
        return error;
    }
    return -ENOENT;
}

/* ---- Directories of registered files --------------------------------------------------------- */

static const struct inode_ops proc_dir_ops;
static const struct file_ops proc_dir_file_ops;

static int make_dir(struct super *super, const char *path, size_t len, struct inode **out)
{
    char *prefix = kmalloc(len + 2, ALLOC_KERNEL);
    struct proc_inode *node;
    int error;

    if (prefix == NULL) {
        return -ENOMEM;
    }
    memcpy(prefix, path, len);
    strlcpy(prefix + len, len != 0 ? "/" : "", 2);
    error = proc_inode_create(super, len != 0 ? path_number(path, len) : PROC_ROOT_NUMBER,
                              S_IFDIR | 0555, &proc_dir_ops, &proc_dir_file_ops, &node);
    if (error != 0) {
        kfree(prefix);
        return error;
    }
    node->prefix = prefix;
    *out = &node->inode;
    return 0;
}

static int make_file(struct super *super, const struct procfs_file *file, struct inode **out)
{
    struct proc_inode *node;
    int error = proc_inode_create(super, path_number(file->path, strlen(file->path)),
                                  S_IFREG | (file->mode & 0777), &proc_plain_ops, &proc_file_ops,
                                  &node);

    if (error == 0) {
        node->file = file;
        *out = &node->inode;
    }
    return error;
}

static int proc_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    const char *prefix = proc_inode_of(dir)->prefix;
    const struct procfs_file *file = NULL;
    int error;

    while ((file = file_at(file)) != NULL) {
        const char *entry;
        bool is_dir;

        if (entry_in(file, prefix, &entry, &is_dir) == len && memcmp(entry, name, len) == 0) {
            return is_dir
                       ? make_dir(dir->super, file->path, (size_t)(entry - file->path) + len, out)
                       : make_file(dir->super, file, out);
        }
    }
    if (prefix[0] != '\0') {
        return -ENOENT;
    }
    error = lookup_link(dir, name, len, out);
    return error == -ENOENT ? proc_task_lookup_root(dir, name, len, out) : error;
}

/* Whether an earlier file already gave the directory this entry. */
static bool is_repeated(const struct procfs_file *file, const char *prefix, const char *name,
                        size_t len)
{
    const struct procfs_file *earlier = NULL;

    while ((earlier = file_at(earlier)) != file) {
        const char *other;
        bool is_dir;

        if (entry_in(earlier, prefix, &other, &is_dir) == len && memcmp(other, name, len) == 0) {
            return true;
        }
    }
    return false;
}

/* Entries from registered files: the n-th of the list has position 2 + n. Returns false: stop. */
static bool list_registered(struct dir_context *context, const char *prefix, uint64_t *nr)
{
    const struct procfs_file *file = NULL;

    for (*nr = 0; (file = file_at(file)) != NULL; (*nr)++) {
        char text[NAME_MAX + 1];
        const char *name;
        bool is_dir;
        size_t len;

        if (context->position > *nr + 2) {
            continue;
        }
        context->position = *nr + 2;
        len = entry_in(file, prefix, &name, &is_dir);
        if (len == 0 || len > NAME_MAX || is_repeated(file, prefix, name, len)) {
            continue;
        }
        memcpy(text, name, len);
        text[len] = '\0';
        if (!proc_emit(context, text, path_number(file->path, (size_t)(name - file->path) + len),
                       is_dir ? S_IFDIR : S_IFREG)) {
            return false;
        }
    }
    context->position = max_of(context->position, *nr + 2);
    return true;
}

static int proc_readdir(struct file *file, struct dir_context *context)
{
    const char *prefix = proc_inode_of(file->inode)->prefix;
    uint64_t nr = 0;

    if (!proc_emit_dots(context, file->inode->number)) {
        return 0;
    }
    if (context->position < PROC_TASKS_POSITION) {
        if (!list_registered(context, prefix, &nr) || prefix[0] != '\0') {
            return 0;
        }
        for (uint64_t i = 0; i < array_size(links); i++) {
            if (context->position == nr + 2 + i && !proc_emit(context, links[i], 2 + i, S_IFLNK)) {
                return 0;
            }
        }
        context->position = PROC_TASKS_POSITION;
    }
    proc_task_list(context, PROC_TASKS_POSITION);
    return 0;
}

static const struct inode_ops proc_dir_ops = {.lookup = proc_lookup, .setattr = proc_setattr};
static const struct file_ops proc_dir_file_ops = {.readdir = proc_readdir};

/* ---- The file system ------------------------------------------------------------------------- */

static int proc_mount(struct super *super, const char *options)
{
    super->ops = &proc_super_ops;
    super->name_caching = NAMES_VOLATILE;
    super->flags |= SUPER_NOATIME;
    return make_dir(super, "", 0, &super->root);
}

static struct fs_type proc_type = {.name = "proc", .mount = proc_mount};

void procfs_init(void)
{
    fs_type_register(&proc_type);
    proc_files_register();
    proc_memory_register();
    proc_frames_register();
    proc_debug_register();
    proc_commit_register();
    proc_swap_register();
}
