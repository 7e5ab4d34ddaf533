// SPDX-License-Identifier: MIT
/* The path walk: from a text to the place it names. There is only this one.
 *
 * A walk stands at a place (mount, dentry) and has a rest of text. Each round takes one name off
 * the text and moves: "." stays; ".." goes to the parent, from a mount's root to where it is
 * mounted, and never above the context's root; any other name is looked up in the dentry cache,
 * else in the file system. If something is mounted on what was found, the walk goes into it. If
 * it is a symlink, its target is put before the rest of the text and the walk goes on: from the
 * root if it begins with '/', else from where the link stands. After 40 links it ends with
 * ELOOP. A magic link (procfs) has no text: the walk jumps to the object.
 *
 * So recursion isn't needed, and the memory is the text alone: the caller's string, until a
 * symlink makes it one of our own.
 *
 * Locks and references. The walk holds references to where it stands and no lock between steps.
 * Every directory must be searchable (x). A name that is not in the cache is looked up with its
 * directory's inode->lock held for READING; changes hold it for writing, so the answer is still
 * true when it enters the cache. */
#include "fs/vfs/mount.h"
#include "fs/vfs/super.h"
#include "fs/vfs/walk.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

#define MAX_SYMLINKS 40u

void path_get(const struct path *path)
{
    if (path->mount != NULL) {
        mount_get(path->mount);
    }
    dentry_get(path->dentry);
}

void path_put(const struct path *path)
{
    dentry_put(path->dentry);
    mount_put(path->mount);
}

int path_check_writable(const struct path *path)
{
    return (mount_flags(path->mount, path->dentry->super) & SUPER_RDONLY) != 0 ? -EROFS : 0;
}

int path_begin_change(const struct path *path)
{
    int error = path_check_writable(path);

    return error != 0 ? error : super_begin_change(path->dentry->super);
}

void path_end_change(const struct path *path)
{
    super_end_change(path->dentry->super);
}

/* ---- Looking up one name --------------------------------------------------------------------- */

int walk_lookup_locked(struct dentry *parent, const struct dentry_name *name, struct dentry **out)
{
    struct inode *dir = parent->inode;
    struct dentry *dentry = dentry_lookup(parent, name);
    struct inode *inode = NULL;
    int error;

    if (dentry != NULL) {
        *out = dentry;
        return 0;
    }
    if (dir->nr_links == 0) {
        return -ENOENT; /* a removed directory that somebody still stands in */
    }
    if (dir->ops->lookup == NULL) {
        return -ENOTDIR;
    }
    error = dir->ops->lookup(dir, name->text, name->len, &inode);
    if (error != 0 && error != -ENOENT) {
        return error;
    }
    return dentry_add(parent, name, error == 0 ? inode : NULL, out);
}

int walk_lookup(struct dentry *parent, const struct dentry_name *name, struct dentry **out)
{
    struct dentry *dentry = dentry_lookup(parent, name);
    int error;

    if (likely(dentry != NULL)) {
        *out = dentry;
        return 0;
    }
    rwlock_read_lock(&parent->inode->lock);
    error = walk_lookup_locked(parent, name, out);
    rwlock_read_unlock(&parent->inode->lock);
    return error;
}

/* ---- Moving ---------------------------------------------------------------------------------- */

/* Stand at `to`, whose references are taken over. */
static void move_to(struct walk *walk, struct path to)
{
    struct path from = walk->path;

    walk->path = to;
    path_put(&from);
}

static void move_to_root(struct walk *walk)
{
    struct path root = walk->context->root;

    path_get(&root);
    move_to(walk, root);
}

void walk_step(struct walk *walk, struct dentry *child)
{
    struct dentry *from = walk->path.dentry;

    walk->path.dentry = child;
    if (unlikely((atomic_load_explicit(&child->flags, memory_order_relaxed) & DENTRY_MOUNT_POINT) !=
                 0)) {
        mount_cross_down(&walk->path);
    }
    dentry_put(from);
}

static void step_up(struct walk *walk)
{
    const struct path *root = &walk->context->root;
    struct path *path = &walk->path;
    struct dentry *parent;

    do {
        if (path->dentry == root->dentry && path->mount == root->mount) {
            return;
        }
    } while (path->mount != NULL && path->dentry == path->mount->root && mount_cross_up(path));
    parent = dentry_get_parent(path->dentry);
    dentry_put(path->dentry);
    path->dentry = parent;
    if ((atomic_load_explicit(&parent->flags, memory_order_relaxed) & DENTRY_MOUNT_POINT) != 0) {
        mount_cross_down(path);
    }
}

/* Put a symlink's target before the rest of the text. */
static int push_target(struct walk *walk, struct inode *link)
{
    size_t rest_len = strlen(walk->rest);
    uint64_t size = inode_size(link);
    size_t room = size > 0 && size < PATH_MAX ? (size_t)size : PATH_MAX - 1;
    char *text = kmalloc(room + rest_len + 1, ALLOC_KERNEL);
    ssize_t len;

    if (text == NULL) {
        return -ENOMEM;
    }
    len = link->ops->readlink != NULL ? link->ops->readlink(link, text, room) : -EINVAL;
    if (len <= 0 || (size_t)len > room || memchr(text, '\0', (size_t)len) != NULL) {
        kfree(text);
        return len < 0 ? (int)len : -ENOENT;
    }
    memcpy(text + len, walk->rest, rest_len + 1);
    kfree(walk->buffer);
    walk->buffer = text;
    walk->rest = text;
    inode_touch_accessed(link, mount_flags(walk->path.mount, link->super));
    if (text[0] == '/') {
        move_to_root(walk);
    }
    return 0;
}

