// SPDX-License-Identifier: MIT
/* tmpfs: mounting it, its options, its inodes' memory; and files that have no name in any
 * directory, which live in a tmpfs that is mounted nowhere. */
#include "fs/tmpfs/tmpfs.h"
#include "fs/tmpfs/tmpfs_internal.h"
#include "fs/vfs/dentry.h"
#include "fs/vfs/options.h"
#include "fs/vfs/super.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/statfs.h"
#include "kernel/base/once.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/commit.h"
#include "mm/frames.h"
#include "mm/kmalloc.h"
#include "mm/slab.h"

SLAB_CACHE(tmpfs_inode_cache, struct tmpfs_inode, NULL);

static struct inode *tmpfs_alloc_inode(struct super *super)
{
    struct tmpfs_inode *node = slab_alloc(&tmpfs_inode_cache, ALLOC_KERNEL);

    if (node == NULL) {
        return NULL;
    }
    inode_init_fields(&node->inode);
    node->nr_pages = 0;
    node->nr_prepaid = 0;
    node->target = NULL;
    node->by_name = (struct rb_tree)RB_TREE_INIT;
    node->by_cookie = (struct rb_tree)RB_TREE_INIT;
    node->last_cookie = 1; /* 0 and 1 are "." and ".." */
    node->parent = node;
    return &node->inode;
}

static void tmpfs_free_inode(struct inode *inode)
{
    slab_free(&tmpfs_inode_cache, tmpfs_inode_of(inode));
}

static void tmpfs_evict_inode(struct inode *inode)
{
    struct tmpfs_inode *node = tmpfs_inode_of(inode);
    struct tmpfs_super *fs = tmpfs_super_of(inode);

    atomic_fetch_sub_explicit(&fs->nr_pages, node->nr_pages, memory_order_relaxed);
    atomic_fetch_sub_explicit(&fs->nr_inodes, 1, memory_order_relaxed);
    commit_uncharge(node->nr_prepaid);
    kfree(node->target);
}

/* ---- Super blocks ---------------------------------------------------------------------------- */

static int tmpfs_statfs(struct super *super, struct super_stats *stats)
{
    struct tmpfs_super *fs = super->fs_data;
    uint64_t nr_used = atomic_load_explicit(&fs->nr_pages, memory_order_relaxed);
    uint64_t nr_inodes = atomic_load_explicit(&fs->nr_inodes, memory_order_relaxed);
    uint64_t max_pages = fs->max_pages, max_inodes = fs->max_inodes;

    stats->type_magic = TMPFS_MAGIC;
    stats->block_size_bytes = PAGE_SIZE;
    if (max_pages != UINT64_MAX) {
        stats->nr_blocks = max_pages;
        stats->nr_free = stats->nr_available = max_pages - min_of(nr_used, max_pages);
    }
    if (max_inodes != UINT64_MAX) {
        stats->nr_inodes = max_inodes;
        stats->nr_inodes_free = max_inodes - min_of(nr_inodes, max_inodes);
    }
    return 0;
}

static void tmpfs_destroy(struct super *super)
{
    struct tmpfs_super *fs = super->fs_data;

    if (fs->root != NULL) {
        tmpfs_purge(tmpfs_inode_of(fs->root));
        inode_put(fs->root);
    }
    kfree(fs);
}

static size_t tmpfs_show_options(struct super *super, char *buffer, size_t size_bytes)
{
    struct frames_stats stats;
    struct tmpfs_super *fs = super->fs_data;

    if (fs->max_pages == UINT64_MAX) {
        return 0;
    }
    frames_get_stats(&stats);
    if (fs->max_inodes == UINT64_MAX || fs->max_inodes == stats.nr_total / 2) { /* the default */
        return (size_t)ksnprintf(buffer, size_bytes, ",size=%lluk",
                                 (unsigned long long)fs->max_pages * (PAGE_SIZE / 1024));
    }
    return (size_t)ksnprintf(buffer, size_bytes, ",size=%lluk,nr_inodes=%llu",
                             (unsigned long long)fs->max_pages * (PAGE_SIZE / 1024),
                             (unsigned long long)fs->max_inodes);
}

static int tmpfs_remount(struct super *super, uint32_t flags, const char *text);

