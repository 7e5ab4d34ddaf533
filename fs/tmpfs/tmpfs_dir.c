// SPDX-License-Identifier: MIT
/* tmpfs: directories.
 *
 * An entry stands in two trees of its directory: by name, for lookups, and by cookie, for
 * readdir. Cookies only grow and are never used twice, so a reader that stopped at cookie c goes
 * on at the first entry above c: entries removed meanwhile are simply not there, and none that
 * stays is skipped or told twice.
 *
 * Locks. The VFS holds inode->lock of the directory around all of this, for reading or writing.
 * The trees are under the super block's spinlock as well, since devfs adds names by itself while
 * somebody reads. */
#include "fs/tmpfs/tmpfs_internal.h"
#include "kernel/abi/dirent.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

#define DIR_ENTRY_BYTES 20u /* what an entry adds to a directory's size, as on Linux */

struct name_key {
    const char *text;
    size_t len;
};

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, min_of(a_len, b_len));

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_key(const struct rb_node *node, const void *key)
{
    const struct tmpfs_entry *entry = rb_entry(node, struct tmpfs_entry, name_node);
    const struct name_key *name = key;

    return compare_bytes(entry->name, entry->len, name->text, name->len);
}

static int compare_names(const struct rb_node *a, const struct rb_node *b)
{
    const struct tmpfs_entry *entry = rb_entry(b, struct tmpfs_entry, name_node);
    struct name_key key = {entry->name, entry->len};

    return compare_key(a, &key);
}

static int compare_cookie(const struct rb_node *node, const void *key)
{
    uint64_t cookie = rb_entry(node, struct tmpfs_entry, cookie_node)->cookie;
    uint64_t wanted = *(const uint64_t *)key;

    return (cookie > wanted) - (cookie < wanted);
}

static int compare_cookies(const struct rb_node *a, const struct rb_node *b)
{
    return compare_cookie(a, &rb_entry(b, struct tmpfs_entry, cookie_node)->cookie);
}

/* ---- Entries --------------------------------------------------------------------------------- */

static struct tmpfs_entry *find_entry(struct tmpfs_inode *dir, const char *name, size_t len)
{
    struct name_key key = {name, len};
    struct rb_node *node = rbtree_find(&dir->by_name, &key, compare_key);

    return node != NULL ? rb_entry(node, struct tmpfs_entry, name_node) : NULL;
}

static struct tmpfs_entry *make_entry(const char *name, size_t len, struct inode *inode)
{
    struct tmpfs_entry *entry = kmalloc(sizeof(*entry) + len + 1, ALLOC_KERNEL);

    if (entry != NULL) {
        entry->inode = inode;
        entry->len = (uint8_t)len;
        memcpy(entry->name, name, len);
        entry->name[len] = '\0';
    }
    return entry;
}

static void insert_locked(struct tmpfs_inode *dir, struct tmpfs_entry *entry)
{
    entry->cookie = ++dir->last_cookie;
    rbtree_insert(&dir->by_cookie, &entry->cookie_node, compare_cookies);
    inode_set_size(&dir->inode, inode_size(&dir->inode) + DIR_ENTRY_BYTES);
    if (inode_is(entry->inode, S_IFDIR)) {
        tmpfs_inode_of(entry->inode)->parent = dir;
    }
}

/* Returns whether the name was free. The entry's reference to its inode must have been taken. */
static bool insert_entry(struct tmpfs_inode *dir, struct tmpfs_entry *entry)
{
    struct tmpfs_super *fs = tmpfs_super_of(&dir->inode);
    bool is_free;

    spin_lock(&fs->lock);
    is_free = rbtree_insert_unique(&dir->by_name, &entry->name_node, compare_names) == NULL;
    if (is_free) {
        insert_locked(dir, entry);
    }
    spin_unlock(&fs->lock);
    return is_free;
}

