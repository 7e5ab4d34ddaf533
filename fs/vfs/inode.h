// SPDX-License-Identifier: MIT
/* Inodes, super blocks and file-system types: what a file system provides.
 *
 * Locks. inode->lock is held by the VFS around every operation that says so; a file system needs
 * no lock of its own for directory content or file size. It still locks its allocator and what
 * map_blocks() reads (get_page runs without inode->lock). References: inode_get/inode_put; the last
 * put of an inode with nr_links == 0 deletes it from the disk. */
#ifndef CAIRN_FS_VFS_INODE_H
#define CAIRN_FS_VFS_INODE_H

#include "fs/cache/mapping.h"
#include "fs/vfs/cred.h"
#include "kernel/base/list.h"
#include "kernel/base/once.h"
#include "kernel/base/refcount.h"
#include "kernel/sync/rwlock.h"
#include "kernel/sync/spinlock.h"

struct block_device;
struct dentry;
struct file;
struct file_ops;
struct inode;
struct iter;
struct path;
struct slab_cache;
struct super;

struct timespec64 {
    int64_t sec;
    uint32_t nsec;
};

#define NAME_MAX 255
#define PATH_MAX 4096

/* ---- Inodes ---------------------------------------------------------------------------------- */

struct attr_change { /* what setattr is to change, as the bits of `valid` say */
    uint32_t valid;
    uint32_t mode; /* permission bits only */
    uid_t uid;
    gid_t gid;
    uint64_t size_bytes;
    struct timespec64 atime, mtime, ctime;
};

enum attr_valid {
    ATTR_MODE = 1u << 0,
    ATTR_UID = 1u << 1,
    ATTR_GID = 1u << 2,
    ATTR_SIZE = 1u << 3,
    ATTR_ATIME = 1u << 4,
    ATTR_MTIME = 1u << 5,
    ATTR_CTIME = 1u << 6,
    /* to vfs_setattr() only: both times to now, for which write permission is enough */
    ATTR_TIMES_NOW = 1u << 7,
};

/* All run with dir->lock held for writing, but lookup, readlink (reading or writing) and as
 * noted. Names are not NUL-terminated, 1..NAME_MAX bytes, without '/', never "." or ".."; VFS
 * has checked permissions, read-only mounts, and by its lookup that the name does or does not
 * exist. New inodes are returned with one reference. A NULL operation gives -EPERM (-ENOTDIR for
 * lookup on a non-directory never reaches it). */
