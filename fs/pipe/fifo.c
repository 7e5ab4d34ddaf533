// SPDX-License-Identifier: MIT
/* Opening pipes and FIFOs: where the rings come from.
 *
 * A FIFO is an inode on any file system whose open files share one such ring, kept in
 * inode->pipe while there is one. Opening it for reading waits for a writer and the other way
 * round; r_opens and w_opens count openings, so that a partner that came and went meanwhile is
 * not missed.
 *
 * pipe(2) gives both ends of a ring at once, on an inode of its own file system that has no
 * names. */
#include "fs/pipe/pipe_internal.h"
#include "fs/vfs/super.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/base/once.h"
#include "mm/frames.h"
#include "mm/kmalloc.h"
#include "mm/slab.h"

#define PIPE_DEFAULT_SLOTS 16u

SLAB_CACHE(pipe_cache, struct pipe, NULL);

static struct pipe *pipe_alloc(void)
{
    struct pipe *pipe = slab_alloc(&pipe_cache, ALLOC_KERNEL);
    struct pipe_slot *slots = kmalloc(PIPE_DEFAULT_SLOTS * sizeof(*slots), ALLOC_KERNEL);

    if (pipe == NULL || slots == NULL) {
        slab_free(&pipe_cache, pipe);
        kfree(slots);
        return NULL;
    }
    *pipe = (struct pipe){.slots = slots, .nr_slots = PIPE_DEFAULT_SLOTS};
    mutex_init(&pipe->lock, LOCK_RANK_PIPE, "pipe");
    waitq_init(&pipe->readers);
    waitq_init(&pipe->writers);
    return pipe;
}

void pipe_free(struct pipe *pipe)
{
    for (; pipe->tail != pipe->head; pipe->tail++) {
        frames_free(slot_at(pipe, pipe->tail)->page, 0);
    }
    while (pipe->nr_spare != 0) {
        frames_free(pipe->spare[--pipe->nr_spare], 0);
    }
    kfree(pipe->slots);
    slab_free(&pipe_cache, pipe);
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* The ring of an inode, made if there is none; counted in nr_files. */
static struct pipe *pipe_attach(struct inode *inode)
{
    struct pipe *fresh = NULL;
    struct pipe *pipe;

    for (;;) {
        spin_lock(&inode->state_lock);
        pipe = inode->pipe;
        if (pipe == NULL && fresh != NULL) {
            pipe = fresh;
            fresh = NULL;
            inode->pipe = pipe;
        }
        if (pipe != NULL) {
            pipe->nr_files++;
        }
        spin_unlock(&inode->state_lock);
        if (pipe != NULL) {
            break;
        }
        fresh = pipe_alloc();
        if (fresh == NULL) {
            return NULL;
        }
    }
    if (fresh != NULL) {
        pipe_free(fresh);
    }
    return pipe;
}

/* Enter the file into the counts. Returns whether the other end is open now: looked at under the
 * lock, because a partner that waited for us may open, write, close and be gone as soon as it is
 * released. */
static bool count_opening(struct pipe *pipe, struct file *file)
{
    bool has_partner = file->can_read ? pipe->nr_writers != 0 : pipe->nr_readers != 0;

    SET(pipe->nr_readers, pipe->nr_readers + file->can_read);
    SET(pipe->nr_writers, pipe->nr_writers + file->can_write);
    SET(pipe->r_opens, pipe->r_opens + file->can_read);
    SET(pipe->w_opens, pipe->w_opens + file->can_write);
    return has_partner;
}

int fifo_open(struct inode *inode, struct file *file)
{
    struct pipe *pipe = pipe_attach(inode);
    bool is_nonblock = (file->flags & O_NONBLOCK) != 0;
    uint32_t r_seen;
    uint32_t w_seen;
    bool had_writers;
    bool has_partner;
    int error = 0;

    if (pipe == NULL) {
        return -ENOMEM;
    }
    file->private_data = pipe;
    mutex_lock(&pipe->lock);
    r_seen = pipe->r_opens;
    w_seen = pipe->w_opens;
    had_writers = pipe->nr_writers != 0;
    has_partner = count_opening(pipe, file);
    mutex_unlock(&pipe->lock);
    file->error_seq = had_writers ? w_seen - 1 : w_seen;
    pipe_wake_both(pipe);
    if (file->can_read && file->can_write) {
        return 0;
    }
    if (is_nonblock) {
        error = file->can_write && !has_partner ? -ENXIO : 0;
    } else if (!has_partner && file->can_read) {
        error = waitq_wait(&pipe->readers, PORT_BLOCK_INTERRUPTIBLE, PORT_NO_DEADLINE,
                           LOOK(pipe->w_opens) != w_seen);
    } else if (!has_partner) {
        error = waitq_wait(&pipe->writers, PORT_BLOCK_INTERRUPTIBLE, PORT_NO_DEADLINE,
                           LOOK(pipe->r_opens) != r_seen);
    }
    if (error != 0) {
        pipe_release(file);
    }
    return error;
}

/* ---- pipe(2): both ends of a ring with no name ----------------------------------------------- */

static struct super *pipe_super; /* [once] */
static struct once pipe_once = ONCE_INIT("pipes", ONCE_RETRY);
static struct fs_type pipe_type = {.name = "pipefs"};
static const struct super_ops pipe_super_ops = {.write_inode = NULL};
static const struct inode_ops pipe_inode_ops = {.lookup = NULL};
static _Atomic uint64_t last_number; /* [a] */

static int make_super(void *arg)
{
    pipe_super = super_create_internal(&pipe_type, &pipe_super_ops);
    return pipe_super != NULL ? 0 : -ENOMEM;
}

static struct inode *make_inode(void)
{
    struct inode *inode;

    if (once_get(&pipe_once, make_super, NULL) != 0) {
        return NULL;
    }
    inode = inode_new(pipe_super,
                      atomic_fetch_add_explicit(&last_number, 1, memory_order_relaxed) + 1);
    if (inode != NULL) {
        inode->mode = S_IFIFO | 0600;
        inode->ops = &pipe_inode_ops;
        inode->file_ops = &fifo_file_ops;
        inode->atime = inode->mtime = inode->ctime = inode_now(pipe_super);
    }
    return inode;
}

/* An open end; takes over the inode reference, also on failure. */
static int open_end(struct inode *inode, struct pipe *pipe, uint32_t flags, struct file **out)
{
    int error = file_new(inode, &fifo_file_ops, flags, out);

    if (error != 0) {
        inode_put(inode);
        return error;
    }
    (*out)->private_data = pipe;
    (*out)->error_seq = pipe->w_opens - 1; /* the writer there is from the beginning counts */
    return 0;
}

int pipe_create(uint32_t flags, struct file *files[2])
{
    struct inode *inode = make_inode();
    struct pipe *pipe;
    int error;

    if (inode == NULL) {
        return -ENOMEM;
    }
    pipe = pipe_attach(inode);
    if (pipe == NULL) {
        inode_put(inode);
        return -ENOMEM;
    }
    pipe->nr_files = 2;
    pipe->nr_readers = pipe->nr_writers = 1;
    pipe->r_opens = pipe->w_opens = 1;
    inode_hold(inode);
    error = open_end(inode, pipe, O_RDONLY | (flags & O_NONBLOCK), &files[0]);
    if (error == 0) {
        error = open_end(inode, pipe, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)), &files[1]);
        if (error == 0) {
            return 0;
        }
        pipe->nr_files = 1;
        file_put(files[0]); /* frees the ring */
        return error;
    }
    inode->pipe = NULL;
    inode_put(inode);
    pipe_free(pipe);
    return error;
}
