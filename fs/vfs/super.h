// SPDX-License-Identifier: MIT
/* Super blocks: mounted file systems, and their types. Theory in super.c. */
#ifndef CAIRN_FS_VFS_SUPER_H
#define CAIRN_FS_VFS_SUPER_H

#include "fs/vfs/inode.h"

/** The super block of a device (the one in memory if there is one), or a new one of a type
 *  without a device (device NULL). Calls are one at a time (the caller holds the mount lock).
 *  Returns 0 with a reference, -EBUSY when the device is in use with other flags, or what the
 *  type's mount() said. May sleep. */
int must_check super_open(struct fs_type *type, struct block_device *device, uint32_t flags,
                          const char *options, struct super **super);

/** A super block that is never mounted: the home of pipes and other nameless inodes. NULL when
 *  memory is short. */
struct super *must_check super_create_internal(struct fs_type *type, const struct super_ops *ops);

void super_get(struct super *super);
/** The last put writes everything and takes the file system down. May sleep. */
void super_put(struct super *super);

/** Wait until a super block that was just put by its last mount is really gone (writeback may
 *  still have held it). */
void super_wait_gone(const struct super *super);

/** Change between read-only and writable, and options. Returns 0, -EBUSY (files are open for
 *  writing), -EROFS or -errno. Context: may sleep. */
int must_check super_remount(struct super *super, uint32_t flags, const char *options);

/** The first half of that, without asking anybody: nothing can be changed any more, and no change is under way. Context: may
 *  sleep. */
void super_close_door(struct super *super);

/** Begin and end a call that changes names, attributes or content: a remount to read-only waits for its end. Returns 0, or
 *  -EROFS with nothing begun. Context: may sleep; between the two nobody remounts. */
int must_check super_begin_change(struct super *super);
void super_end_change(struct super *super);

/** Its device's name, or "none". */
const char *super_name(const struct super *super);

/** What its driver is called in the log. */
static inline const char *super_driver_name(const struct super *super)
{
    return super->type->driver_name != NULL ? super->type->driver_name : super->type->name;
}

/** What damage is to do, from the "errors=…" among mount options (NULL: none). Returns 0, or -EINVAL with a log
 *  line, also where no disk can be damaged. */
int must_check super_set_policy(struct super *super, const char *options);
/** "errors=…", as it is in force. */
const char *super_policy(const struct super *super);

static inline uint32_t super_flags(const struct super *super)
{
    return __atomic_load_n(&super->flags, __ATOMIC_RELAXED);
}

/** A process-wide number for st_dev of file systems without a device. */
uint32_t super_new_dev_number(void);

#endif
