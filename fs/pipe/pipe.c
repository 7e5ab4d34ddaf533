// SPDX-License-Identifier: MIT
/* Pipes and FIFOs: bytes from writers to readers, in order, through a ring of pages.
 *
 * The ring has 16 slots of one page each (64 KiB) by default. A write first tops up the newest
 * page, if its odd bytes (what is left over after whole pages) fit there, and then takes a free
 * slot for each further page; a read takes bytes from the oldest. So a free slot always means
 * room for a whole page, which gives the atomicity that POSIX asks for: a write of at most
 * PIPE_BUF = 4096 bytes either finds a slot and goes in at one time, or waits. Pages that were
 * read empty are kept, up to two, for the next writes.
 *
 * Who waits for what: readers for a byte or the end of all writers, writers for a free slot or
 * the end of all readers. Only the steps "was empty" and "was full" wake anybody. Position and
 * counts are read without the lock to decide whether to sleep or what to tell poll(); they are
 * looked at again under it.
 *
 * Locks. pipe->lock (sleeping: user memory is copied under it) guards the ring and the counts.
 * inode->state_lock guards inode->pipe and nr_files. */
#include "fs/pipe/pipe_internal.h"
#include "drivers/char.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/ioctl.h"
#include "kernel/abi/poll.h"
#include "kernel/base/bits.h"
#include "mm/frames.h"
#include "mm/kmalloc.h"

static bool is_empty(const struct pipe *pipe)
{
    return LOOK(pipe->head) == LOOK(pipe->tail);
}

static bool is_full(const struct pipe *pipe)
{
    return LOOK(pipe->head) - LOOK(pipe->tail) >= LOOK(pipe->nr_slots);
}

/* ---- Pages ----------------------------------------------------------------------------------- */

static struct page *take_page(struct pipe *pipe)
{
    return pipe->nr_spare != 0 ? pipe->spare[--pipe->nr_spare] : frames_alloc(0, ALLOC_KERNEL);
}

