// SPDX-License-Identifier: MIT
/* What the files of fs/fat share among themselves.
 *
 * "Sector" is always 512 bytes here, whatever the file system calls its sectors; a "slot" is one
 * of the 32-byte records of a directory; "position" is where on the device a slot lies, counted
 * in slots. */
#ifndef CAIRN_FS_FAT_FAT_INTERNAL_H
#define CAIRN_FS_FAT_FAT_INTERNAL_H

#include "fs/fat/disk.h"
#include "fs/fat/name.h"
#include "fs/vfs/file.h"
#include "fs/vfs/inode.h"
#include "kernel/sync/mutex.h"

#define FAT_SECTOR_BYTES     512u
#define FAT_SLOTS_PER_SECTOR (FAT_SECTOR_BYTES / FAT_SLOT_BYTES)
#define FAT_NR_RUNS          8u
#define FAT_PLACE_BUCKETS    256u
#define FAT_MAX_GROUPS       1024u
#define FAT_NOT_COUNTED      UINT32_MAX
#define FAT_NO_POSITION      UINT64_MAX
#define FAT_ROOT_NUMBER      1u
#define FAT_WRITE_BITS       0222u /* of a mode: what the read-only attribute takes away */

struct fat_options {
    uid_t uid;
    gid_t gid;
    uint32_t file_mask, dir_mask; /* permission bits that files and directories do not have */
};

struct fat_layout {         /* what the boot sector says, checked */
    uint32_t bits;          /* 12, 16, 32 */
    uint32_t cluster_shift; /* log2 of bytes */
    uint32_t block_shift;  /* log2 of bytes: what map_blocks speaks of: aligned parts of clusters */
    uint32_t nr_clusters;  /* numbers 2 .. nr_clusters + 1 */
    uint64_t table_sector; /* of the first table */
    uint64_t table_sectors; /* of one table */
    uint32_t nr_tables;     /* kept in step, but for … */
    uint32_t active_table;  /* … FAT32 without mirroring, where nr_tables is 1 beyond this one */
    uint64_t root_sector;   /* FAT12, FAT16 */
    uint32_t root_slots;    /* FAT12, FAT16 */
    uint32_t root_cluster;  /* FAT32 */
    uint64_t data_sector;   /* of cluster 2 */
    uint32_t info_sector;   /* 0: none */
    uint32_t volume_id;
};

struct fat_fs {                    /* super->fs_data */
    struct super *super;           /* [I] */
    struct fat_layout layout;      /* [I] */
    struct fat_options options;    /* [inode lock of the root, set by remount] */
    bool was_dirty;                /* [sync] found so at mount, and left so */
    bool is_marked;                /* [sync] the disk says that it is mounted for writing */
    struct mutex alloc_lock;       /* LOCK_RANK_FS_ALLOC: the table, and what follows */
    uint32_t next_free;            /* [alloc_lock] where to look for free clusters */
    uint32_t group_shift;          /* [I] log2 of the clusters in a group (groups.c) */
    uint32_t nr_groups;            /* [I] */
    uint32_t nr_uncounted;         /* [alloc_lock] groups that were not looked at yet */
    uint32_t nr_free;              /* [alloc_lock] the sum of those that were */
    bool is_info_stale;            /* [alloc_lock] FSInfo no longer says what is so */
    _Atomic uint64_t nr_settlings; /* [a] begun, ever (reach.c) */
    _Atomic uint64_t settled;      /* [a] the highest number of one that has ended */
    /* [alloc_lock] free clusters in each group, or FAT_NOT_COUNTED */
    uint32_t group_free[FAT_MAX_GROUPS];
    struct mutex free_lock;      /* LOCK_RANK_FS_FREE: from taking the doomed until they are free */
    struct list doomed;          /* [alloc_lock] chains that nobody needs any more, not yet free */
    uint32_t nr_doomed;          /* [alloc_lock] chains, also those that are just being freed */
    uint64_t nr_doomed_clusters; /* [alloc_lock] an estimate, for statfs */
    struct mutex entry_lock; /* LOCK_RANK_FS_ALLOC, never with alloc_lock: which entry is whose */
    struct spinlock place_lock; /* LOCK_RANK_INODE_HASH */
    /* [place_lock] inodes of files by their entry's position */
    struct list places[FAT_PLACE_BUCKETS];
};

struct fat_place {          /* where an entry is */
    uint64_t position;      /* of the entry; FAT_NO_POSITION: nowhere */
    uint32_t slot, nr_long; /* in its directory, and slots of a long name before it */
};