static void remove_locked(struct tmpfs_inode *dir, struct tmpfs_entry *entry)
{
    rbtree_erase(&dir->by_name, &entry->name_node);
    rbtree_erase(&dir->by_cookie, &entry->cookie_node);
    inode_set_size(&dir->inode, inode_size(&dir->inode) - DIR_ENTRY_BYTES);
}

/* Take an entry out. Returns it; it is the caller's to free, with its reference. */
static struct tmpfs_entry *remove_entry(struct tmpfs_inode *dir, const char *name, size_t len)
{
    struct tmpfs_super *fs = tmpfs_super_of(&dir->inode);
    struct tmpfs_entry *entry;

    spin_lock(&fs->lock);
    entry = find_entry(dir, name, len);
    if (entry != NULL) {
        remove_locked(dir, entry);
    }
    spin_unlock(&fs->lock);
    return entry;
}

static void free_entry(struct tmpfs_entry *entry)
{
    inode_put(entry->inode);
    kfree(entry);
}

int tmpfs_find(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    struct tmpfs_super *fs = tmpfs_super_of(dir);
    struct tmpfs_entry *entry;
    int error = -ENOENT;

    spin_lock(&fs->lock);
    entry = find_entry(tmpfs_inode_of(dir), name, len);
    if (entry != NULL) {
        inode_hold(entry->inode);
        *out = entry->inode;
        error = 0;
    }
    spin_unlock(&fs->lock);
    return error;
}

/* ---- Operations ------------------------------------------------------------------------------ */

/* Give a fresh inode a name; its one reference becomes the entry's, a further one the caller's. */
static int add_named(struct inode *dir, const char *name, size_t len, struct inode *inode)
{
    struct tmpfs_entry *entry = make_entry(name, len, inode);
    int error = 0;

    if (entry == NULL) {
        error = -ENOMEM;
    } else if (!insert_entry(tmpfs_inode_of(dir), entry)) {
        error = -EEXIST;
    }
    if (error != 0) {
        kfree(entry);
        inode->nr_links = 0;
        inode_put(inode);
        return error;
    }
    if (inode_is(inode, S_IFDIR)) {
        dir->nr_links++;
    }
    inode_hold(inode);
    inode_touch_modified(dir);
    return 0;
}

static int tmpfs_create(struct inode *dir, const char *name, size_t len, uint32_t mode,
                        uint32_t dev_number, uid_t uid, gid_t gid, struct inode **out)
{
    struct inode *inode;
    int error = tmpfs_inode_create(dir->super, mode, dev_number, uid, gid, &inode);

    if (error == 0) {
        error = add_named(dir, name, len, inode);
    }
    if (error == 0) {
        *out = inode;
    }
    return error;
}

static int tmpfs_mkdir(struct inode *dir, const char *name, size_t len, uint32_t mode, uid_t uid,
                       gid_t gid, struct inode **out)
{
    return tmpfs_create(dir, name, len, S_IFDIR | (mode & 07777), 0, uid, gid, out);
}

static int tmpfs_symlink(struct inode *dir, const char *name, size_t len, const char *target,
                         uid_t uid, gid_t gid, struct inode **out)
{
    char *copy = kstrdup(target, ALLOC_KERNEL);
    struct inode *inode;
    int error;

    if (copy == NULL) {
        return -ENOMEM;
    }
    error = tmpfs_inode_create(dir->super, S_IFLNK | 0777, 0, uid, gid, &inode);
    if (error != 0) {
        kfree(copy);
        return error;
    }
    tmpfs_inode_of(inode)->target = copy;
    inode_set_size(inode, strlen(copy));
    error = add_named(dir, name, len, inode);
    if (error == 0) {
        *out = inode;
    }
    return error;
}

static int tmpfs_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    struct tmpfs_entry *entry = make_entry(name, len, target);

    if (entry == NULL) {
        return -ENOMEM;
    }
    inode_hold(target);
    if (!insert_entry(tmpfs_inode_of(dir), entry)) {
        free_entry(entry);
        return -EEXIST;
    }
    target->nr_links++;
    inode_touch_changed(target);
    inode_touch_modified(dir);
    return 0;
}