static const struct super_ops tmpfs_super_ops = {
    .alloc_inode = tmpfs_alloc_inode,
    .free_inode = tmpfs_free_inode,
    .evict_inode = tmpfs_evict_inode,
    .remount = tmpfs_remount,
    .statfs = tmpfs_statfs,
    .destroy = tmpfs_destroy,
    .show_options = tmpfs_show_options,
};

struct tmpfs_options {
    uint64_t size_bytes; /* UINT64_MAX: no limit */
    uint64_t nr_inodes;
    uint64_t mode, uid, gid;
};

/* A number with k, m, g (or, of a size, % of memory) behind it. */
static int parse_size(const char *text, uint64_t *value)
{
    struct frames_stats stats;
    const char *end;
    uint64_t number;
    int error = parse_u64(text, 0, &end, &number);
    unsigned shift = 0;

    if (error != 0) {
        return error;
    }
    switch (char_to_lower(*end)) {
    case 'g': shift += 10; /* fall through */
    case 'm': shift += 10; /* fall through */
    case 'k':
        shift += 10;
        end++;
        break;
    case '%':
        frames_get_stats(&stats);
        number = stats.nr_total * PAGE_SIZE / 100 * number;
        end++;
        break;
    default: break;
    }
    if (*end != '\0' || number > UINT64_MAX >> shift) {
        return -EINVAL;
    }
    *value = number << shift;
    return 0;
}

static int parse_option(const char *text, struct tmpfs_options *options)
{
    if (strncmp(text, "size=", 5) == 0) {
        return parse_size(text + 5, &options->size_bytes);
    }
    if (strncmp(text, "nr_inodes=", 10) == 0) {
        return parse_size(text + 10, &options->nr_inodes);
    }
    if (strncmp(text, "mode=", 5) == 0) {
        return parse_u64(text + 5, 8, NULL, &options->mode);
    }
    if (strncmp(text, "uid=", 4) == 0) {
        return parse_u64(text + 4, 10, NULL, &options->uid);
    }
    if (strncmp(text, "gid=", 4) == 0) {
        return parse_u64(text + 4, 10, NULL, &options->gid);
    }
    return -EINVAL;
}

static int parse_options(const char *text, struct tmpfs_options *options)
{
    char option[MOUNT_OPTION_MAX];

    while (mount_option_next(&text, option)) {
        int error = parse_option(option, options);

        if (error != 0) {
            pr_warn("tmpfs: bad option \"%s\"", option);
            return error;
        }
    }
    return 0;
}

static uint64_t pages_of_size(uint64_t size_bytes)
{
    return size_bytes == UINT64_MAX || size_bytes == 0 ? UINT64_MAX
                                                       : (size_bytes + PAGE_MASK) >> PAGE_SHIFT;
}

/* Limits may change while it is in use, but not below what is in use. Mode and owner are those of the root, which
 * chmod and chown change. */
static int tmpfs_remount(struct super *super, uint32_t flags, const char *text)
{
    struct tmpfs_super *fs = super->fs_data;
    struct tmpfs_options options = {.nr_inodes = fs->max_inodes};
    uint64_t max_pages;
    int error;

    options.size_bytes = fs->max_pages == UINT64_MAX ? UINT64_MAX : fs->max_pages << PAGE_SHIFT;
    error = parse_options(text, &options);
    if (error != 0) {
        return error;
    }
    max_pages = pages_of_size(options.size_bytes);
    options.nr_inodes = options.nr_inodes != 0 ? options.nr_inodes : UINT64_MAX;
    if (max_pages < atomic_load_explicit(&fs->nr_pages, memory_order_relaxed) ||
        options.nr_inodes < atomic_load_explicit(&fs->nr_inodes, memory_order_relaxed)) {
        return -EINVAL;
    }
    fs->max_pages = max_pages;
    fs->max_inodes = options.nr_inodes;
    return 0;
}

static struct tmpfs_super *make_fs(uint64_t max_pages, uint64_t max_inodes)
{
    struct tmpfs_super *fs = kzalloc(sizeof(*fs), ALLOC_KERNEL);

    if (fs != NULL) {
        spin_init(&fs->lock, LOCK_RANK_INODE_HASH, "tmpfs");
        fs->max_pages = max_pages;
        fs->max_inodes = max_inodes != 0 ? max_inodes : UINT64_MAX;
    }
    return fs;
}