struct fat_reach {              /* how far an entry reaches */
    uint32_t start, size_bytes; /* both 0: nowhere; directories have no size */
};

struct fat_doomed_chain { /* clusters that nobody needs any more */
    uint32_t start;
    uint32_t nr;     /* as far as known, for statfs */
    uint32_t behind; /* the cluster of a living file that leads to them; 0: none */
    bool is_dir;
};

struct fat_run { /* clusters index, index + 1, … of a file are cluster, cluster + 1, … */
    uint32_t index, cluster, nr;
};

enum fat_chain_state { FAT_CHAIN_UNKNOWN, FAT_CHAIN_GOOD, FAT_CHAIN_BAD };

struct fat_inode {
    struct inode vfs;
    struct mutex map_lock;      /* LOCK_RANK_FS_MAP */
    enum fat_chain_state chain; /* [map_lock] whether the chain was walked, and what came out */
    uint32_t start;             /* [map_lock] first cluster; 0: none, or the fixed root */
    uint32_t last;              /* [map_lock] last cluster, of a good chain */
    uint32_t nr_clusters;       /* [map_lock] of a good chain */
    struct fat_run runs[FAT_NR_RUNS]; /* [map_lock] some parts of the chain; nr 0: none */
    uint32_t next_run;                /* [map_lock] the next to be replaced */
    uint64_t zeroed_end; /* [map_lock] blocks behind the file's end, up to here, that hold zeros */
    uint8_t attributes;  /* [entry_lock] enum fat_attributes, but directory and read-only bits */
    /* [entry_lock and place_lock] of its entry; nowhere: the root, and deleted files */
    struct fat_place place;
    struct fat_reach stored; /* [entry_lock] as the entry has it */
    uint64_t nr_stored;      /* [entry_lock] how often that has changed */
    uint64_t durable_at;     /* [entry_lock] nr_stored when the disk was last known to have it */
    struct fat_reach ready;  /* [map_lock] may be stored when it is settled (reach.c) */
    uint64_t ready_at;       /* [map_lock] how many settlings had begun when it became ready */
    uint32_t nr_cuts;        /* [map_lock] how often the file was cut */
    bool is_cut; /* [map_lock] the table may still lead from the last cluster to what was cut off */
    struct fat_dir_index
        *_Atomic dir_index;  /* [a] of a large directory, or NULL: see dir_index.c */
    _Atomic uint32_t erased; /* [a] a directory: where entries were erased, see dir_edit.c */
    _Atomic bool has_told;   /* [a] a directory: of an entry in it that leads nowhere, and stays */
    struct list place_node;  /* [place_lock] */
};

static inline struct fat_fs *fat_fs(const struct super *super)
{
    return super->fs_data;
}

static inline struct fat_inode *fat_inode(struct inode *inode)
{
    return container_of(inode, struct fat_inode, vfs);
}

static inline bool fat_is_cluster(const struct fat_fs *fs, uint32_t cluster)
{
    return cluster >= FAT_FIRST_CLUSTER && cluster - FAT_FIRST_CLUSTER < fs->layout.nr_clusters;
}

/** The first number behind those of all clusters. */
static inline uint32_t fat_end_cluster(const struct fat_fs *fs)
{
    return FAT_FIRST_CLUSTER + fs->layout.nr_clusters;
}

static inline uint64_t fat_cluster_sector(const struct fat_fs *fs, uint32_t cluster)
{
    return fs->layout.data_sector +
           ((uint64_t)(cluster - FAT_FIRST_CLUSTER) << (fs->layout.cluster_shift - 9));
}

static inline uint32_t fat_clusters_of(const struct fat_fs *fs, uint64_t size_bytes)
{
    return (uint32_t)((size_bytes + (1ull << fs->layout.cluster_shift) - 1) >>
                      fs->layout.cluster_shift);
}

static inline bool fat_is_read_only(const struct super *super)
{
    return (__atomic_load_n(&super->flags, __ATOMIC_RELAXED) & SUPER_RDONLY) != 0;
}

/** How many slots a directory has room for. */
static inline uint32_t fat_dir_nr_slots(struct inode *dir)
{
    return (uint32_t)(inode_size(dir) / FAT_SLOT_BYTES);
}

/** Whether a directory is the root of FAT12 or FAT16, which is no chain and does not grow. */
static inline bool fat_is_fixed_root(struct inode *dir)
{
    return dir->number == FAT_ROOT_NUMBER && fat_fs(dir->super)->layout.bits != 32;
}