static int tmpfs_unlink(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    struct tmpfs_entry *entry = remove_entry(tmpfs_inode_of(dir), name, len);

    if (entry == NULL) {
        return -ENOENT;
    }
    target->nr_links--;
    inode_touch_changed(target);
    inode_touch_modified(dir);
    free_entry(entry);
    return 0;
}

static bool is_empty_dir(struct inode *dir)
{
    struct tmpfs_super *fs = tmpfs_super_of(dir);
    bool result;

    spin_lock(&fs->lock);
    result = rbtree_is_empty(&tmpfs_inode_of(dir)->by_name);
    spin_unlock(&fs->lock);
    return result;
}

static int tmpfs_rmdir(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    struct tmpfs_entry *entry;

    if (!is_empty_dir(target)) {
        return -ENOTEMPTY;
    }
    entry = remove_entry(tmpfs_inode_of(dir), name, len);
    if (entry == NULL) {
        return -ENOENT;
    }
    target->nr_links = 0;
    dir->nr_links--;
    inode_touch_changed(target);
    inode_touch_modified(dir);
    free_entry(entry);
    return 0;
}

/* One step under the lock: nobody sees the file with no name, or the target missing. */
static struct tmpfs_entry *swap_entries(struct inode *old_dir, const char *old_name, size_t old_len,
                                        struct inode *new_dir, struct tmpfs_entry *fresh,
                                        struct tmpfs_entry **replaced)
{
    struct tmpfs_super *fs = tmpfs_super_of(old_dir);
    struct tmpfs_inode *to = tmpfs_inode_of(new_dir);
    struct tmpfs_entry *old;

    spin_lock(&fs->lock);
    old = find_entry(tmpfs_inode_of(old_dir), old_name, old_len);
    if (old != NULL) {
        remove_locked(tmpfs_inode_of(old_dir), old);
        *replaced = find_entry(to, fresh->name, fresh->len);
        if (*replaced != NULL) {
            remove_locked(to, *replaced);
        }
        rbtree_insert(&to->by_name, &fresh->name_node, compare_names);
        insert_locked(to, fresh);
    }
    spin_unlock(&fs->lock);
    return old;
}

static int tmpfs_rename(struct inode *old_dir, const char *old_name, size_t old_len,
                        struct inode *new_dir, const char *new_name, size_t new_len,
                        struct inode *source, struct inode *replaced)
{
    bool is_dir = inode_is(source, S_IFDIR);
    struct tmpfs_entry *fresh;
    struct tmpfs_entry *old;
    struct tmpfs_entry *gone = NULL;

    if (replaced != NULL && is_dir && !is_empty_dir(replaced)) {
        return -ENOTEMPTY;
    }
    fresh = make_entry(new_name, new_len, source);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    inode_hold(source);
    old = swap_entries(old_dir, old_name, old_len, new_dir, fresh, &gone);
    if (old == NULL) {
        free_entry(fresh);
        return -ENOENT;
    }
    if (is_dir) {
        old_dir->nr_links--;
        new_dir->nr_links++;
    }
    if (replaced != NULL) {
        replaced->nr_links = is_dir ? 0 : replaced->nr_links - 1;
        new_dir->nr_links -= is_dir;
        inode_touch_changed(replaced);
    }
    inode_touch_changed(source);
    inode_touch_modified(old_dir);
    inode_touch_modified(new_dir);
    free_entry(old);
    if (gone != NULL) {
        free_entry(gone);
    }
    return 0;
}

const struct inode_ops tmpfs_dir_ops = {
    .lookup = tmpfs_find,
    .create = tmpfs_create,
    .mkdir = tmpfs_mkdir,
    .symlink = tmpfs_symlink,
    .link = tmpfs_link,
    .unlink = tmpfs_unlink,
    .rmdir = tmpfs_rmdir,
    .rename = tmpfs_rename,
    .setattr = tmpfs_setattr,
    .getattr = tmpfs_getattr,
};

