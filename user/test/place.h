// SPDX-License-Identifier: MIT
/* Where a test of file systems works: a device that it mounts itself, or a directory that is there. */
#ifndef CAIRN_USER_TEST_PLACE_H
#define CAIRN_USER_TEST_PLACE_H

#include <stdbool.h>

struct place {
    const char *type;    /* ext2, ext3, vfat, tmpfs */
    const char *device;  /* block device, "tmpfs" for one; NULL: dir is there already */
    const char *dir;     /* where it is mounted */
    const char *options; /* of the file system itself; may be NULL */
};

/* Mount the device on a new directory of /tmp, which dir then names. Without a device nothing is done.
 * false with a message if it can't be. */
bool place_mount(struct place *place, const char *program);

/* The reverse; false with a message if it is busy. */
bool place_unmount(struct place *place, const char *program);

#endif