/** Read a sector of metadata; nr_ahead: how many behind it are likely wanted next. */
int must_check fat_read_sector(struct fat_fs *fs, uint64_t sector, uint64_t nr_ahead,
                               struct meta_block *meta);

/** Around changes of a sector that must reach the disk whole: it is not written meanwhile. May sleep. */
static inline void fat_begin_change(struct meta_block *meta)
{
    page_lock(meta->page);
    page_wait_writeback(meta->page);
}

static inline void fat_end_change(struct meta_block *meta)
{
    meta_mark_dirty(meta);
    page_unlock(meta->page);
}

/* ---- layout.c, options.c --------------------------------------------------------------------- */

/** Read and check the boot sector. Returns 0, -EINVAL (not FAT), -EUCLEAN (damaged; logged),
 * -EIO. */
int must_check fat_layout_read(struct super *super, struct fat_layout *layout, bool *is_dirty);
/** Change the dirty mark in the boot sector, on the disk, now. */
int must_check fat_layout_mark(struct fat_fs *fs, bool is_dirty);
/** Change what the text says of the options. Returns 0, or -EINVAL with a log line that names
 * what is not understood. */
int must_check fat_options_parse(struct super *super, const char *text,
                                 struct fat_options *options);
extern const struct fat_options fat_default_options;
size_t fat_show_options(struct super *super, char *buffer, size_t size_bytes);

/* ---- table.c: entries. The caller holds alloc_lock ------------------------------------------- */

struct fat_cursor { /* the sector of the table that was used last */
    struct fat_fs *fs;
    uint64_t sector; /* of the table; valid while meta.page is there */
    struct meta_block meta;
    bool is_changed; /* its page is locked, and the other tables are still to follow */
};

void fat_cursor_begin(struct fat_cursor *cursor, struct fat_fs *fs);
/** Bring the other tables in step and let go. */
int must_check fat_cursor_end(struct fat_cursor *cursor);
/** An entry, as FAT32 has it: FAT_FREE, a cluster number, FAT_BAD, or FAT_END for every end
 * mark. */
int must_check fat_table_get(struct fat_cursor *cursor, uint32_t cluster, uint32_t *value);
int must_check fat_table_set(struct fat_cursor *cursor, uint32_t cluster, uint32_t value);
/** The first cluster in [from, end) that is free to be taken, or that is not; `end` when there is none. */
int must_check fat_table_find(struct fat_cursor *cursor, uint32_t from, uint32_t end, bool is_free,
                              uint32_t *found);
/** The entry of a cluster in the chain of inode `number`: a cluster or FAT_END; anything else is
 * damage, and logged. */
int must_check fat_table_next(struct fat_cursor *cursor, uint64_t number, uint32_t cluster,
                              uint32_t *next);

/* ---- groups.c: where something is free. The caller holds alloc_lock --------------------------- */

/** Choose how large groups are. None is counted yet. */
void fat_groups_init(struct fat_fs *fs);
/** A cluster came to be free, or in use. */
void fat_groups_note(struct fat_fs *fs, uint32_t cluster, bool was_free, bool is_free);
/** What is free in a cluster's group is not known any more. */
void fat_groups_forget(struct fat_fs *fs, uint32_t cluster);
/** The first part of [from, end) that lies in one group in which something is free: [*first, *stop), empty at the end. */
int must_check fat_groups_next(struct fat_cursor *cursor, uint32_t from, uint32_t end,
                               uint32_t *first, uint32_t *stop);
/** Count all groups that were not counted: then fs->nr_free is what is free. */
int must_check fat_groups_count(struct fat_fs *fs);

/* ---- alloc.c, free.c, info.c ------------------------------------------------------------------------- */

/** Take up to `wanted` contiguous clusters behind `previous` (0: anywhere), chained and ended, not
 * yet linked to it. Returns 0 with
 *  at least one, -ENOSPC, -EROFS, -EIO. Takes alloc_lock. */
int must_check fat_alloc(struct fat_fs *fs, uint32_t previous, uint32_t wanted, uint32_t *first,
                         uint32_t *nr);
/** The first run of free clusters in [from, end); *nr 0: there is none. The caller holds alloc_lock. */
int must_check fat_find_free_run(struct fat_fs *fs, uint32_t from, uint32_t end, uint32_t *first,
                                 uint32_t *nr);