struct inode_ops {
    /** Find a name. Returns 0 and the inode with a reference, -ENOENT, or -EIO/-EUCLEAN. */
    int (*lookup)(struct inode *dir, const char *name, size_t len, struct inode **inode);
    /** Make a file of any type but directory and symlink; mode has type and permission bits,
     *  dev_number is for devices. uid and gid of the new inode are given (VFS applied set-gid
     *  directories). */
    int (*create)(struct inode *dir, const char *name, size_t len, uint32_t mode,
                  uint32_t dev_number, uid_t uid, gid_t gid, struct inode **inode);
    /** Make a regular file with no name and no links, which goes when it is put, unless link() gives it
     *  a name before. dir tells where; its lock is held for reading. NULL: -EOPNOTSUPP. */
    int (*tmpfile)(struct inode *dir, uint32_t mode, uid_t uid, gid_t gid, struct inode **inode);
    int (*mkdir)(struct inode *dir, const char *name, size_t len, uint32_t mode, uid_t uid,
                 gid_t gid, struct inode **inode);
    int (*symlink)(struct inode *dir, const char *name, size_t len, const char *target, uid_t uid,
                   gid_t gid, struct inode **inode);
    /** A further name for target (not a directory; target->lock is held too), or the first one of what
     *  tmpfile() made. -EMLINK when it has too many. */
    int (*link)(struct inode *dir, const char *name, size_t len, struct inode *target);
    /** Remove a name; drops target->nr_links (target->lock is held too). */
    int (*unlink)(struct inode *dir, const char *name, size_t len, struct inode *target);
    /** Remove an empty directory: -ENOTEMPTY is the file system's to find. */
    int (*rmdir)(struct inode *dir, const char *name, size_t len, struct inode *target);
    /** Move source (found at old_dir/old_name) to new_dir/new_name, replacing `replaced` if not
     *  NULL (types agree; a replaced directory must be found empty: -ENOTEMPTY). Updates ".."
     *  and link counts. Both dirs are locked. */
    int (*rename)(struct inode *old_dir, const char *old_name, size_t old_len,
                  struct inode *new_dir, const char *new_name, size_t new_len, struct inode *source,
                  struct inode *replaced);
    /** Let two names that exist change what they stand for, files or directories; old_dir and new_dir may be
     *  the same, neither inode is above the other. Updates ".." and link counts. Both dirs and both inodes are
     *  locked. NULL: -EINVAL. */
    int (*exchange)(struct inode *old_dir, const char *old_name, size_t old_len,
                    struct inode *new_dir, const char *new_name, size_t new_len,
                    struct inode *source, struct inode *target);
    /** Copy the target of a symlink, not terminated. Returns its length, at most size_bytes. */
    ssize_t (*readlink)(struct inode *inode, char *buffer, size_t size_bytes);
    /** Change attributes: store them in the inode and mark it dirty (inode_store_attr() does
     *  both, for all but the size). ATTR_SIZE truncates or extends: inode->size_bytes is still
     *  the old size; set the new one (inode_set_size) before freeing blocks. The page cache
     *  beyond was already cut by VFS. NULL: the VFS stores everything itself. */
    int (*setattr)(struct inode *inode, const struct attr_change *change);
    /** fallocate(2) for bytes [start, end) of a regular file: vfs_fallocate() has checked mode and size.
     *  inode->lock is held for writing. NULL: -EOPNOTSUPP. */
    int (*fallocate)(struct inode *inode, unsigned mode, uint64_t start, uint64_t end,
                     const struct cred *cred);
    /** For generic_fallocate(): the pages of bytes [start, end) are gone and stay away meanwhile; free the
     *  blocks that lie wholly inside. NULL: -EOPNOTSUPP. */
    int (*punch)(struct inode *inode, uint64_t start, uint64_t end);
    /** For inodes whose attributes change by themselves (procfs): refresh before stat. May be
     *  NULL. */
    int (*getattr)(struct inode *inode);
    /** procfs's magic links (/proc/self/fd/3, exe, cwd): the object itself. May be NULL:
     *  readlink's text is walked. Returns a dentry with a reference in a path; see
     *  fs/vfs/path.h. */
    int (*follow_link)(struct inode *inode, struct path *path);
    /** Permission check other than by mode bits; NULL: inode_check_access(). */
    int (*permission)(struct inode *inode, const struct cred *cred, unsigned access);
};

enum inode_state_bits {
    INODE_NEW = 1u << 0,         /* being filled in by inode_get()'s caller; others wait */
    INODE_DIRTY = 1u << 1,       /* attributes are newer than the disk's */
    INODE_DIRTY_PAGES = 1u << 2, /* has dirty pages */
    INODE_SYNCING = 1u << 3,     /* write_inode is under way */
    INODE_FREEING = 1u << 4,
    INODE_BAD = 1u << 5,      /* unreadable: every operation gives -EIO */
    INODE_UNLINKED = 1u << 6, /* without a name, and counted in super->nr_unlinked */
};

struct inode {
    struct refcount refs;
    uint64_t number;                 /* [I] */
    struct super *super;             /* [I] */
    const struct inode_ops *ops;     /* [I] */
    const struct file_ops *file_ops; /* [I] what open files of this inode do */
    uint32_t mode;                   /* [lock] type (S_IFMT, [I]) and permission bits */
    uint32_t nr_links;               /* [lock] */
    uid_t uid;                       /* [lock] */
    gid_t gid;                       /* [lock] */
    uint32_t dev_number;             /* [I] of a device node */
    /* [lock to write, state_lock or lock to read: inode_size()] */
    uint64_t size_bytes;
    uint64_t nr_sectors; /* [state_lock] 512-byte units on disk, st_blocks */
    struct timespec64 atime, mtime, ctime, btime; /* [state_lock] */
    struct rwlock lock;                           /* LOCK_RANK_INODE; parents before children */
    struct spinlock state_lock;                   /* LOCK_RANK_INODE_STATE */
    uint32_t state;                               /* [state_lock] enum inode_state_bits */
    uint64_t dirty_since_ns;                      /* [state_lock] */
    struct mapping mapping;                       /* the inode's cached pages */
    struct list hash_node;                        /* [super->inode_lock] */
    struct list dirty_node;                       /* [super->inode_lock] */
    struct list lru_node; /* [super->inode_lock] unreferenced, kept for reuse */
    /* [dentry.c's tree lock] its one name in the cache: of a directory, and of any file of FAT */
    struct list dentries;
    void *pipe;        /* [pipe.c] of a FIFO that is open */
    struct list locks; /* [flock.c] advisory locks */
    /* [I] the file system's own; those that embed the inode in a larger structure (see
     * super_ops.alloc_inode) need it not */
    void *fs_data;
    /* [a] files open for writing; negative: being executed (ETXTBSY) */
    _Atomic int32_t nr_writers;
    bool is_linkable;      /* [lock] made without a name, and may still be given one (O_TMPFILE) */
    bool has_pinned_names; /* [lock] swap space: it must be possible to name it until swapoff */
    /* [a] how often the names of a directory of ext or FAT have changed */
    _Atomic uint64_t generation;
};

