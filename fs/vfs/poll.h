// SPDX-License-Identifier: MIT
/* Waiting for many files at once: what poll(2) and select(2) do. Theory in poll.c. */
#ifndef CAIRN_FS_VFS_POLL_H
#define CAIRN_FS_VFS_POLL_H

#include "fs/vfs/file.h"

struct poll_item {
    struct file *file; /* with a reference of the caller's; NULL: `ready` stays as it is */
    uint16_t events;   /* POLL*; ERR and HUP are always told */
    uint16_t ready;    /* out */
    bool is_counted;   /* the caller's own */
};

/** Wait until one of the items has one of its events, or the deadline (port_clock_ns; 0: don't
 *  wait; PORT_NO_DEADLINE). Returns how many have (0: timed out), -ERESTARTNOHAND on a signal,
 *  or -ENOMEM. May sleep. */
int must_check poll_items(struct poll_item *items, unsigned nr, uint64_t deadline_ns);

#endif