/** super_ops.trim (trim.c). */
int fat_trim_free(struct super *super, struct trim_range *range);
/** Let the chain that ends in `previous` go on at `first` (FAT_END: end there). Takes
 * alloc_lock. */
int must_check fat_link(struct fat_fs *fs, uint32_t previous, uint32_t first);
/** Free a chain at once, for clusters that no entry on the disk has ever led to. Takes
 * alloc_lock. */
int must_check fat_free_chain(struct fat_fs *fs, uint32_t start);
/** Free a chain as soon as the directory changes that let go of it are on the disk. */
void fat_doom_chain(struct fat_fs *fs, const struct fat_doomed_chain *chain);
/** Write all metadata, flush, and free what was doomed before. Takes free_lock. */
int must_check fat_free_doomed(struct fat_fs *fs);
/** Forget what is doomed: the disk does not take it. */
void fat_drop_doomed(struct fat_fs *fs);
/** Free clusters, with those that are about to be. Scans the table the first time. Takes alloc_lock. */
int must_check fat_count_free(struct fat_fs *fs, uint64_t *nr);
/** Start with the hints of FSInfo; write them. */
void fat_info_load(struct fat_fs *fs);
int must_check fat_info_store(struct fat_fs *fs);

/* ---- chain.c: the clusters of one inode. The caller holds map_lock --------------------------- */

/** Walk the chain once, from start to end, and check it. Returns 0, -EUCLEAN (logged the first
 * time), -EIO. */
int must_check fat_chain_load(struct inode *inode);
/** The clusters from number `index` of the file on, at most `wanted`. The chain is loaded and
 * has it. */
int must_check fat_chain_find(struct inode *inode, uint32_t index, uint32_t wanted,
                              struct fat_run *run);
/** Make the chain nr_clusters long. All or nothing. */
int must_check fat_chain_grow(struct inode *inode, uint32_t nr_clusters);
/** Hang a run of chained clusters behind the last one. May write and flush (of a chain that was cut). */
int must_check fat_chain_append(struct inode *inode, uint32_t first, uint32_t nr);
/** Cut the chain; the rest is doomed. The entry does not reach it any more, or never did. */
int must_check fat_chain_cut(struct inode *inode, uint32_t nr_clusters);
/** A fresh chain of nr contiguous clusters. */
void fat_chain_set(struct inode *inode, uint32_t start, uint32_t nr);

/* ---- map.c ----------------------------------------------------------------------------------- */

extern const struct mapping_ops fat_mapping_ops;
/** Size changes of regular files. inode->lock is held for writing. */
int must_check fat_resize(struct inode *inode, uint64_t size_bytes);
/** inode_ops.fallocate. */
int fat_fallocate(struct inode *inode, unsigned mode, uint64_t start, uint64_t end,
                  const struct cred *cred);
/** Give back clusters behind the end of the file. Nobody else uses the inode. */
void fat_trim(struct inode *inode);

/* ---- dir.c, readdir.c: reading directories. dir->lock is held ----------------------------- */

struct fat_dir_cursor {
    struct inode *dir;
    uint32_t next;       /* the next slot to be read */
    uint32_t first_slot; /* of the sector at hand; valid while meta.page is there */
    uint64_t sector;     /* the same, on the device */
    struct meta_block meta;
    struct fat_run run; /* of the directory's clusters, that was used last */
};

struct fat_found {               /* a file's entry */
    struct fat_disk_entry entry; /* a copy */
    uint64_t position;
    uint32_t slot;    /* of the entry itself */
    uint32_t nr_long; /* slots of a long name right before it that belong to it; 0: it has none */
    struct fat_name long_name; /* if nr_long != 0 */
};

void fat_dir_begin(struct fat_dir_cursor *cursor, struct inode *dir, uint32_t slot);
void fat_dir_end(struct fat_dir_cursor *cursor);
/** The slot cursor->next, in the cache; moves on. Returns 0, -ENOENT behind the last slot, -EIO,
 * -EUCLEAN. */
int must_check fat_dir_slot(struct fat_dir_cursor *cursor, struct fat_disk_entry **slot);
/** The next entry of a file or directory, "." and ".." left out. Returns 0, -ENOENT at the end,
 * -EIO, -EUCLEAN. */
int must_check fat_dir_next(struct fat_dir_cursor *cursor, struct fat_found *found);
/** The entry of a name, long or short, whatever its case. */
int must_check fat_dir_find(struct inode *dir, const char *name, size_t len,
                            struct fat_found *found);