int walk_follow(struct walk *walk, struct dentry *dentry)
{
    struct inode *link = dentry->inode;
    int error;

    if (++walk->nr_links > MAX_SYMLINKS) {
        error = -ELOOP;
    } else if (link->ops->follow_link != NULL) {
        struct path target;

        error = link->ops->follow_link(link, &target);
        if (error == 0) {
            move_to(walk, target);
        }
    } else {
        error = push_target(walk, link);
    }
    dentry_put(dentry);
    return error;
}

static int step_to_name(struct walk *walk, const struct dentry_name *name, bool follow)
{
    struct dentry *child;
    int error = walk_lookup(walk->path.dentry, name, &child);

    if (error != 0) {
        return error;
    }
    if (child->inode == NULL) {
        dentry_put(child);
        return -ENOENT;
    }
    if (follow && inode_is(child->inode, S_IFLNK)) {
        return walk_follow(walk, child);
    }
    walk_step(walk, child);
    return 0;
}

/* ---- The loop -------------------------------------------------------------------------------- */

int walk_begin(struct walk *walk, const struct walk_context *context, const char *name,
               bool allow_empty)
{
    walk->context = context;
    walk->path = name[0] == '/' ? context->root : context->cwd;
    path_get(&walk->path);
    walk->rest = name;
    walk->buffer = NULL;
    walk->nr_links = 0;
    walk->last_type = LAST_NONE;
    walk->has_slash = false;
    return name[0] == '\0' && !allow_empty ? -ENOENT : 0;
}

void walk_end(struct walk *walk)
{
    path_put(&walk->path);
    kfree(walk->buffer);
}

/* Take the next name off the text: its hash and length, and what kind it is. Returns what is
 * behind it. */
static const char *parse_name(const char *text, struct dentry_name *name, enum walk_last *type)
{
    const char *end = text;
    uint32_t hash = 0x811c9dc5u; /* as dentry_hash() */
    size_t len;

    for (; *end != '/' && *end != '\0'; end++) {
        hash = (hash ^ (uint8_t)*end) * 0x01000193u;
    }
    len = (size_t)(end - text);
    *type = LAST_NAME;
    if (text[0] == '.' && len <= 2) {
        if (len == 1) {
            *type = LAST_DOT;
        } else if (text[1] == '.') {
            *type = LAST_DOTDOT;
        }
    }
    name->text = text;
    name->hash = hash;
    name->len = len <= NAME_MAX ? (uint8_t)len : 0;
    return end;
}

static int walk_loop(struct walk *walk, bool stop_at_last, bool follow_last)
{
    for (;;) {
        struct inode *dir = walk->path.dentry->inode;
        struct dentry_name name;
        enum walk_last type;
        const char *after;
        const char *next;
        int error;

        while (*walk->rest == '/') {
            walk->rest++;
        }
        if (*walk->rest == '\0') {
            walk->last_type = LAST_NONE;
            return 0;
        }
        if (!inode_is(dir, S_IFDIR)) {
            return -ENOTDIR;
        }
        error = walk_permission(dir, walk->context->cred, ACCESS_EXEC);
        if (error != 0) {
            return error;
        }
        after = parse_name(walk->rest, &name, &type);
        if (name.len == 0) {
            return -ENAMETOOLONG;
        }
        for (next = after; *next == '/'; next++) {
        }
        if (*next == '\0') {
            walk->has_slash = next != after;
            if (stop_at_last) {
                walk->last = name;
                walk->last_type = type;
                walk->rest = after;
                return 0;
            }
        }
        walk->rest = after;
        if (type == LAST_DOTDOT) {
            step_up(walk);
        } else if (type == LAST_NAME) {
            error = step_to_name(walk, &name, follow_last || *after != '\0');
            if (error != 0) {
                return error;
            }
        }
    }
}

int walk_to_last(struct walk *walk)
{
    return walk_loop(walk, true, true);
}

int walk_to_end(struct walk *walk, bool follow_last)
{
    return walk_loop(walk, false, follow_last);
}

int path_walk(const struct walk_context *context, const char *name, unsigned flags,
              struct path *result)
{
    struct walk walk;
    int error = walk_begin(&walk, context, name, (flags & WALK_EMPTY_OK) != 0);

    if (error == 0) {
        error = walk_to_end(&walk, (flags & WALK_FOLLOW) != 0);
    }
    if (error == 0 && (walk.has_slash || (flags & WALK_DIRECTORY) != 0) &&
        !inode_is(walk.path.dentry->inode, S_IFDIR)) {
        error = -ENOTDIR;
    }
    if (error != 0) {
        walk_end(&walk);
        return error;
    }
    kfree(walk.buffer);
    *result = walk.path; /* with the walk's references */
    return 0;
}