/* ---- Super blocks ---------------------------------------------------------------------------- */

/* Mount flags as in mount(2): MS_* */
enum super_flags {
    SUPER_RDONLY = 1,
    SUPER_NOSUID = 2,
    SUPER_NODEV = 4,
    SUPER_NOEXEC = 8,
    SUPER_SYNCHRONOUS = 16,
    SUPER_REMOUNT = 32,
    SUPER_NOATIME = 1024,
    SUPER_NODIRATIME = 2048,
    SUPER_SILENT = 32768,
    SUPER_RELATIME = 1u << 21,
    SUPER_STRICTATIME = 1u << 24,
};

enum super_errors { /* mount option errors= */
                    SUPER_ERRORS_READ_ONLY = 0,
                    SUPER_ERRORS_CONTINUE = 1,
                    SUPER_ERRORS_PANIC = 2,
};

enum name_caching {
    NAMES_CACHED = 0,   /* names that exist and names that don't: all changes go through the VFS */
    NAMES_POSITIVE = 1, /* only names that exist: others may appear by themselves (devfs) */
    NAMES_VOLATILE = 2, /* none: lookup is asked each time (procfs) */
    NAMES_ALIASED =
        3, /* only names that exist, and one for each file: it has other spellings (FAT) */
};

struct super_stats { /* statfs */
    uint64_t type_magic;
    uint64_t block_size_bytes, nr_blocks, nr_free, nr_available;
    uint64_t nr_inodes, nr_inodes_free;
    uint64_t fsid;
    uint32_t name_max;
};

struct trim_range { /* FITRIM, in bytes of the file system */
    uint64_t start_bytes, len_bytes, min_bytes;
    uint64_t trimmed_bytes; /* out */
};

struct super_ops {
    /** Memory for an inode of this file system, inode_init_fields() applied; NULL op: a plain
     *  struct inode. */
    struct inode *(*alloc_inode)(struct super *super);
    void (*free_inode)(struct inode *inode);
    /** Store the inode's attributes into the metadata pages (not yet the disk). Called by
     *  writeback and fsync. */
    int (*write_inode)(struct inode *inode);
    /** The last reference is gone. nr_links == 0: delete from the disk (free blocks, then the
     *  inode); pages are already cut when nr_links == 0, and written when not. */
    void (*evict_inode)(struct inode *inode);
    /** Write the super block's own state; VFS writes all inodes and metadata pages around it and
     *  flushes the device. is_unmount: the last time. */
    int (*sync)(struct super *super, bool is_unmount);
    /** Make durable what the inode's attributes and names depend on, or everything (inode NULL): for file systems
     *  with a journal. Called by fsync, after pages and attributes were written. NULL: metadata pages are
     *  all there is. Returns 0 or -EIO. */
    int (*commit)(struct super *super, struct inode *inode);
    /** Change between read-only and writable, and options. Returns 0 or -errno. NULL: flags
     *  only. */
    int (*remount)(struct super *super, uint32_t flags, const char *options);
    int (*statfs)(struct super *super, struct super_stats *stats);
    /** Discard blocks of the range that are free, and whose freeing is durable. NULL: -EOPNOTSUPP. */
    int (*trim)(struct super *super, struct trim_range *range);
    /** Free what mount() made (super->fs_data). All inodes are gone. */
    void (*destroy)(struct super *super);
    /** ",errors=remount-ro,…" for /proc/mounts; may be NULL. Returns the length written. */
    size_t (*show_options)(struct super *super, char *buffer, size_t size_bytes);
    /** Make an inode durable in the order that the format needs (FAT: data, FATs, entry); NULL:
     *  generic_fsync: data pages, then write_inode, then metadata, then a device flush.
     *  is_datasync: attributes that are not needed to read may wait. */
    int (*fsync)(struct inode *inode, uint64_t first_byte, uint64_t last_byte, bool is_datasync);
};

