// SPDX-License-Identifier: MIT
/* eventfd(2): a 64-bit counter that writes add to and reads take from.
 *
 * A read waits until the counter is not 0 and takes all of it (or 1, for a semaphore); a write
 * waits until its value fits below 2^64 - 1. The counter is under the lock of a spin lock; bytes
 * are copied outside it. */
#include "fs/pipe/eventfd.h"
#include "drivers/char.h"
#include "fs/vfs/super.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/poll.h"
#include "kernel/base/once.h"
#include "mm/kmalloc.h"

#define EVENTFD_MAX (UINT64_MAX - 1)

struct eventfd {
    struct spinlock lock; /* LOCK_RANK_FILE */
    uint64_t count;       /* [lock; read without] */
    bool is_semaphore;    /* [I] */
    struct waitq readers, writers;
};

static uint64_t look(const struct eventfd *event)
{
    return __atomic_load_n(&event->count, __ATOMIC_ACQUIRE);
}

/* Take from the counter. Returns what was taken, 0: nothing there. */
static uint64_t take(struct eventfd *event)
{
    uint64_t value;

    spin_lock(&event->lock);
    value = event->is_semaphore && event->count != 0 ? 1 : event->count;
    __atomic_store_n(&event->count, event->count - value, __ATOMIC_RELEASE);
    spin_unlock(&event->lock);
    return value;
}

static bool add(struct eventfd *event, uint64_t value)
{
    bool fits;

    spin_lock(&event->lock);
    fits = value <= EVENTFD_MAX - event->count;
    if (fits) {
        __atomic_store_n(&event->count, event->count + value, __ATOMIC_RELEASE);
    }
    spin_unlock(&event->lock);
    return fits;
}

static ssize_t eventfd_read(struct file *file, struct iter *iter, uint64_t *position)
{
    struct eventfd *event = file->private_data;
    uint64_t value;

    if (iter->remaining_bytes < sizeof(value)) {
        return -EINVAL;
    }
    while ((value = take(event)) == 0) {
        int error;

        if ((file->flags & O_NONBLOCK) != 0) {
            return -EAGAIN;
        }
        error = waitq_wait(&event->readers, PORT_BLOCK_INTERRUPTIBLE, PORT_NO_DEADLINE,
                           look(event) != 0);
        if (error != 0) {
            return error;
        }
    }
    waitq_wake_all(&event->writers);
    return iter_copy_to(iter, &value, sizeof(value)) == sizeof(value) ? (ssize_t)sizeof(value)
                                                                      : -EFAULT;
}

static ssize_t eventfd_write(struct file *file, struct iter *iter, uint64_t *position)
{
    struct eventfd *event = file->private_data;
    uint64_t value;

    if (iter->remaining_bytes < sizeof(value)) {
        return -EINVAL;
    }
    if (iter_copy_from(iter, &value, sizeof(value)) != sizeof(value)) {
        return -EFAULT;
    }
    if (value == UINT64_MAX) {
        return -EINVAL;
    }
    while (!add(event, value)) {
        int error;

        if ((file->flags & O_NONBLOCK) != 0) {
            return -EAGAIN;
        }
        error = waitq_wait(&event->writers, PORT_BLOCK_INTERRUPTIBLE, PORT_NO_DEADLINE,
                           value <= EVENTFD_MAX - look(event));
        if (error != 0) {
            return error;
        }
    }
    waitq_wake_all(&event->readers);
    return (ssize_t)sizeof(value);
}

static uint32_t eventfd_poll(struct file *file, struct poll_request *request)
{
    struct eventfd *event = file->private_data;
    uint64_t count;

    poll_add(request, &event->readers);
    poll_add(request, &event->writers);
    count = look(event);
    return (count != 0 ? POLLIN | POLLRDNORM : 0u) |
           (count < EVENTFD_MAX ? POLLOUT | POLLWRNORM : 0u);
}

static void eventfd_release(struct file *file)
{
    kfree(file->private_data);
}

static const struct file_ops eventfd_file_ops = {
    .release = eventfd_release,
    .read = eventfd_read,
    .write = eventfd_write,
    .seek = no_seek,
    .poll = eventfd_poll,
};

static struct super *eventfd_super; /* [once] */
static struct once eventfd_once = ONCE_INIT("eventfds", ONCE_RETRY);
static struct fs_type eventfd_type = {.name = "eventfd"};
static const struct super_ops eventfd_super_ops = {.write_inode = NULL};
static const struct inode_ops eventfd_inode_ops = {.lookup = NULL};
static _Atomic uint64_t last_number; /* [a] */

static int make_super(void *arg)
{
    eventfd_super = super_create_internal(&eventfd_type, &eventfd_super_ops);
    return eventfd_super != NULL ? 0 : -ENOMEM;
}

int eventfd_create(uint32_t initial, bool is_semaphore, uint32_t open_flags, struct file **out)
{
    struct eventfd *event;
    struct inode *inode;
    int error = once_get(&eventfd_once, make_super, NULL);

    if (error != 0) {
        return error;
    }
    event = kzalloc(sizeof(*event), ALLOC_KERNEL);
    inode = inode_new(eventfd_super,
                      atomic_fetch_add_explicit(&last_number, 1, memory_order_relaxed) + 1);
    error = event != NULL && inode != NULL ? 0 : -ENOMEM;
    if (error == 0) {
        spin_init(&event->lock, LOCK_RANK_FILE, "eventfd");
        waitq_init(&event->readers);
        waitq_init(&event->writers);
        event->count = initial;
        event->is_semaphore = is_semaphore;
        inode->mode = 0600;
        inode->ops = &eventfd_inode_ops;
        error = file_new(inode, &eventfd_file_ops, O_RDWR | (open_flags & O_NONBLOCK), out);
    }
    if (error != 0) {
        kfree(event);
        inode_put(inode);
        return error;
    }
    (*out)->private_data = event;
    return 0;
}
