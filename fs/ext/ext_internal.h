// SPDX-License-Identifier: MIT
/* What the files of fs/ext share among themselves. */
#ifndef CAIRN_FS_EXT_EXT_INTERNAL_H
#define CAIRN_FS_EXT_EXT_INTERNAL_H

#include "fs/ext/disk.h"
#include "fs/vfs/file.h"
#include "fs/journal/journal.h"
#include "fs/vfs/inode.h"
#include "fs/vfs/name_index.h"
#include "kernel/base/rbtree.h"
#include "kernel/sync/mutex.h"

/* What of a group's blocks, or inodes, was freed by the transactions with even and with odd numbers (freeze.c). */
struct ext_frozen {
    uint64_t *bits[2]; /* [alloc_lock] a bit for each; NULL: none */
    bool is_all[2];    /* [alloc_lock] in place of that: whatever is free */
};

struct ext_group {
    uint32_t block_bitmap, inode_bitmap, inode_table; /* [I] block numbers, checked at mount */
    uint32_t nr_free_blocks, nr_free_inodes, nr_dirs; /* [alloc_lock] */
    struct ext_frozen frozen_blocks, frozen_inodes;   /* [alloc_lock] */
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
    uint32_t nr_reserved_blocks; /* [I] reserve.c */
    uid_t reserved_uid;          /* [I] */
    gid_t reserved_gid;          /* [I] */
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
    struct ext_group *groups;           /* [I] nr_groups */
    struct meta_block *descriptors;     /* [alloc_lock] their blocks on the disk, held (group.c) */
    uint64_t nr_frozen_blocks[2];       /* [alloc_lock] in all groups */
    uint64_t nr_frozen_inodes[2];       /* [alloc_lock] */
    uint32_t next_settling;             /* [alloc_lock] settle.c */
    _Atomic bool is_settling;           /* [a] */
    _Atomic uint64_t nr_new_blocks;     /* [a] that inodes lead to, ever: settle.c */
    _Atomic uint64_t nr_settled_blocks; /* [a] how many of the first ones are durable */
    bool knows_orphans;                 /* [mount] the list on the disk was read */
    struct rb_tree
        places;          /* [alloc_lock] ext_inode.place_node: those that only keep their places */
    uint32_t nr_places;  /* [alloc_lock] */
    struct list windows; /* [alloc_lock] ext_inode.window_node, the oldest first */
    uint32_t nr_windows; /* [alloc_lock] */
    struct list orphans; /* [alloc_lock] ext_inode.orphan_node, as on the disk: the head first */
    struct journal *journal;      /* [I] once something was written; NULL: there is none */
    struct spinlock ordered_lock; /* LOCK_RANK_LEAF */
    struct list ordered;          /* [ordered_lock] ext_inode.ordered_node */
    struct waitq ordered_waitq;   /* is_being_written has become false */
};