static int fill(struct super *super, const struct tmpfs_options *options)
{
    struct tmpfs_super *fs = make_fs(pages_of_size(options->size_bytes), options->nr_inodes);
    int error;

    if (fs == NULL) {
        return -ENOMEM;
    }
    super->ops = &tmpfs_super_ops;
    super->fs_data = fs;
    error = tmpfs_inode_create(super, S_IFDIR | ((uint32_t)options->mode & 07777), 0,
                               (uid_t)options->uid, (gid_t)options->gid, &super->root);
    if (error != 0) {
        kfree(fs);
        return error;
    }
    fs->root = super->root;
    inode_hold(fs->root);
    return 0;
}

int tmpfs_mount(struct super *super, const char *text)
{
    struct frames_stats stats;
    struct tmpfs_options options = {.mode = 01777};
    int error;

    frames_get_stats(&stats);
    options.size_bytes = stats.nr_total / 2 * PAGE_SIZE;
    options.nr_inodes = stats.nr_total / 2;
    error = parse_options(text, &options);
    return error != 0 ? error : fill(super, &options);
}

static int ramfs_mount(struct super *super, const char *text)
{
    struct tmpfs_options options = {
        .size_bytes = UINT64_MAX, .nr_inodes = UINT64_MAX, .mode = 0755};
    int error = parse_options(text, &options);

    return error != 0 ? error : fill(super, &options);
}

static struct fs_type tmpfs_type = {.name = "tmpfs", .mount = tmpfs_mount};
static struct fs_type ramfs_type = {.name = "ramfs", .mount = ramfs_mount};

void tmpfs_init(void)
{
    fs_type_register(&tmpfs_type);
    fs_type_register(&ramfs_type);
}

/* ---- Files with no name in any directory ----------------------------------------------------- */

static struct super *nameless_super; /* [once] */
static struct once nameless_once = ONCE_INIT("nameless files", ONCE_RETRY);

static int make_nameless_super(void *arg)
{
    struct tmpfs_super *fs = make_fs(UINT64_MAX, UINT64_MAX);
    struct super *super = super_create_internal(&tmpfs_type, &tmpfs_super_ops);

    if (fs == NULL || super == NULL) {
        kfree(fs);
        kfree(super);
        return -ENOMEM;
    }
    super->fs_data = fs;
    nameless_super = super;
    return 0;
}

static int make_nameless(uint64_t size_bytes, struct inode **out)
{
    int error = once_get(&nameless_once, make_nameless_super, NULL);

    if (error == 0) {
        error = tmpfs_inode_create(nameless_super, S_IFREG | 0777, 0, 0, 0, out);
    }
    if (error == 0) {
        (*out)->nr_links = 0;
        inode_set_size(*out, size_bytes);
    }
    return error;
}

/* Shared memory is promised as a whole: its users have no other call that could fail. */
static int prepay(struct inode *inode, uint64_t nr_pages)
{
    int error = commit_charge(nr_pages);

    if (error == 0) {
        tmpfs_inode_of(inode)->nr_prepaid = nr_pages;
        inode->mapping.is_prepaid = true;
    }
    return error;
}

int tmpfs_new_file(uint64_t size_bytes, bool is_reserved, struct file **file)
{
    struct inode *inode;
    int error = make_nameless(size_bytes, &inode);

    if (error != 0) {
        return error;
    }
    if (is_reserved) {
        error = prepay(inode, align_up(size_bytes, PAGE_SIZE) >> PAGE_SHIFT);
    }
    if (error == 0) {
        error = file_new(inode, &tmpfs_file_ops, O_RDWR, file);
    }
    if (error != 0) {
        inode_put(inode);
    }
    return error;
}

int tmpfs_new_named_file(const char *name, uint32_t open_flags, struct file **out)
{
    struct dentry *dentry;
    struct inode *inode;
    int error = make_nameless(0, &inode);

    if (error != 0) {
        return error;
    }
    dentry = dentry_new_anonymous(inode, name);
    if (dentry == NULL) {
        return -ENOMEM;
    }
    error = file_new(inode, &tmpfs_file_ops, O_RDWR | open_flags, out);
    if (error != 0) {
        dentry_put(dentry);
        return error;
    }
    (*out)->path.dentry = dentry; /* holds the inode from now on */
    return 0;
}