static void give_page(struct pipe *pipe, struct page *page)
{
    if (pipe->nr_spare < PIPE_SPARE_PAGES) {
        pipe->spare[pipe->nr_spare++] = page;
    } else {
        frames_free(page, 0);
    }
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* Move what is there. Returns bytes, or -EFAULT when not one could be moved. */
static ssize_t take_bytes(struct pipe *pipe, struct iter *iter)
{
    size_t done = 0;

    while (iter->remaining_bytes != 0 && !is_empty(pipe)) {
        struct pipe_slot *slot = slot_at(pipe, pipe->tail);
        size_t len = min_of((uint64_t)slot->len, iter->remaining_bytes);
        size_t copied = iter_copy_to(iter, (char *)page_address(slot->page) + slot->offset, len);

        slot->offset += (uint32_t)copied;
        slot->len -= (uint32_t)copied;
        done += copied;
        if (slot->len == 0) {
            give_page(pipe, slot->page);
            slot->page = NULL;
            SET(pipe->tail, pipe->tail + 1);
        }
        if (copied != len) {
            return done != 0 ? (ssize_t)done : -EFAULT;
        }
    }
    return (ssize_t)done;
}

static ssize_t pipe_read(struct file *file, struct iter *iter, uint64_t *position)
{
    struct pipe *pipe = file->private_data;
    ssize_t result;
    bool was_full;

    if (iter->remaining_bytes == 0) {
        return 0;
    }
    mutex_lock(&pipe->lock);
    for (;;) {
        int error;

        was_full = is_full(pipe);
        result = take_bytes(pipe, iter);
        if (result != 0 || pipe->nr_writers == 0) {
            break;
        }
        if ((file->flags & O_NONBLOCK) != 0) {
            result = -EAGAIN;
            break;
        }
        mutex_unlock(&pipe->lock);
        error = waitq_wait(&pipe->readers, PORT_BLOCK_INTERRUPTIBLE, PORT_NO_DEADLINE,
                           !is_empty(pipe) || LOOK(pipe->nr_writers) == 0);
        if (error != 0) {
            return error;
        }
        mutex_lock(&pipe->lock);
    }
    was_full = was_full && !is_full(pipe);
    mutex_unlock(&pipe->lock);
    if (was_full) {
        waitq_wake_all(&pipe->writers);
    }
    return result;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* Add to the newest page what is left over after whole pages, if it fits there entirely. */
static ssize_t top_up(struct pipe *pipe, struct iter *iter)
{
    size_t odd = iter->remaining_bytes & PAGE_MASK;
    struct pipe_slot *slot;
    size_t copied;

    if (odd == 0 || is_empty(pipe)) {
        return 0;
    }
    slot = slot_at(pipe, pipe->head - 1);
    if (slot->offset + slot->len + odd > PAGE_SIZE) {
        return 0;
    }
    copied = iter_copy_from(iter, (char *)page_address(slot->page) + slot->offset + slot->len, odd);
    if (copied != odd) {
        iter_revert(iter, copied); /* nothing is in the pipe yet that the writer was told of */
        return -EFAULT;
    }
    slot->len += (uint32_t)odd;
    return (ssize_t)odd;
}

/* Fill free slots. Returns bytes, or the error that kept the first from being moved. */
static ssize_t put_bytes(struct pipe *pipe, struct iter *iter)
{
    size_t done = 0;
    int error = 0;

    while (iter->remaining_bytes != 0 && !is_full(pipe)) {
        size_t len = min_of((uint64_t)PAGE_SIZE, iter->remaining_bytes);
        struct page *page = take_page(pipe);
        size_t copied;

        if (page == NULL) {
            error = -ENOMEM;
            break;
        }
        copied = iter_copy_from(iter, page_address(page), len);
        if (copied == 0) {
            give_page(pipe, page);
            error = -EFAULT;
            break;
        }
        *slot_at(pipe, pipe->head) = (struct pipe_slot){.page = page, .len = (uint32_t)copied};
        SET(pipe->head, pipe->head + 1);
        done += copied;
        if (copied != len) {
            error = -EFAULT;
            break;
        }
    }
    return done != 0 ? (ssize_t)done : error;
}

/* Write as much as fits now. pipe->lock is held. Returns bytes, 0 when it is full, or -errno. */
static ssize_t write_some(struct pipe *pipe, struct iter *iter)
{
    ssize_t topped;
    ssize_t result;

    if (pipe->nr_readers == 0) {
        return -EPIPE;
    }
    topped = top_up(pipe, iter);
    if (topped < 0) {
        return topped;
    }
    result = put_bytes(pipe, iter);
    return topped != 0 ? topped + max_of(result, (ssize_t)0) : result;
}

static ssize_t pipe_write(struct file *file, struct iter *iter, uint64_t *position)
{
    struct pipe *pipe = file->private_data;
    ssize_t done = 0;

    if (iter->remaining_bytes == 0) {
        return 0;
    }
    for (;;) {
        bool was_empty;
        ssize_t result;

        mutex_lock(&pipe->lock);
        was_empty = is_empty(pipe);
        result = write_some(pipe, iter);
        was_empty = was_empty && !is_empty(pipe);
        mutex_unlock(&pipe->lock);
        if (was_empty) {
            waitq_wake_all(&pipe->readers);
        }
        done += max_of(result, (ssize_t)0);
        if (iter->remaining_bytes == 0 || result < 0) {
            return done != 0 ? done : result;
        }
        if ((file->flags & O_NONBLOCK) != 0) {
            return done != 0 ? done : -EAGAIN;
        }
        result = waitq_wait(&pipe->writers, PORT_BLOCK_INTERRUPTIBLE, PORT_NO_DEADLINE,
                            !is_full(pipe) || LOOK(pipe->nr_readers) == 0);
        if (result != 0) {
            return done != 0 ? done : result;
        }
    }
}

/* ---- Other calls on the open end ------------------------------------------------------------- */

static uint32_t pipe_poll(struct file *file, struct poll_request *request)
{
    struct pipe *pipe = file->private_data;
    uint32_t ready = 0;

    if (file->can_read) {
        poll_add(request, &pipe->readers);
        if (!is_empty(pipe)) {
            ready |= POLLIN | POLLRDNORM;
        }
        /* A FIFO that never had a writer since it was opened is quiet, not hung up (error_seq
         * holds w_opens of then). */
        if (LOOK(pipe->nr_writers) == 0 && LOOK(pipe->w_opens) != file->error_seq) {
            ready |= POLLHUP;
        }
    }
    if (file->can_write) {
        poll_add(request, &pipe->writers);
        if (!is_full(pipe)) {
            ready |= POLLOUT | POLLWRNORM;
        }
        if (LOOK(pipe->nr_readers) == 0) {
            ready |= POLLERR;
        }
    }
    return ready;
}

static int pipe_ioctl(struct file *file, uint32_t command, uint64_t argument)
{
    struct pipe *pipe = file->private_data;
    int32_t nr_bytes = 0;

    if (command != FIONREAD) {
        return -ENOTTY;
    }
    mutex_lock(&pipe->lock);
    for (uint32_t i = pipe->tail; i != pipe->head; i++) {
        nr_bytes += (int32_t)slot_at(pipe, i)->len;
    }
    mutex_unlock(&pipe->lock);
    return port_copy_to_user(user_ptr(argument), &nr_bytes, sizeof(nr_bytes)) == 0 ? 0 : -EFAULT;
}

void pipe_wake_both(struct pipe *pipe)
{
    waitq_wake_all(&pipe->readers);
    waitq_wake_all(&pipe->writers);
}

void pipe_release(struct file *file)
{
    struct pipe *pipe = file->private_data;
    struct inode *inode = file->inode;
    bool is_last;

    mutex_lock(&pipe->lock);
    SET(pipe->nr_readers, pipe->nr_readers - file->can_read);
    SET(pipe->nr_writers, pipe->nr_writers - file->can_write);
    mutex_unlock(&pipe->lock);
    pipe_wake_both(pipe);
    spin_lock(&inode->state_lock);
    is_last = --pipe->nr_files == 0;
    if (is_last) {
        inode->pipe = NULL;
    }
    spin_unlock(&inode->state_lock);
    if (is_last) {
        pipe_free(pipe);
    }
}

static struct pipe *pipe_of(struct file *file)
{
    return file->ops == &fifo_file_ops ? file->private_data : NULL;
}

int64_t pipe_get_size(struct file *file)
{
    struct pipe *pipe = pipe_of(file);

    return pipe != NULL ? (int64_t)(LOOK(pipe->nr_slots) * PAGE_SIZE) : -EBADF;
}

int64_t pipe_set_size(struct file *file, uint64_t size_bytes)
{
    struct pipe *pipe = pipe_of(file);
    struct pipe_slot *slots;
    struct pipe_slot *old;
    uint32_t nr;

    if (pipe == NULL) {
        return -EBADF;
    }
    if (size_bytes > PIPE_MAX_SLOTS * PAGE_SIZE) {
        return size_bytes > INT32_MAX ? -EINVAL : -EPERM;
    }
    nr = 1u << log2_ceil(max_of((size_bytes + PAGE_MASK) >> PAGE_SHIFT, (uint64_t)1));
    slots = kcalloc(nr, sizeof(*slots), ALLOC_KERNEL);
    if (slots == NULL) {
        return -ENOMEM;
    }
    mutex_lock(&pipe->lock);
    if (pipe->head - pipe->tail > nr) {
        mutex_unlock(&pipe->lock);
        kfree(slots);
        return -EBUSY;
    }
    for (uint32_t i = pipe->tail; i != pipe->head; i++) {
        slots[i & (nr - 1)] = *slot_at(pipe, i);
    }
    old = pipe->slots;
    pipe->slots = slots;
    SET(pipe->nr_slots, nr);
    mutex_unlock(&pipe->lock);
    kfree(old);
    waitq_wake_all(&pipe->writers);
    return (int64_t)(nr * PAGE_SIZE);
}

const struct file_ops fifo_file_ops = {
    .open = fifo_open,
    .release = pipe_release,
    .read = pipe_read,
    .write = pipe_write,
    .seek = no_seek,
    .ioctl = pipe_ioctl,
    .poll = pipe_poll,
};