/** 0 when there is nothing but "." and "..", else -ENOTEMPTY or damage. */
int must_check fat_dir_check_empty(struct inode *dir);
/** How many directories there are in it. */
int must_check fat_dir_count_dirs(struct inode *dir, uint32_t *nr);
extern const struct file_ops fat_dir_file_ops;
uint32_t fat_entry_start(const struct fat_fs *fs, const struct fat_disk_entry *entry);
void fat_entry_set_start(const struct fat_fs *fs, struct fat_disk_entry *entry, uint32_t start);

/** Whether it is the long name of what was found, or the short one. */
bool fat_found_has_name(const struct fat_found *found, const struct fat_name *name);

/* ---- dir_index.c: shorter ways in large directories. dir->lock is held ----------------------- */

struct fat_row { /* free slots side by side */
    uint32_t first, nr;
};

/** The entry of a name, as fat_dir_find(); whether a short name is taken. -EAGAIN: the index does not tell. */
int must_check fat_dir_index_find(struct inode *dir, const struct fat_name *name,
                                  struct fat_found *found);
int must_check fat_dir_index_find_short(struct inode *dir, const uint8_t bytes[FAT_SHORT_BYTES]);
/** A row of free slots from `from` on, before the end of all entries: at least `needed`, or those right before it. */
int must_check fat_dir_index_find_row(struct inode *dir, uint32_t from, uint32_t needed,
                                      struct fat_row *row, uint32_t *end);
/** An entry was added; one is about to be erased, and still there. dir->lock is held for writing. */
void fat_dir_index_add(struct inode *dir, const struct fat_name *name,
                       const struct fat_disk_entry *entry, const struct fat_place *place);
void fat_dir_index_remove(struct inode *dir, const struct fat_place *place);
void fat_dir_index_drop(struct inode *dir);

/* ---- dir_add.c, dir_edit.c: changing them. dir->lock is held for writing ------------------- */

/** Add an entry; its name and case bits are filled in. The name is not there. Returns 0,
 * -EINVAL, -ENOSPC, … */
int must_check fat_dir_add(struct inode *dir, const char *name, size_t len,
                           struct fat_disk_entry *entry, struct fat_place *place);
/** Like fat_dir_add(), under a name that is there already, in slots from `first` on: for an entry that is to move. */
int must_check fat_dir_add_again(struct inode *dir, const struct fat_name *name, uint32_t first,
                                 struct fat_disk_entry *entry, struct fat_place *place);
/** Add clusters of free slots. */
int must_check fat_dir_grow(struct inode *dir);
void fat_dir_note_change(struct inode *dir);
#define FAT_NO_SLOT UINT32_MAX
/** Make durable what was erased in the directory, unless it will come to the disk together with what is to be
 *  written to slots [first, last] (FAT_NO_SLOT: nothing is). Returns 0 or -EIO. */
int must_check fat_dir_settle_erased(struct inode *dir, uint32_t first, uint32_t last);
/** Erase an entry and its long name. */
int must_check fat_dir_erase(struct inode *dir, const struct fat_place *place);
/** The same for one whose file has another entry, too: never is only its long name gone from the disk. May flush. */
int must_check fat_dir_erase_moved(struct inode *dir, const struct fat_place *place);
/** Erase one that no index knows. dir->lock is held for reading at least. */
int must_check fat_dir_erase_slots(struct inode *dir, const struct fat_place *place);
/** Fill the clusters of a new directory and make them durable. entry: its own, for the times;
 * parent: the start of "..". */
int must_check fat_dir_init(struct fat_fs *fs, const struct fat_disk_entry *entry,
                            uint32_t nr_clusters, uint32_t parent);
/** ".." of a directory that moved. */
int must_check fat_dir_set_parent(struct inode *dir, uint32_t parent);
/** What ".." of a directory's children says. */
uint32_t fat_dir_start(struct inode *dir);

/* ---- place.c: which inode an entry has ------------------------------------------------------- */

/** The number of the file whose entry lies there; `attempt` counts those that turned out to
 * belong to others. */
uint64_t fat_place_number(struct fat_fs *fs, uint64_t position, unsigned attempt);
/** A file just read in: let it be found by its entry. Returns false when there is another inode
 * for it already. */
bool must_check fat_place_claim(struct inode *inode, const struct fat_place *place);
/** Whether this is the inode of the entry at that position. */
bool fat_place_is(struct inode *inode, uint64_t position);
/** The inode's entry is here now; NULL: it has none. From then on write_inode() goes there, or
 * nowhere. */
