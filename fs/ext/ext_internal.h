// SPDX-License-Identifier: MIT
/* What the files of fs/ext share among themselves. */
#ifndef CAIRN_FS_EXT_EXT_INTERNAL_H
#define CAIRN_FS_EXT_EXT_INTERNAL_H

#include "fs/ext/disk.h"
#include "fs/vfs/file.h"
#include "fs/vfs/inode.h"
#include "kernel/sync/mutex.h"

struct ext_group {
    uint32_t block_bitmap, inode_bitmap, inode_table; /* [I] block numbers, checked at mount */
    uint32_t nr_free_blocks, nr_free_inodes, nr_dirs; /* [alloc_lock] */
};

struct ext_fs {                  /* super->fs_data */
    struct super *super;         /* [I] */
    uint32_t block_shift;        /* [I] */
    uint32_t block_bytes;        /* [I] */
    uint32_t nr_blocks;          /* [I] */
    uint32_t first_data_block;   /* [I] 1 with 1 KiB blocks, else 0 */
    uint32_t blocks_per_group;   /* [I] */
    uint32_t inodes_per_group;   /* [I] */
    uint32_t nr_inodes;          /* [I] */
    uint32_t inode_bytes;        /* [I] */
    uint32_t first_inode;        /* [I] the first that is not reserved */
    uint32_t table_blocks;       /* [I] of a group's inode table */
    uint32_t nr_groups;          /* [I] */
    uint32_t group_table_blocks; /* [I] of the group descriptors, with those reserved for growth */
    uint32_t nr_reserved_blocks; /* [I] */
    bool has_file_types;         /* [I] */
    bool has_sparse_super;       /* [I] */
    bool has_large_files;        /* [I] of 2 GiB and more */
    bool ignores_journal;        /* [I] mount option noload */
    bool was_clean;  /* [alloc_lock] state found before we began to write: restored after */
    bool is_writing; /* [alloc_lock] the clean bit is off, because we may write */
    struct meta_block super_block; /* [alloc_lock] held for as long as we are mounted */
    struct mutex alloc_lock; /* LOCK_RANK_FS_ALLOC: bitmaps, counts, descriptors, the super block */
    uint64_t nr_free_blocks; /* [alloc_lock] */
    uint64_t nr_free_inodes; /* [alloc_lock] */
    struct ext_group *groups; /* [I] nr_groups */
};

struct ext_inode {
    struct inode vfs;
    uint32_t pointers
        [EXT_NR_POINTERS]; /* [map_lock] block numbers; of short symlinks the target; of devices the number */
    uint32_t flags;         /* [vfs.lock] enum ext_inode_flags */
    uint32_t generation;    /* [I] */
    uint32_t file_acl;      /* [I] kept as found */
    uint32_t next_goal;     /* [map_lock] where a sequential writer's next block would best be */
    struct rwlock map_lock; /* LOCK_RANK_FS_MAP: pointers, and the indirect blocks below them */
};

static inline struct ext_fs *ext_fs(const struct super *super)
{
    return super->fs_data;
}

static inline struct ext_inode *ext_inode(struct inode *inode)
{
    return container_of(inode, struct ext_inode, vfs);
}

static inline struct ext_disk_super *ext_disk_super(struct ext_fs *fs)
{
    uint64_t within = fs->block_bytes > EXT_SUPER_OFFSET ? EXT_SUPER_OFFSET : 0;

    return (struct ext_disk_super *)((char *)fs->super_block.data + within);
}

/* ---- group.c --------------------------------------------------------------------------------- */

/** Load and check the group descriptors. Returns 0, -EUCLEAN, -EIO, -ENOMEM. */
int must_check ext_groups_load(struct ext_fs *fs);
/** Store a group's counts into its descriptor. Caller: alloc_lock. */
int must_check ext_group_store(struct ext_fs *fs, uint32_t group);
/** Whether [block, block + nr) may belong to files: all of it inside the file system, and none of
 *  it holds a super block, descriptors, bitmaps or inode tables. */
bool ext_is_data_range(const struct ext_fs *fs, uint32_t block, uint64_t nr);
/** Whether nothing more may be allocated: the mount is read-only, or became so when damage was
 *  found. */
static inline bool ext_is_read_only(const struct ext_fs *fs)
{
    return (__atomic_load_n(&fs->super->flags, __ATOMIC_RELAXED) & SUPER_RDONLY) != 0;
}
uint32_t ext_group_first_block(const struct ext_fs *fs, uint32_t group);
uint32_t ext_group_nr_blocks(const struct ext_fs *fs, uint32_t group);

/* ---- alloc_block.c, alloc_inode.c ------------------------------------------------------------ */

/** Allocate up to `wanted` contiguous blocks, as near behind `goal` as possible. Returns 0 with at
 *  least one, or -ENOSPC, -EIO, -EUCLEAN. Takes alloc_lock. */
int must_check ext_alloc_blocks(struct ext_fs *fs, uint32_t goal, uint32_t wanted, uint32_t *first,
                                uint32_t *nr);
/** Free blocks. Those that were not in use are damage. Takes alloc_lock. */
int must_check ext_free_blocks(struct ext_fs *fs, uint32_t first, uint32_t nr);
/** A free inode number, near its directory. Takes alloc_lock. */
int must_check ext_alloc_inode(struct ext_fs *fs, uint32_t parent, bool is_dir, uint32_t *number);
int must_check ext_free_inode(struct ext_fs *fs, uint32_t number, bool is_dir);