int tmpfs_add(struct inode *dir, const char *name, uint32_t mode, uint32_t dev_number,
              const char *target)
{
    struct inode *inode;
    int error;

    if (target != NULL) {
        error = tmpfs_symlink(dir, name, strlen(name), target, 0, 0, &inode);
    } else {
        error = tmpfs_create(dir, name, strlen(name), mode, dev_number, 0, 0, &inode);
    }
    if (error == 0) {
        inode_put(inode);
    }
    return error;
}

/* ---- Reading --------------------------------------------------------------------------------- */

struct found_entry { /* a copy, since the reader may sleep */
    uint64_t cookie, number;
    uint32_t mode;
    uint8_t len;
    char name[NAME_MAX + 1];
};

/* The first entry at or after the cookie. */
static bool next_entry(struct tmpfs_inode *dir, uint64_t cookie, struct found_entry *found)
{
    struct tmpfs_super *fs = tmpfs_super_of(&dir->inode);
    struct rb_node *node;

    spin_lock(&fs->lock);
    node = rbtree_lower_bound(&dir->by_cookie, &cookie, compare_cookie);
    if (node != NULL) {
        const struct tmpfs_entry *entry = rb_entry(node, struct tmpfs_entry, cookie_node);

        found->cookie = entry->cookie;
        found->number = entry->inode->number;
        found->mode = entry->inode->mode;
        found->len = entry->len;
        memcpy(found->name, entry->name, entry->len);
    }
    spin_unlock(&fs->lock);
    return node != NULL;
}

static uint64_t parent_number(struct tmpfs_inode *dir)
{
    struct tmpfs_super *fs = tmpfs_super_of(&dir->inode);
    uint64_t number;

    spin_lock(&fs->lock);
    number = dir->parent->inode.number;
    spin_unlock(&fs->lock);
    return number;
}

static int tmpfs_readdir(struct file *file, struct dir_context *context)
{
    struct tmpfs_inode *dir = tmpfs_inode_of(file->inode);
    struct found_entry found;

    while (context->position < 2) {
        struct dir_entry dot = {.name = "..",
                                .name_len = context->position + 1,
                                .next_position = context->position + 1,
                                .type = DT_DIR};

        dot.inode_number = context->position == 0 ? dir->inode.number : parent_number(dir);
        if (!context->emit(context, &dot)) {
            return 0;
        }
        context->position++;
    }
    while (next_entry(dir, context->position, &found)) {
        struct dir_entry entry = {.name = found.name,
                                  .name_len = found.len,
                                  .inode_number = found.number,
                                  .next_position = found.cookie + 1,
                                  .type = (uint8_t)((found.mode & S_IFMT) >> 12)};

        if (!context->emit(context, &entry)) {
            break;
        }
        context->position = found.cookie + 1;
    }
    return 0;
}

static int tmpfs_dir_fsync(struct file *file, uint64_t first, uint64_t last, bool is_datasync)
{
    return 0;
}

const struct file_ops tmpfs_dir_file_ops = {
    .readdir = tmpfs_readdir,
    .fsync = tmpfs_dir_fsync,
};

/* ---- The end --------------------------------------------------------------------------------- */

void tmpfs_purge(struct tmpfs_inode *top)
{
    struct tmpfs_inode *dir = top;

    /* Down while there are full directories, up when one is empty: no recursion, whatever the
     * depth. */
    for (;;) {
        struct rb_node *node = rbtree_first(&dir->by_cookie);
        struct tmpfs_entry *entry;

        if (node == NULL) {
            if (dir == top) {
                return;
            }
            dir = dir->parent;
            continue;
        }
        entry = rb_entry(node, struct tmpfs_entry, cookie_node);
        if (inode_is(entry->inode, S_IFDIR) &&
            !rbtree_is_empty(&tmpfs_inode_of(entry->inode)->by_name)) {
            dir = tmpfs_inode_of(entry->inode);
            continue;
        }
        remove_locked(dir, entry);
        free_entry(entry);
    }
}
