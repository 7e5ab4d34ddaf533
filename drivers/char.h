// SPDX-License-Identifier: MIT
/* Character devices: the other header at which fs and drivers meet. devfs makes a node for each
 * one registered. */
#ifndef CAIRN_DRIVERS_CHAR_H
#define CAIRN_DRIVERS_CHAR_H

#include "kernel/base/iter.h"
#include "kernel/base/list.h"
#include "kernel/base/types.h"

struct char_device;
struct poll_request; /* fs/vfs/poll.h; drivers only hand it to poll_add(), declared below */
struct waitq;

enum char_open_flags {
    CHAR_NONBLOCK = 1u << 0, /* this read or write must not wait: -EAGAIN */
};

struct char_device_ops {
    int (*open)(struct char_device *device,
                void **session); /* session: one open file's own state; NULL op: none */
    void (*release)(struct char_device *device, void *session);
    /** Move up to iter->remaining_bytes. Returns the bytes moved, 0 at the end, or -errno. */
    ssize_t (*read)(struct char_device *device, void *session, struct iter *iter, unsigned flags);
    ssize_t (*write)(struct char_device *device, void *session, struct iter *iter, unsigned flags);
    /** -ENOTTY for an unknown command. */
    int (*ioctl)(struct char_device *device, void *session, uint32_t command, uint64_t argument);
    /** The POLL* events that are true now; adds itself to request (may be NULL) by poll_add() so
     *  that a change wakes the caller. */
    uint32_t (*poll)(struct char_device *device, void *session, struct poll_request *request);
};

struct char_device {
    const char *name;                  /* [I] path below /dev */
    uint32_t dev_number;               /* [I] major << 8 | minor, Linux's numbers */
    uint32_t mode;                     /* [I] permission bits of the node */
    const struct char_device_ops *ops; /* [I] */
    void *driver;                      /* [I] */
    bool
        is_tty; /* [I] isatty(3) devices: kernel/task does job control for them; driver is a struct tty */
    struct list node; /* [registry] */
};

/** Register for ever. Returns 0 or -EEXIST. Context: may sleep. */
int must_check char_register(struct char_device *device);
struct char_device *char_find_number(uint32_t dev_number);
/** All of them in order: index 0, 1, …; NULL beyond the last. A new one appears in /dev at once:
 *  devfs looks here. */
struct char_device *char_get(unsigned index);

/** For poll operations: the caller of poll waits on this queue too. NULL request: nothing is done.
 *  Implemented in drivers/char.c for both sides: see there. */
void poll_add(struct poll_request *request, struct waitq *queue);

/* What a poll collects: fixed room for the queues of one file, grown by fs/vfs/poll.c between
 * files. */
struct poll_request {
    void (*add)(struct poll_request *request, struct waitq *queue);
};

#endif