struct ext_inode {
    struct inode vfs;
    uint32_t pointers
        [EXT_NR_POINTERS]; /* [map_lock] block numbers; of short symlinks the target; of devices the number */
    uint32_t flags;      /* [vfs.lock] enum ext_inode_flags */
    uint32_t generation; /* [I] */
    uint32_t file_acl;   /* [I] kept as found */
    uint32_t next_goal;  /* [map_lock] where a sequential writer's next block would best be */
    uint64_t new_block;  /* [map_lock] the number of its last new block, see settle.c; 0: none */
    _Atomic uint64_t stored_bytes; /* [a] the size that was stored last */
    struct rwlock map_lock; /* LOCK_RANK_FS_MAP: pointers, and the indirect blocks below them */
    uint32_t window_first,
        window_end;         /* [fs->alloc_lock] free blocks that are kept for it (window.c) */
    uint32_t window_blocks; /* [fs->alloc_lock] how long its last window was at first */
    uint32_t
        cleared_end; /* [fs->alloc_lock] of the window, what lies before it holds zeros; 0: none (clear.c) */
    uint32_t cleared_blocks; /* [fs->alloc_lock] how many were cleared last; 0: none, or too many */
    struct list window_node; /* [fs->alloc_lock] linked when it has one */
    struct list orphan_node; /* [fs->alloc_lock] */
    bool is_place;   /* [fs->alloc_lock] its inode is gone, and it keeps the place (orphan.c) */
    bool is_dropped; /* [fs->alloc_lock] and the VFS has let go of it */
    struct rb_node place_node; /* [fs->alloc_lock] in fs->places while it is a place on the list */
    struct list
        ordered_node; /* [fs->ordered_lock] it got blocks or size: its pages go before the commit */
    bool is_being_written;        /* [fs->ordered_lock] by the journal's thread */
    _Atomic bool is_unwritten;    /* [a] in the table stands still who had the inode before */
    _Atomic uint32_t transaction; /* [a] the last that it was changed in */
    struct ext_dir_index
        *_Atomic dir_index; /* [a] of a large directory, or NULL: see dir_index.c */
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
/** Undo it; also when it has failed, or was never called. */
void ext_groups_unload(struct ext_fs *fs);
/** Store a group's counts into its descriptor. Caller: alloc_lock. */
void ext_group_store(struct ext_fs *fs, uint32_t group);
/** Whether [block, block + nr) may belong to files: all of it inside the file system, and none of
 *  it holds a super block, descriptors, bitmaps or inode tables. */
bool ext_is_data_range(const struct ext_fs *fs, uint32_t block, uint64_t nr);
/** Whether inodes may be freed: until the mount has really stopped writing, unless it did because of damage. */
bool ext_may_free(const struct ext_fs *fs);
/** Whether nothing more may be allocated: the mount is read-only, or became so when damage was
 *  found. */
static inline bool ext_is_read_only(const struct ext_fs *fs)
{
    return (__atomic_load_n(&fs->super->flags, __ATOMIC_RELAXED) & SUPER_RDONLY) != 0;
}
uint32_t ext_group_of(const struct ext_fs *fs, uint32_t block);
uint32_t ext_group_first_block(const struct ext_fs *fs, uint32_t group);
uint32_t ext_group_nr_blocks(const struct ext_fs *fs, uint32_t group);

/* ---- alloc_block.c, alloc_inode.c ------------------------------------------------------------ */

struct ext_run { /* of blocks that are one another's neighbours */
    uint32_t first, nr;
    bool is_clear; /* they are known to hold zeros, durably */
};

/** Allocate up to `wanted` contiguous blocks for an inode, as near behind `goal` as possible. Returns 0 with at
 *  least one, or -EROFS, -ENOSPC, -EIO, -ENOMEM, -EUCLEAN. Takes alloc_lock. Caller: the owner's map_lock for writing. */
int must_check ext_alloc_blocks(struct inode *owner, uint32_t goal, uint32_t wanted,
                                struct ext_run *run);
/** The first run of blocks of a group, counted from its first one, in [from, nr_bits) that is free and not
 *  frozen. Returns 0 with *nr 0 when there is none, -EIO, -ENOMEM. Caller: alloc_lock. */
int must_check ext_find_free_run(struct ext_fs *fs, uint32_t group, uint32_t from, uint32_t nr_bits,
                                 uint32_t *start, uint32_t *nr);
/** The block bitmap of a group. While somebody holds it, freeing blocks of the group needs nothing that could be
 *  lacking. Returns 0, -EIO, -ENOMEM. */
int must_check ext_read_block_bitmap(struct ext_fs *fs, uint32_t group, struct meta_block *bitmap);
/** Free blocks of one group. Those that were not in use are damage; the others are free all the same. Returns 0,
 *  -EUCLEAN, and where the caller does not hold the bitmap, -EIO or -ENOMEM. Takes alloc_lock. */
int must_check ext_free_blocks(struct ext_fs *fs, uint32_t first, uint32_t nr);
/** A free inode number, near its directory. Takes alloc_lock. */
int must_check ext_alloc_inode(struct ext_fs *fs, uint32_t parent, bool is_dir, uint32_t *number);
/** The inode bitmap that an inode has its bit in, and freeing it: as for blocks. */
int must_check ext_read_inode_bitmap(struct ext_fs *fs, uint32_t number, struct meta_block *bitmap);
int must_check ext_free_inode(struct ext_fs *fs, uint32_t number, bool is_dir);

/* ---- reserve.c ------------------------------------------------------------------------------- */

/** How many blocks everybody may have, and how many of `wanted` the running task may. Caller: alloc_lock. */
uint64_t ext_nr_available(struct ext_fs *fs);
uint32_t ext_cut_to_reserve(struct ext_fs *fs, uint32_t wanted);

/* ---- freeze.c -------------------------------------------------------------------------------- */

/** Blocks of a group, counted from its first, or an inode, are being freed: nobody is given them before that is durable.
 *  Caller: alloc_lock. Cannot fail. */
void ext_freeze_blocks(struct ext_fs *fs, uint32_t group, uint32_t start, uint32_t nr);
void ext_freeze_inode(struct ext_fs *fs, uint32_t group, uint32_t index);
/** Whether something of a group, or anything at all, is frozen. Caller: alloc_lock. */
bool ext_is_frozen(const struct ext_frozen *frozen);
bool ext_has_frozen(struct ext_fs *fs);
/** The transaction, or without a journal the settling, of this number is durable: what it has freed may be given
 *  away. Takes alloc_lock. */
void ext_thaw(struct ext_fs *fs, uint32_t number);
/** The first bit of a group's bitmap, from `from` on, that is free and not frozen, or (is_usable false) that is not
 *  so; nr_bits: none. Caller: alloc_lock. */
size_t ext_find_usable(const uint64_t *bitmap, const struct ext_frozen *frozen, size_t nr_bits,
                       size_t from, bool is_usable);

/* ---- window.c -------------------------------------------------------------------------------- */

/** An inode's window ends. Takes alloc_lock. */
void ext_window_drop(struct inode *inode);
/** All of them do. Returns whether there were any. Caller: alloc_lock. */
bool ext_windows_drop_all(struct ext_fs *fs);
/** Cut a run of free blocks to what is in nobody's window but the owner's. Returns where to look on, which is in a
 *  window's end when *nr has become 0. Caller: alloc_lock. */
uint32_t must_check ext_window_clip(struct ext_fs *fs, const struct inode *owner, uint32_t first,
                                    uint32_t *nr);
/** How long its next window, in this group, should be; 0: none. Caller: alloc_lock. */
uint32_t ext_window_wanted(struct ext_fs *fs, struct inode *owner, uint32_t group);
/** Its window is this from now on; nr 0: it has none. Caller: alloc_lock. */
void ext_window_set(struct ext_fs *fs, struct inode *owner, uint32_t first, uint32_t nr);

/** Whether a run that the owner is being given is known to hold zeros. Caller: alloc_lock, before the window moves. */
bool ext_window_is_clear(struct inode *owner, const struct ext_run *run);
/** The owner was given the blocks before this one. Returns whether its window, where that lies in it, has more. Caller:
 *  alloc_lock. */
bool ext_window_advance(struct inode *owner, uint32_t first);

/* ---- clear.c --------------------------------------------------------------------------------- */

/** As ext_alloc_blocks(); and the blocks hold zeros, durably. Without a journal only.
 *  @is_ahead: more of them are likely to be wanted soon. */
int must_check ext_alloc_clear_blocks(struct inode *owner, uint32_t goal, uint32_t wanted,
                                      bool is_ahead, struct ext_run *run);

/* ---- trim.c ---------------------------------------------------------------------------------- */

/** super_ops.trim. */
int ext_trim(struct super *super, struct trim_range *range);

/* ---- map.c, truncate.c ----------------------------------------------------------------------- */

extern const struct mapping_ops ext_mapping_ops;
/** Where block `block` of the inode lies (see mapping_ops). Takes map_lock. */
int must_check ext_map_blocks(struct inode *inode, uint64_t block, uint64_t max_blocks, bool create,
                              struct block_extent *extent);
/** Let a file end at byte size_bytes, and free all blocks behind that; of what is no regular file, only that. An error
 *  ends it: what is left stays the file's, and its size is what it was. Returns 0, -EIO, -ENOMEM, -EUCLEAN, -EROFS. Takes
 *  map_lock. Context: outside operations; it makes as many of its own as it needs. */
int must_check ext_truncate_blocks(struct inode *inode, uint64_t size_bytes);
/** inode_ops.punch. Context: as that. */
int ext_punch(struct inode *inode, uint64_t start, uint64_t end);
/** As ext_truncate_blocks() for some blocks at the end, inside an operation. */
int must_check ext_take_back_blocks(struct inode *inode, uint64_t size_bytes);
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

/** Read the options of a mount or remount.
 *  @flags: SUPER_RDONLY counts. @ignores_journal: whether noload is among them.
 *  Returns 0, or -EINVAL with a log line. */
int must_check ext_options_parse(const struct super *super, uint32_t flags, const char *text,
                                 bool *ignores_journal);

/* ---- journal.c --------------------------------------------------------------------------------- */

/** Whether the disk says that its journal holds what it does not. */
bool ext_journal_needs_replay(struct ext_fs *fs);
/** Replay it, and take that mark away. What was read from the disk before must be read again.
 *  Returns 0, or with a log line -EROFS, -EINVAL, -EUCLEAN, -EIO, -ENOMEM. */
int must_check ext_journal_replay(struct ext_fs *fs);
/** Begin and end to write through the journal, if the disk has one. Context: the mount is becoming writable, or
 *  has just become read-only. Returns 0, -EUCLEAN, -EIO, -ENOMEM. */
int must_check ext_journal_start(struct ext_fs *fs);
int must_check ext_journal_stop(struct ext_fs *fs);

/* ---- operation.c ------------------------------------------------------------------------------- */

/* Blocks that operations change at most. */
#define EXT_NAME_BLOCKS  40u /* a change of names */
#define EXT_GIVE_BLOCKS  64u /* blocks given to a page of a file */
#define EXT_CUT_BLOCKS   64u /* one step of freeing a file's blocks */
#define EXT_INODE_BLOCKS 16u /* an inode's end */

/** Begin an operation: with a journal, all that it changes will be there after a power cut, or nothing.
 *  They don't nest. Returns 0, -ENOMEM, -EROFS. Context: as journal_begin(). */
int must_check ext_begin(struct ext_fs *fs, unsigned nr_blocks);
void ext_end(struct ext_fs *fs, unsigned nr_blocks);

/** A block of metadata was changed. Context: inside an operation. */
static inline void ext_dirty(struct ext_fs *fs, struct meta_block *meta)
{
    if (fs->journal != NULL) {
        journal_change(fs->journal, meta);
    } else {
        meta_mark_dirty(meta);
    }
}

/** A block of metadata was freed: it is written no more. Context: inside an operation. */
void ext_forget(struct ext_fs *fs, uint32_t block);
/** Put inodes that the operation has changed into it. NULLs are passed over. The operation holds the blocks of the table
 *  that they stand in. */
void ext_log_inodes(struct inode *const *inodes, unsigned nr);
/** Begin an operation on one inode, and hold its block of the table; end it, and put the inode there. Returns 0, -EIO,
 *  -ENOMEM, -EROFS. Context: as ext_begin(). */
int must_check ext_begin_inode(struct inode *inode, unsigned nr_blocks, struct meta_block *table);
void ext_end_inode(struct inode *inode, unsigned nr_blocks, struct meta_block *table);
/** Begin an operation on one block for a sync: to whom a journal that is broken is -EIO. */
int must_check ext_begin_for_sync(struct ext_fs *fs);
/** super_ops.write_inode and commit; mapping_ops.begin_allocate and end_allocate. */
int ext_write_inode_alone(struct inode *inode);
int ext_commit(struct super *super, struct inode *inode);

/* ---- settle.c: order without a journal ---------------------------------------------------------- */

/** Make durable what was changed, and give back what was freed before. Without a journal only. Returns 0 or -EIO. Context:
 *  may sleep; no lock of this file system held. */
int must_check ext_settle(struct ext_fs *fs);

/** The same at the beginning of a sync, which makes everything durable itself. @inode: of an fsync; else NULL. */
int must_check ext_settle_for_sync(struct super *super, struct inode *inode);

/** Make durable one new block, before anything leads to it. Without a journal only. Returns 0 or -EIO. */
int must_check ext_settle_block(struct ext_fs *fs, struct meta_block *block);

/** Metadata has a new block, with its first content, and the inode will lead to it: it is not stored before the block is
 *  durable. Without a journal only. Caller: map_lock for writing. */
void ext_note_new_block(struct inode *inode);

/** Whether the inode may be stored as it is; if not, after ext_settle(). Caller: map_lock. */
bool ext_is_settled(struct inode *inode);

/** Whether a hole of the file at this block may be what an fsync has promised. */
bool ext_is_promised(struct inode *inode, uint64_t block);

/** A new name in `dir` for the inode is durable when this returns. Nothing to do with a journal. */
int must_check ext_settle_name(struct inode *dir, struct inode *inode);
int ext_begin_allocate(struct inode *inode, struct meta_block *table);
void ext_end_allocate(struct inode *inode, struct meta_block *table, bool has_excess);
/** With a journal: the file's pages are to be on the disk before the running transaction is committed. */
void ext_order(struct inode *inode);
/** The inode goes: its pages are nobody's business any more. Context: may sleep, outside operations. */
void ext_unorder(struct inode *inode);
/** For the journal. */
extern const struct journal_ops ext_journal_ops;

/* ---- orphan.c ---------------------------------------------------------------------------------- */

/** Put an inode on the list of orphans, or take it off, if it is not, or is, on it. What cannot be taken off stays: -EIO,
 *  -ENOMEM. Context: inside an operation, which also puts the inode itself (ext_log_inodes). */
void ext_orphan_add(struct inode *inode);
int must_check ext_orphan_remove(struct inode *inode);
/** Whether it is on the list. */
bool ext_is_orphan(struct inode *inode);
/** Finish with one that has links: cut it to its size, take it off the list and store it. Returns 0, or why it stays:
 *  -EIO, -ENOMEM, -EROFS. Context: may sleep; outside operations; nobody else changes the inode. */
int must_check ext_orphan_cut(struct inode *inode);
/** The inode leaves memory: from now on it only keeps its place in the list, if it has one. Context: evict_inode. */
void ext_orphan_leave(struct inode *inode);
/** Whether the memory of an inode that has left is still needed for its place; the list frees it then. */
bool must_check ext_orphan_keep(struct ext_inode *ext);
/** The inode was read: it takes over the place that was kept for it, if there is one. */
void ext_orphan_return(struct inode *inode);
/** What stands on the disk where the time of deletion does: the orphan behind this one. */
uint32_t ext_orphan_next(struct inode *inode);
/** Finish with the inodes that have left. Returns 0 or the first error; the others were tried all the same. Context: may
 *  sleep, outside operations; no inode's lock held. */
int must_check ext_orphans_finish(struct ext_fs *fs);
/** The same for those on the disk's list. Context: the mount has become writable, and
 *  nobody uses it yet. Returns 0 (a list that is damaged leaves it read-only), -EIO, -ENOMEM. */
int must_check ext_orphans_release(struct ext_fs *fs);
/** The mount ends: the list in memory is empty, whatever the disk's says. */
void ext_orphans_forget(struct ext_fs *fs);

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
/** The block of the inode table that holds an inode, and where in it. Returns 0, -EIO, -ENOMEM. */
int must_check ext_inode_read_table(struct ext_fs *fs, uint32_t number, struct meta_block *meta,
                                    struct ext_disk_inode **disk);
/** What stands where the time of deletion does: in the list of orphans the next one. Setting it is inside an
 *  operation. */
int must_check ext_inode_read_dtime(struct ext_fs *fs, uint32_t number, uint32_t *dtime);
int must_check ext_inode_write_dtime(struct ext_fs *fs, uint32_t number, uint32_t dtime);
struct ext_name_change;
/** A fresh inode in directory `dir`, hashed, with one reference, no name yet. It is the second one of `change`. */
int must_check ext_inode_create(struct ext_name_change *change, struct inode *dir, uint32_t mode,
                                uint32_t dev_number, uid_t uid, gid_t gid, struct inode **inode);
/** Undo ext_inode_create for an inode that got no name: inside the operation it loses its link, and putting it
 *  afterwards frees it. */
void ext_inode_discard(struct inode *inode);
struct inode *ext_alloc_vfs_inode(struct super *super);
void ext_free_vfs_inode(struct inode *inode);
/** The memory of an inode that nobody knows any more. */
void ext_inode_free(struct ext_inode *ext);
/** Put the inode into its table. Context: inside an operation. */
int must_check ext_write_inode(struct inode *inode);
/** Set a number of sectors more (or fewer) in use. Context: any that may take spinlocks. */
void ext_count_sectors(struct inode *inode, int64_t change);

/* ---- evict.c ----------------------------------------------------------------------------------- */

/** super_ops.evict_inode: without links, the inode and its blocks are freed. */
void ext_evict_inode(struct inode *inode);

/* ---- writing.c --------------------------------------------------------------------------------- */

/** The mount becomes writable: the journal is started, the disk marked, orphans are finished. Returns 0, -EUCLEAN,
 *  -EIO, -ENOMEM. */
int must_check ext_begin_writing(struct ext_fs *fs);
/** It becomes read-only, or ends: everything is in its place, and the disk says that it is clean. Returns 0 or
 *  -EIO. */
int must_check ext_end_writing(struct ext_fs *fs);
/** super_ops.sync. */
int ext_sync(struct super *super, bool is_unmount);

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
/** Give an entry a name that is not there, where it stands. -ENOSPC, and nothing changed, when that would be more than one
 *  change of one sector. */
int must_check ext_dir_rename(struct inode *dir, const char *name, size_t len, const char *new_name,
                              size_t new_len);
/** What a directory's new block begins with: one unused record. */
void ext_dir_init_block(struct ext_fs *fs, struct ext_disk_entry *entry);
/** Write "." and ".." of a new directory. */
int must_check ext_dir_init(struct inode *dir, uint32_t parent);
/** 0 when it holds nothing but "." and "..", else -ENOTEMPTY or damage. */
int must_check ext_dir_check_empty(struct inode *dir);
extern const struct file_ops ext_dir_file_ops;

/* ---- dir_index.c: what is remembered of a large directory -------------------------------------- */

/** The blocks of the directory where names with this name's hash are. Returns how many; more than
 *  NAME_INDEX_PLACES: not known, the name may be anywhere. Caller: dir->lock, for reading at least. May sleep. */
unsigned must_check ext_dir_index_find(struct inode *dir, const char *name, size_t len,
                                       uint32_t blocks[NAME_INDEX_PLACES]);
/** The first block from `block` on that may have room for a record of so many bytes; at or behind the directory's
 *  end: none. Caller, of these four: dir->lock, for writing. */
uint64_t ext_dir_index_next_room(struct inode *dir, uint64_t block, uint32_t bytes);
/** The longest record that finds room in a block, as a walk has found it. */
void ext_dir_index_note_room(struct inode *dir, uint64_t block, uint32_t bytes);
/** The name was added in a block, or removed from it. */
void ext_dir_index_add(struct inode *dir, const char *name, size_t len, uint64_t block);
void ext_dir_index_remove(struct inode *dir, const char *name, size_t len, uint64_t block);
/** Forget it. Context: nobody else uses the inode, or dir->lock is held for writing. */
void ext_dir_index_drop(struct ext_inode *ext);

/* ---- names.c, rename.c, symlink.c ------------------------------------------------------------ */

struct ext_name_change { /* an operation, and all inodes that it may change; NULL: none */
    struct ext_fs *fs;
    struct inode *inodes[4];
    struct meta_block tables[4]; /* where they stand, held */
};
/** Begin an operation on names. Returns 0, -ENOMEM, -EIO, -EROFS. Context: as ext_begin(). */
int must_check ext_begin_names(struct ext_name_change *change, struct ext_fs *fs,
                               struct inode *first, struct inode *second, struct inode *third,
                               struct inode *fourth);
/** Its end: those without links are orphans now, and all are in their tables. Cannot fail. */
void ext_end_names(struct ext_name_change *change);
/** An inode has more links, or fewer; fewer than names is damage. Context: inside an operation that has it. */
void ext_change_links(struct inode *inode, int change);
/** inode_ops. */
int ext_rename(struct inode *old_dir, const char *old_name, size_t old_len, struct inode *new_dir,
               const char *new_name, size_t new_len, struct inode *source, struct inode *replaced);
int ext_exchange(struct inode *old_dir, const char *old_name, size_t old_len, struct inode *new_dir,
                 const char *new_name, size_t new_len, struct inode *source, struct inode *target);

extern const struct inode_ops ext_dir_ops;
extern const struct inode_ops ext_file_ops;
extern const struct inode_ops ext_symlink_ops;
/** Whether a symbolic link's target stands in the inode, in place of block pointers. */
bool ext_symlink_is_fast(struct inode *inode);
int must_check ext_symlink_store(struct inode *inode, const char *target, size_t len);
int ext_setattr(struct inode *inode, const struct attr_change *change);

#endif