void fat_place_set(struct inode *inode, const struct fat_place *place);
/** Whether the inode has an entry now. */
bool fat_has_entry(struct inode *inode);
/** The inode's entry is there from now on, if this is how far the one that it had reaches: else somebody has stored
 *  more meanwhile, and the result is false. */
bool must_check fat_place_switch(struct inode *inode, const struct fat_place *place,
                                 struct fat_reach reach);
/** Where the inode's entry is. Its directory is locked. */
struct fat_place fat_place_of(struct inode *inode);

/* ---- inode.c, inode_store.c ------------------------------------------------------------------ */

struct inode *fat_alloc_vfs_inode(struct super *super);
void fat_free_vfs_inode(struct inode *inode);
/** The inode of an entry. The lock of its directory is held. Returns 0 with a reference,
 * -EUCLEAN, -EIO, -ENOMEM. */
int must_check fat_inode_get(struct inode *dir, const struct fat_found *found,
                             struct inode **inode);
int must_check fat_inode_get_root(struct super *super, struct inode **inode);
/** An entry for a new inode: times, attributes, no name. */
void fat_inode_new_entry(struct super *super, uint32_t attributes, uint32_t start,
                         struct fat_disk_entry *entry);
/** Fill in an entry: what the inode says of itself, and this reach. */
void fat_inode_fill_entry(struct inode *inode, struct fat_reach reach,
                          struct fat_disk_entry *entry);
void fat_evict_inode(struct inode *inode);
int fat_setattr(struct inode *inode, const struct attr_change *change);

/* ---- reach.c --------------------------------------------------------------------------------- */

/** Write the table and flush: what was ready before is settled. Returns 0 or -EIO. */
int must_check fat_settle(struct fat_fs *fs);
/** super_ops.write_inode: store attributes, and as much of the reach as may be stored already; while some of
 *  it may not, the inode stays dirty. */
int fat_write_inode(struct inode *inode);
/** Make the entry reach at least as far as the file does now, in the cache. Takes map_lock. */
int must_check fat_reach_store(struct inode *inode);
/** The same, if it does not yet: for an inode that is about to be forgotten. */
int must_check fat_reach_finish(struct inode *inode);
/** The file is about to be cut: let the entry reach no further, in the cache. map_lock is held. */
int must_check fat_reach_shrink(struct inode *inode, uint32_t size_bytes);
/** How far the inode's entry reaches. */
struct fat_reach fat_reach_stored(struct inode *inode);
/** Note that the cache's entry reaches so far now. is_other: it is another entry. entry_lock is held. */
void fat_reach_note(struct fat_inode *fat, struct fat_reach reach, bool is_other);
/** How far it would reach if it told all of the file. */
struct fat_reach fat_reach_now(struct inode *inode);
/** Nothing is ready. map_lock is held; init: nobody else knows the inode. */
void fat_reach_forget(struct inode *inode);
void fat_reach_init(struct inode *inode);

/* ---- sync.c ---------------------------------------------------------------------------------- */

int fat_fsync(struct inode *inode, uint64_t first_byte, uint64_t last_byte, bool is_datasync);
/** Make the inode as it is now durable, under the name that it has: data, entry, and all other metadata. */
int must_check fat_make_durable(struct inode *inode);
/** Write all metadata and flush. */
int must_check fat_write_metadata(struct fat_fs *fs);
int fat_sync(struct super *super, bool is_unmount);
int fat_remount(struct super *super, uint32_t flags, const char *options);
/** Begin writing: mark the disk. */
int must_check fat_begin_writing(struct fat_fs *fs);

/* ---- rehouse.c ------------------------------------------------------------------------------- */

/** Give a file that is not empty other clusters with the same content, durably. Its entry still leads to the old ones, which
 *  the caller dooms when that has ended. inode->lock is held for writing. Returns 0, -ENOSPC, -EIO, -ENOMEM, -EBUSY
 *  (somebody writes through a mapping all the time). */
int must_check fat_rehouse(struct inode *inode, struct fat_doomed_chain *old);

/* ---- names.c, rename.c ----------------------------------------------------------------------- */

extern const struct inode_ops fat_dir_ops;
extern const struct inode_ops fat_file_ops;
int fat_rename(struct inode *old_dir, const char *old_name, size_t old_len, struct inode *new_dir,
               const char *new_name, size_t new_len, struct inode *source, struct inode *replaced);

#endif
