// SPDX-License-Identifier: MIT
/* What tmpfs.c and tmpfs_dir.c share. */
#ifndef CAIRN_FS_TMPFS_TMPFS_INTERNAL_H
#define CAIRN_FS_TMPFS_TMPFS_INTERNAL_H

#include "fs/tmpfs/tmpfs.h"
#include "fs/vfs/file.h"
#include "kernel/base/rbtree.h"

struct tmpfs_super {
    struct spinlock lock;         /* LOCK_RANK_INODE_HASH: the entries of all its directories */
    struct inode *root;           /* [I] with a reference; NULL for nameless files */
    uint64_t max_pages;           /* [I] UINT64_MAX: no limit */
    uint64_t max_inodes;          /* [I] */
    _Atomic uint64_t nr_pages;    /* [a] settled and reserved */
    _Atomic uint64_t nr_inodes;   /* [a] */
    _Atomic uint64_t last_number; /* [a] */
};

struct tmpfs_inode {
    struct inode inode;
    /* [inode.state_lock] what of the mapping's pages is counted in the super block */
    uint64_t nr_pages;
    char *target;             /* [I] of a symlink */
    struct rb_tree by_name;   /* [super's lock] struct tmpfs_entry, of a directory */
    struct rb_tree by_cookie; /* [super's lock] the same, in the order that readdir follows */
    uint64_t last_cookie;     /* [super's lock] */
    /* [super's lock] of a directory: no reference, since it can't go first; itself for the root */
    struct tmpfs_inode *parent;
};

struct tmpfs_entry {
    struct rb_node name_node;   /* [super's lock] */
    struct rb_node cookie_node; /* [super's lock] */
    uint64_t cookie;            /* [I] readdir's position; never used again in its directory */
    struct inode *inode;        /* [I] with a reference */
    uint8_t len;                /* [I] */
    char name[];                /* [I] */
};

static inline struct tmpfs_super *tmpfs_super_of(const struct inode *inode)
{
    return inode->super->fs_data;
}

static inline struct tmpfs_inode *tmpfs_inode_of(struct inode *inode)
{
    return container_of(inode, struct tmpfs_inode, inode);
}

/** A new inode of any type, in no directory yet, nr_links 1 (directories 2). Returns 0, -ENOSPC
 *  or -ENOMEM. */
int must_check tmpfs_inode_create(struct super *super, uint32_t mode, uint32_t dev_number,
                                  uid_t uid, gid_t gid, struct inode **inode);

/** Remove every entry below a directory, however deep: the file system ends. */
void tmpfs_purge(struct tmpfs_inode *top);

extern const struct file_ops tmpfs_file_ops;
extern const struct inode_ops tmpfs_file_inode_ops;
extern const struct inode_ops tmpfs_symlink_ops;

int tmpfs_setattr(struct inode *inode, const struct attr_change *change);
int tmpfs_getattr(struct inode *inode);

#endif