/* ---- map.c, truncate.c ----------------------------------------------------------------------- */

extern const struct mapping_ops ext_mapping_ops;
/** Where block `block` of the inode lies (see mapping_ops). Takes map_lock. */
int must_check ext_map_blocks(struct inode *inode, uint64_t block, uint64_t max_blocks, bool create,
                              struct block_extent *extent);
/** Free all blocks from byte size_bytes on. An error ends it: what is left stays the file's. Takes
 *  map_lock. */
int must_check ext_truncate_blocks(struct inode *inode, uint64_t size_bytes);
/** The largest file that the block map can hold, in bytes. */
uint64_t ext_max_file_bytes(const struct ext_fs *fs);

#define EXT_MAX_DEPTH 4u

struct ext_map_path {                /* the way from the inode to a block's pointer */
    unsigned depth;                  /* pointers on the way: 1 (direct) .. 4 */
    uint32_t offsets[EXT_MAX_DEPTH]; /* in the inode's array, then in each indirect block */
    uint64_t nr_left;                /* blocks from this one to the end of the last array */
};
/** Returns 0 or -EFBIG. */
int must_check ext_map_path(const struct ext_fs *fs, uint64_t block, struct ext_map_path *path);

/* ---- options.c ------------------------------------------------------------------------------- */

/** Take the mount options into fs. Returns 0, or -EINVAL with a log line. */
int must_check ext_options_parse(struct ext_fs *fs, const char *text);

/* ---- journal.c, orphan.c --------------------------------------------------------------------- */

/** Whether the disk says that its journal holds what it does not. */
bool ext_journal_needs_replay(struct ext_fs *fs);
/** Replay it, and take that mark away. What was read from the disk before must be read again.
 *  Returns 0, or with a log line -EROFS, -EINVAL, -EUCLEAN, -EIO, -ENOMEM. */
int must_check ext_journal_replay(struct ext_fs *fs);
/** Finish with the inodes on the disk's list of orphans. Context: the mount has become writable, and
 *  nobody uses it yet, or alloc_lock is not held. Returns 0, -EUCLEAN, -EIO, -ENOMEM. */
int must_check ext_orphans_release(struct ext_fs *fs);

/* ---- attribute.c ----------------------------------------------------------------------------- */

/** Let go of the block of extended attributes that an inode has, because the inode goes. Returns 0
 *  or the damage found. */
int must_check ext_attributes_release(struct inode *inode);

/* ---- inode.c --------------------------------------------------------------------------------- */

/** The inode of this number. Returns 0 with a reference, -EUCLEAN, -EIO, -ENOMEM. */
int must_check ext_inode_get(struct super *super, uint32_t number, struct inode **inode);
/** The inode of any number, read but not yet shared: the caller ends with inode_unlock_new() or
 *  inode_fail_new(). -EUCLEAN also when somebody uses it. */
int must_check ext_inode_get_new(struct super *super, uint32_t number, struct inode **inode);
/** The same as ext_inode_get() for one that may have no links: putting it frees it then. */
int must_check ext_inode_get_orphan(struct super *super, uint32_t number, struct inode **inode);
/** What stands where the time of deletion does: in the list of orphans the next one. */
int must_check ext_inode_read_dtime(struct ext_fs *fs, uint32_t number, uint32_t *dtime);
/** A fresh inode in directory `dir`, hashed, with one reference, no name yet. */
int must_check ext_inode_create(struct inode *dir, uint32_t mode, uint32_t dev_number, uid_t uid,
                                gid_t gid, struct inode **inode);
/** Undo ext_inode_create for an inode that got no name. */
void ext_inode_discard(struct inode *inode);
struct inode *ext_alloc_vfs_inode(struct super *super);
void ext_free_vfs_inode(struct inode *inode);
int ext_write_inode(struct inode *inode);
void ext_evict_inode(struct inode *inode);
/** Set a number of sectors more (or fewer) in use. Context: any that may take spinlocks. */
void ext_count_sectors(struct inode *inode, int64_t change);

/* ---- dir.c: entries -------------------------------------------------------------------------- */

/** Find a name. Returns 0 and its inode number, -ENOENT, or damage. */
int must_check ext_dir_find(struct inode *dir, const char *name, size_t len, uint32_t *number);
/** Add a name that is not there. */
int must_check ext_dir_add(struct inode *dir, const char *name, size_t len, uint32_t number,
                           uint32_t mode);
int must_check ext_dir_remove(struct inode *dir, const char *name, size_t len);
/** Let an existing name mean another inode. */
int must_check ext_dir_replace(struct inode *dir, const char *name, size_t len, uint32_t number,
                               uint32_t mode);
/** Write "." and ".." of a new directory. */
int must_check ext_dir_init(struct inode *dir, uint32_t parent);
/** 0 when it holds nothing but "." and "..", else -ENOTEMPTY or damage. */
int must_check ext_dir_check_empty(struct inode *dir);
extern const struct file_ops ext_dir_file_ops;

/* ---- names.c, symlink.c ---------------------------------------------------------------------- */

extern const struct inode_ops ext_dir_ops;
extern const struct inode_ops ext_file_ops;
extern const struct inode_ops ext_symlink_ops;
/** Whether a symbolic link's target stands in the inode, in place of block pointers. */
bool ext_symlink_is_fast(struct inode *inode);
int must_check ext_symlink_store(struct inode *inode, const char *target, size_t len);
int ext_setattr(struct inode *inode, const struct attr_change *change);

#endif
