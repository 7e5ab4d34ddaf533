// SPDX-License-Identifier: MIT
/* Open files. Descriptors point to these; dup and fork share one. */
#ifndef CAIRN_FS_VFS_FILE_H
#define CAIRN_FS_VFS_FILE_H

#include "fs/vfs/inode.h"
#include "fs/vfs/path.h"
#include "kernel/abi/poll.h"
#include "kernel/base/iter.h"
#include "kernel/base/refcount.h"
#include "kernel/sync/mutex.h"

struct poll_request;

struct dir_entry {
    const char *name;
    size_t name_len;
    uint64_t inode_number;
    uint64_t next_position; /* where reading goes on after this entry */
    uint8_t type;           /* DT_* */
};

struct dir_context {
    /** Take an entry. Returns false when there is no more room: stop, and do not count it as
     *  read. */
    bool (*emit)(struct dir_context *context, const struct dir_entry *entry);
    uint64_t position; /* in: where to begin; out: where to go on */
};

/* What an open file does. A NULL operation gives the error named. Positions are passed and
 * returned by value through `position`: the VFS holds the file's offset lock where it is shared. */
struct file_ops {
    /** Called after the struct file is filled in; may set file->private_data or replace
     *  file->ops. NULL: nothing to do. */
    int (*open)(struct inode *inode, struct file *file);
    void (*release)(struct file *file); /* the last reference is gone */
    ssize_t (*read)(struct file *file, struct iter *iter, uint64_t *position); /* NULL: -EINVAL */
    /* NULL: -EINVAL; takes inode->lock itself */
    ssize_t (*write)(struct file *file, struct iter *iter, uint64_t *position);
    /** Emit entries from context->position on ("." and ".." are the file system's too).
     *  inode->lock held for reading. */
    int (*readdir)(struct file *file, struct dir_context *context); /* NULL: -ENOTDIR */
    /* NULL: generic_seek; stream files use no_seek (-ESPIPE) */
    int64_t (*seek)(struct file *file, int64_t offset, int whence);
    int (*ioctl)(struct file *file, uint32_t command, uint64_t argument); /* NULL: -ENOTTY */
    /* NULL: always readable and writable */
    uint32_t (*poll)(struct file *file, struct poll_request *request);
    /* NULL: -EINVAL */
    int (*fsync)(struct file *file, uint64_t first, uint64_t last, bool is_datasync);
    /** The object to map, and whether this may be mapped so. NULL: -ENODEV. */
    int (*mmap)(struct file *file, uint32_t area_flags, struct map_object **object);
    int (*flush)(struct file *file); /* at each close of a descriptor; may be NULL */
};

struct file {
    struct refcount refs;
    struct path path;           /* [I] where it was opened; mount NULL for pipes and the like */
    struct inode *inode;        /* [I] */
    const struct file_ops *ops; /* [I] */
    uint32_t flags;             /* [a] O_* status flags and access mode */
    bool can_read, can_write;   /* [I] */
    struct mutex position_lock; /* LOCK_RANK_FILE_POS */
    uint64_t position;          /* [position_lock] */
    struct cred cred;           /* [I] of the opener */
    uint32_t error_seq;         /* [a] write errors already reported */
    struct readahead readahead; /* [racy: a hint] */
    pid_t owner;                /* [lock] F_SETOWN */
    void *private_data;         /* [ops] */
    /* [I] of a device node: its char_device or block_device (special.c) */
    void *device;
};

void file_get(struct file *file);
void file_put(struct file *file); /* may sleep */

/** For execve: writers and the program's image exclude each other (-ETXTBSY) until
 *  inode_allow_writes(). */
int must_check inode_deny_writes(struct inode *inode);
void inode_allow_writes(struct inode *inode);

/** For swapon: from now on no name of the inode can be removed or changed (-EPERM). Returns 0, or
 *  -ENOENT when it has none any more. Context: may sleep. */
int must_check inode_pin_names(struct inode *inode);
void inode_unpin_names(struct inode *inode);

/** A file with no name (pipes, anonymous): takes over the inode reference. Returns 0 or -ENOMEM,
 *  -ENFILE. */
int must_check file_new(struct inode *inode, const struct file_ops *ops, uint32_t flags,
                        struct file **file);

/** open(2): flags and mode as there. Returns 0 and a file with a reference. */
int must_check vfs_open(const struct walk_context *context, const char *name, uint32_t flags,
                        uint32_t mode, struct file **file);
/** Open what a path stands for (execve, /proc/self/exe, kernel's own). */
int must_check vfs_open_path(const struct path *path, uint32_t flags, const struct cred *cred,
                             struct file **file);

/* With position NULL the file's own offset is used and moved; else this is pread/pwrite. Access
 * mode checked. */
ssize_t must_check vfs_read(struct file *file, struct iter *iter, uint64_t *position);
ssize_t must_check vfs_write(struct file *file, struct iter *iter, uint64_t *position);
int64_t must_check vfs_seek(struct file *file, int64_t offset, int whence);
int must_check vfs_readdir(struct file *file, struct dir_context *context);
/** The file was read: its atime follows, as its mount and O_NOATIME say. */
void file_touch_accessed(struct file *file);
int must_check vfs_fsync(struct file *file, uint64_t first, uint64_t last, bool is_datasync);
/** fallocate(2): the range is checked to be one. -EBADF when not open for writing. */
int must_check vfs_fallocate(struct file *file, unsigned mode, uint64_t start, uint64_t len);
int must_check vfs_truncate_file(struct file *file, uint64_t size_bytes);
/** vfs_setattr() on what a descriptor has open, also if it has no name. -EBADF for O_PATH. */
int must_check vfs_setattr_file(struct file *file, struct attr_change *change,
                                const struct cred *cred);
/** Whether pread, pwrite and lseek make sense on it. */
bool file_can_seek(const struct file *file);

/** The POLL* events that are true now; with a request the caller is put on the file's queues. */
static inline uint32_t vfs_poll(struct file *file, struct poll_request *request)
{
    if (file->ops->poll == NULL) {
        return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
    }
    return file->ops->poll(file, request);
}

int64_t generic_seek(struct file *file, int64_t offset, int whence);
int64_t no_seek(struct file *file, int64_t offset, int whence);

/* file_ops pieces for file systems whose data is in the page cache; generic_file_ops holds them
 * all. */
ssize_t generic_read(struct file *file, struct iter *iter, uint64_t *position);
ssize_t generic_write(struct file *file, struct iter *iter, uint64_t *position);
int generic_mmap(struct file *file, uint32_t area_flags, struct map_object **object);
int generic_file_fsync(struct file *file, uint64_t first, uint64_t last, bool is_datasync);
extern const struct file_ops generic_file_ops;
/** inode_ops.fallocate, by way of the page cache and inode_ops.punch. */
int generic_fallocate(struct inode *inode, unsigned mode, uint64_t start, uint64_t end,
                      const struct cred *cred);
/** Take the set-id bits that a change of content takes away. Caller: inode->lock for writing. */
int must_check inode_drop_privileges(struct inode *inode, const struct cred *cred);
/** file_ops that device nodes, FIFOs and sockets get, by type: set by inode_set_special(). */
void inode_set_special(struct inode *inode, uint32_t mode, uint32_t dev_number);

#endif
