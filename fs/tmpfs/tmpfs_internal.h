// SPDX-License-Identifier: MIT
/* What the files of fs/tmpfs share among themselves. */
#ifndef CAIRN_FS_TMPFS_TMPFS_INTERNAL_H
#define CAIRN_FS_TMPFS_TMPFS_INTERNAL_H

#include "fs/tmpfs/tmpfs.h"
#include "fs/vfs/file.h"
#include "kernel/base/rbtree.h"

struct tmpfs_super {
    struct spinlock lock;         /* LOCK_RANK_INODE_HASH: the entries of all its directories */
    struct inode *root;           /* [I] with a reference; NULL for nameless files */
    _Atomic uint64_t max_pages;   /* [a] UINT64_MAX: no limit */
    _Atomic uint64_t max_inodes;  /* [a] */
    _Atomic uint64_t nr_pages;    /* [a] settled and reserved */
    _Atomic uint64_t nr_inodes;   /* [a] */
    _Atomic uint64_t last_number; /* [a] */
};

struct tmpfs_inode {
    struct inode inode;
    /* [inode.state_lock] what of the mapping's pages is counted in the super block */
    uint64_t nr_pages;
    uint64_t nr_prepaid;      /* [I] pages charged to the account of mm/commit.c when it was made */
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

/* ---- tmpfs_entry.c --------------------------------------------------------------------------- */

/** An entry in no directory yet, for an inode whose reference becomes the entry's. NULL when
 *  memory is short. */
struct tmpfs_entry *must_check tmpfs_entry_make(const char *name, size_t len, struct inode *inode);
/** Free it, and put its reference. */
void tmpfs_entry_free(struct tmpfs_entry *entry);
/** Returns whether the name was free and the entry is in. */
bool must_check tmpfs_entry_insert(struct tmpfs_inode *dir, struct tmpfs_entry *entry);
/** Take an entry out. Returns it, the caller's to free; NULL when there is none. */
struct tmpfs_entry *must_check tmpfs_entry_remove(struct tmpfs_inode *dir, const char *name,
                                                  size_t len);
/** Put `fresh` in place of old_name, and of what has its name in new_dir (*replaced), in one
 *  step: nobody sees the file with no name, or the target missing. Returns the old entry, or
 *  NULL when there is none. */
struct tmpfs_entry *must_check tmpfs_entry_move(struct inode *old_dir, const char *old_name,
                                                size_t old_len, struct inode *new_dir,
                                                struct tmpfs_entry *fresh,
                                                struct tmpfs_entry **replaced);
/** Let two entries change inodes. Returns 0, or -ENOENT when one is not there. */
int must_check tmpfs_entry_exchange(struct inode *old_dir, const char *old_name, size_t old_len,
                                    struct inode *new_dir, const char *new_name, size_t new_len);
bool tmpfs_dir_is_empty(struct inode *dir);
uint64_t tmpfs_parent_number(struct tmpfs_inode *dir);

struct tmpfs_found_entry { /* a copy, since the reader may sleep */
    uint64_t cookie, number;
    uint32_t mode;
    uint8_t len;
    char name[NAME_MAX + 1];
};

/** The first entry at or after the cookie. Returns whether there is one. */
bool must_check tmpfs_entry_next(struct tmpfs_inode *dir, uint64_t cookie,
                                 struct tmpfs_found_entry *found);

/** Remove every entry below a directory, however deep: the file system ends. */
void tmpfs_purge(struct tmpfs_inode *top);

extern const struct file_ops tmpfs_file_ops;
extern const struct inode_ops tmpfs_file_inode_ops;
extern const struct inode_ops tmpfs_symlink_ops;

int tmpfs_setattr(struct inode *inode, const struct attr_change *change);
int tmpfs_getattr(struct inode *inode);

#endif
