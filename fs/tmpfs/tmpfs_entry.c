// SPDX-License-Identifier: MIT
/* tmpfs: the entries of directories.
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
#include "kernel/abi/errno.h"
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

struct tmpfs_entry *tmpfs_entry_make(const char *name, size_t len, struct inode *inode)
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

static void set_parent(struct tmpfs_entry *entry, struct tmpfs_inode *dir)
{
    if (inode_is(entry->inode, S_IFDIR)) {
        tmpfs_inode_of(entry->inode)->parent = dir;
    }
}

static void insert_locked(struct tmpfs_inode *dir, struct tmpfs_entry *entry)
{
    entry->cookie = ++dir->last_cookie;
    rbtree_insert(&dir->by_cookie, &entry->cookie_node, compare_cookies);
    inode_set_size(&dir->inode, inode_size(&dir->inode) + DIR_ENTRY_BYTES);
    set_parent(entry, dir);
}

bool tmpfs_entry_insert(struct tmpfs_inode *dir, struct tmpfs_entry *entry)
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

struct tmpfs_entry *tmpfs_entry_remove(struct tmpfs_inode *dir, const char *name, size_t len)
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

void tmpfs_entry_free(struct tmpfs_entry *entry)
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

bool tmpfs_dir_is_empty(struct inode *dir)
{
    struct tmpfs_super *fs = tmpfs_super_of(dir);
    bool result;

    spin_lock(&fs->lock);
    result = rbtree_is_empty(&tmpfs_inode_of(dir)->by_name);
    spin_unlock(&fs->lock);
    return result;
}

struct tmpfs_entry *tmpfs_entry_move(struct inode *old_dir, const char *old_name, size_t old_len,
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

int tmpfs_entry_exchange(struct inode *old_dir, const char *old_name, size_t old_len,
                         struct inode *new_dir, const char *new_name, size_t new_len)
{
    struct tmpfs_super *fs = tmpfs_super_of(old_dir);
    struct tmpfs_entry *a, *b;

    spin_lock(&fs->lock);
    a = find_entry(tmpfs_inode_of(old_dir), old_name, old_len);
    b = find_entry(tmpfs_inode_of(new_dir), new_name, new_len);
    if (a != NULL && b != NULL) {
        struct inode *inode = a->inode;

        a->inode = b->inode;
        b->inode = inode;
        set_parent(a, tmpfs_inode_of(old_dir));
        set_parent(b, tmpfs_inode_of(new_dir));
    }
    spin_unlock(&fs->lock);
    return a != NULL && b != NULL ? 0 : -ENOENT;
}

/* ---- Reading --------------------------------------------------------------------------------- */

bool tmpfs_entry_next(struct tmpfs_inode *dir, uint64_t cookie, struct tmpfs_found_entry *found)
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

uint64_t tmpfs_parent_number(struct tmpfs_inode *dir)
{
    struct tmpfs_super *fs = tmpfs_super_of(&dir->inode);
    uint64_t number;

    spin_lock(&fs->lock);
    number = dir->parent->inode.number;
    spin_unlock(&fs->lock);
    return number;
}

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
        tmpfs_entry_free(entry);
    }
}