/* The kinds of time stamps that a format may keep in different ways. */
enum inode_time {
    TIME_ACCESSED,
    TIME_MODIFIED, /* and that of the last change of attributes */
    TIME_BORN,
    NR_INODE_TIMES,
};

/* What a format can say of a time: whole units, and none before the first or behind the last second. */
struct time_format {
    uint64_t unit_ns[NR_INODE_TIMES]; /* below a second, or whole seconds */
    int64_t first_sec, last_sec;
};

/** One unit for all: for most formats. */
struct time_format time_format_of(uint64_t unit_ns, int64_t first_sec, int64_t last_sec);

struct super {
    const struct fs_type *type;  /* [I] */
    const struct super_ops *ops; /* [I] */
    struct block_device *device; /* [I] or NULL */
    struct mapping *metadata;    /* [I] the device's page cache, for file systems on disk */
    uint32_t flags;              /* [a] enum super_flags in force */
    uint32_t block_size_bytes;   /* [I] */
    uint64_t max_file_bytes;     /* [I] larger writes get EFBIG */
    uint64_t dev_number;         /* [I] st_dev: the device's, or an anonymous one */
    struct inode *root;          /* [I] with a reference */
    struct dentry *root_dentry;  /* [I] made by VFS after mount() */
    struct time_format times;    /* [I] what its time stamps can say */
    void *fs_data;               /* [I] the file system's own */
    struct mutex rename_lock;    /* LOCK_RANK_RENAME: directory moves across parents */
    struct refcount refs;        /* mounts, and walkers */
    struct spinlock inode_lock;  /* LOCK_RANK_INODE_HASH */
    struct list *inode_hash;     /* [inode_lock] buckets */
    struct list dirty_inodes;    /* [inode_lock] */
    struct list unused_inodes;   /* [inode_lock] LRU */
    uint64_t nr_inodes;          /* [inode_lock] */
    /* [inode_lock to write] super_write_inodes() holds and writes it; NULL */
    struct inode *_Atomic in_hand;
    /* woken when an inode is no longer NEW, FREEING, SYNCING or in hand */
    struct waitq inode_waitq;
    struct mutex sync_lock;         /* LOCK_RANK_SYNC: one super_write_inodes() at a time */
    enum name_caching name_caching; /* [I] what the dentry cache may keep of lookups */
    _Atomic uint32_t nr_mounts;     /* [a] also lazily detached ones */
    /* [a] files open for writing: what a remount to read-only looks at, and at the next, too */
    _Atomic uint32_t nr_write_opens;
    _Atomic uint32_t nr_unlinked; /* [a] inodes without a name that are in use or being deleted */
    _Atomic uint32_t nr_changes;  /* [a] of names and attributes under way: it waits for those */
    enum super_errors errors;     /* [a] what damage does */
    /* [inode_lock] damage.c: objects that were complained about, ever and of late; the rate window */
    uint32_t nr_damaged;
    uint32_t damaged_objects[64];
    uint64_t damage_window_ns;
    uint32_t nr_damage_lines;
    struct list node; /* [registry] all mounted super blocks */
};

struct fs_type {
    const char *name;          /* [I] "ext2" */
    const char *driver_name;   /* [I] "ext": in log lines; NULL: the same as name */
    bool needs_device;         /* [I] else "nodev" in /proc/filesystems */
    struct slab_cache *inodes; /* [I] may be NULL */
    /** Look at the device, check everything that will be trusted, and fill super (ops, root,
     *  fs_data, …; allocated and zero-initialised by VFS, with type, device, metadata and flags
     *  set). Returns 0, -EINVAL (not this format: quiet when SUPER_SILENT), -EUCLEAN (this
     *  format, but damaged: one log line says what), -EIO, -ENOMEM, -EROFS. May sleep. On
     *  failure it frees what it made; inodes it has put are dropped by VFS with no further
     *  operation but free_inode. */
    int (*mount)(struct super *super, const char *options);
    struct list node; /* [registry] */
};

/** Register a file-system type for ever. */
void fs_type_register(struct fs_type *type);
struct fs_type *fs_type_find(const char *name);
struct fs_type *fs_type_get(unsigned index);

/* ---- For file systems ------------------------------------------------------------------------ */

/** Find an inode in memory, or make one in state INODE_NEW for the caller to fill in and then
 *  inode_unlock_new() (or inode_fail_new(), which marks it bad and drops it). Returns 0 with
 *  *is_new told, or -ENOMEM. May sleep. */
