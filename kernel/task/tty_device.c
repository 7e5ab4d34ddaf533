// SPDX-License-Identifier: MIT
/* /dev/tty (5:0) passes everything on to the char device of the controlling terminal, as it was
 * when it was opened. */
#include "kernel/task/tty_device.h"
#include "drivers/tty.h"
#include "fs/vfs/file.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/task/process.h"
#include "kernel/task/task.h"
#include "mm/slab.h"

#define DEV_TTY (5u << 8 | 0u)

struct tty_session {            /* an open /dev/tty */
    struct char_device *device; /* the terminal's own device */
    void *session;              /* and its session */
};

SLAB_CACHE(tty_session_cache, struct tty_session, NULL);

static struct tty *current_tty(void)
{
    return __atomic_load_n(&task_current()->process->tty, __ATOMIC_RELAXED);
}

static int open_tty(struct char_device *device, void **session)
{
    struct tty *tty = current_tty();
    struct tty_session *opened;
    int error = 0;

    (void)device;
    if (tty == NULL) {
        return -ENXIO;
    }
    opened = slab_alloc(&tty_session_cache, ALLOC_KERNEL | ALLOC_ZERO);
    if (opened == NULL) {
        return -ENOMEM;
    }
    opened->device = char_find_number(tty_dev_number(tty));
    if (opened->device == NULL) {
        error = -ENXIO;
    } else if (opened->device->ops->open != NULL) {
        error = opened->device->ops->open(opened->device, &opened->session);
    }
    if (error != 0) {
        slab_free(&tty_session_cache, opened);
        return error;
    }
    *session = opened;
    return 0;
}

static void release_tty(struct char_device *device, void *session)
{
    struct tty_session *opened = session;

    (void)device;
    if (opened->device->ops->release != NULL) {
        opened->device->ops->release(opened->device, opened->session);
    }
    slab_free(&tty_session_cache, opened);
}

static ssize_t read_tty(struct char_device *device, void *session, struct iter *iter,
                        unsigned flags)
{
    struct tty_session *opened = session;

    (void)device;
    return opened->device->ops->read(opened->device, opened->session, iter, flags);
}

static ssize_t write_tty(struct char_device *device, void *session, struct iter *iter,
                         unsigned flags)
{
    struct tty_session *opened = session;

    (void)device;
    return opened->device->ops->write(opened->device, opened->session, iter, flags);
}

static int ioctl_tty(struct char_device *device, void *session, uint32_t command, uint64_t argument)
{
    struct tty_session *opened = session;

    (void)device;
    return opened->device->ops->ioctl(opened->device, opened->session, command, argument);
}

static uint32_t poll_tty(struct char_device *device, void *session, struct poll_request *request)
{
    struct tty_session *opened = session;

    (void)device;
    return opened->device->ops->poll(opened->device, opened->session, request);
}

static const struct char_device_ops ops = {
    .open = open_tty,
    .release = release_tty,
    .read = read_tty,
    .write = write_tty,
    .ioctl = ioctl_tty,
    .poll = poll_tty,
};

static struct char_device dev_tty = {
    .name = "tty",
    .dev_number = DEV_TTY,
    .mode = 0666,
    .ops = &ops,
    .is_tty = true,
};

void tty_device_register(void)
{
    if (char_register(&dev_tty) != 0) {
        pr_err("task: /dev/tty: its number is taken");
    }
}

struct tty *tty_of_file(struct file *file)
{
    struct char_device *device;

    if (!inode_is(file->inode, S_IFCHR)) {
        return NULL;
    }
    device = char_find_number(file->inode->dev_number);
    if (device == NULL || !device->is_tty) {
        return NULL;
    }
    return device == &dev_tty ? current_tty() : device->driver;
}