int must_check inode_get(struct super *super, uint64_t number, struct inode **inode, bool *is_new);
void inode_unlock_new(struct inode *inode);
void inode_fail_new(struct inode *inode);
/** A new inode with no number in the hash yet (tmpfs, pipes). NULL when memory is short. */
struct inode *must_check inode_new(struct super *super, uint64_t number);
void inode_hash_insert(struct inode *inode);
void inode_hold(struct inode *inode);
void inode_put(struct inode *inode);
/** The same for one whose name was just removed: if writeback has it in hand that is waited for, so that it is
 *  the caller who deletes it. Context: may sleep; no inode->lock and no journal handle held. */
void inode_put_deleted(struct inode *inode);
/** Fields that every inode has: lists, locks, mapping. For alloc_inode operations. */
void inode_init_fields(struct inode *inode);

/** Attributes changed: write_inode will be called. Context: any that may take spinlocks. */
void inode_mark_dirty(struct inode *inode);
/** Its mapping got dirty pages: for page_mark_dirty(). Same context; cheap when already marked. */
void inode_mark_pages_dirty(struct inode *inode);
/** Write an inode's dirty pages and then its attributes (into metadata pages), and take it off
 *  the dirty list. wait: until the pages are on the device. Returns 0 or the first error. May
 *  sleep; takes no inode->lock. */
int must_check inode_write(struct inode *inode, bool wait);
/** inode_write() for every inode of a file system that was dirty before the given time
 *  (UINT64_MAX: all). */
int must_check super_write_inodes(struct super *super, uint64_t dirty_before_ns, bool wait);
/** Call visit for every mounted super block, each kept alive meanwhile; false ends it. May
 *  sleep. */
void super_for_each(bool (*visit)(struct super *super, void *arg), void *arg);
static inline uint64_t inode_size(struct inode *inode)
{
    return __atomic_load_n(&inode->size_bytes, __ATOMIC_RELAXED);
}
void inode_set_size(struct inode *inode, uint64_t size_bytes);
/** A time as the format can keep it, so that what is told now is what is told after the next mount. */
struct timespec64 inode_cut_time(const struct super *super, enum inode_time which,
                                 struct timespec64 time);
/** This moment, as a time of modification. */
struct timespec64 inode_now(const struct super *super);
/** And as any other. */
struct timespec64 inode_now_as(const struct super *super, enum inode_time which);
/** Set mtime and ctime (or only ctime) to now and mark dirty. */
void inode_touch_modified(struct inode *inode);
void inode_touch_changed(struct inode *inode);
/** atime, by the policy of the mount that the inode was reached by.
 *  @flags: mount_flags() of it. */
void inode_touch_accessed(struct inode *inode, uint32_t flags);
/** Store change into the inode's fields (not the size) and mark it dirty. */
void inode_store_attr(struct inode *inode, const struct attr_change *change);

/** For the writeback thread: of every super block, start writing the data pages of inodes that
 *  have been dirty since before the time given (mapping_start_write, without inode->lock), and
 *  store the attributes of those whose pages are on their way (write_inode). Waits for no data.
 *  Context: may sleep. */
void vfs_write_old_inodes(uint64_t dirty_before_ns);

enum access_bits { ACCESS_EXEC = 1, ACCESS_WRITE = 2, ACCESS_READ = 4 };
/** Unix permission by mode bits. Returns 0 or -EACCES. */
int must_check inode_check_access(struct inode *inode, const struct cred *cred, unsigned access);

/** Damage was found on a mounted file system: one log line ("ext: vda: inode 12: …"), and
 *  what the mount option errors= says: by default a writable mount turns read-only. Returns -EUCLEAN, for `return
 *  super_damaged(…)`. */
int super_damaged(struct super *super, const char *format, ...) printf_like(2, 3);
/** Whether it ever was called for this mount. */
bool super_is_damaged(const struct super *super);

/** The data part of fsync for most file systems. */
int must_check generic_fsync(struct inode *inode, uint64_t first_byte, uint64_t last_byte,
                             bool is_datasync);

#define S_IFMT   0170000u
#define S_IFSOCK 0140000u
#define S_IFLNK  0120000u
#define S_IFREG  0100000u
#define S_IFBLK  0060000u
#define S_IFDIR  0040000u
#define S_IFCHR  0020000u
#define S_IFIFO  0010000u
#define S_ISUID  04000u
#define S_ISGID  02000u
#define S_ISVTX  01000u

static inline bool inode_is(const struct inode *inode, uint32_t type)
{
    return (inode->mode & S_IFMT) == type;
}

#endif
