// SPDX-License-Identifier: MIT
// Mounting: shared by init and mount(8), and the way down shared by init and poweroff(8).
#ifndef CAIRN_USER_LIB_MOUNTS_H
#define CAIRN_USER_LIB_MOUNTS_H

#include <stddef.h>

enum { FS_TYPE_LEN = 32 };

/** Mount a device with whichever disk file system recognises it.
 *  @flags: MS_* of mount(2).
 *  @type: receives the type on success.
 *  Returns 0, or -1 with the errno of the attempt that says most. */
int mount_any(const char *device, const char *dir, unsigned long flags, const char *options,
              char type[FS_TYPE_LEN]);

/** Undo one level of the \040 notation of /proc/mounts in place. */
void mounts_unescape(char *text);

/** Unmount everything but the root, newest first, then make the root read-only. */
void unmount_everything(void);

/** End every process but the caller and process 1: SIGTERM, a short wait, SIGKILL. */
void end_all_processes(void);

enum power_action { POWER_OFF, POWER_RESTART, POWER_HALT };

/** Tell the kernel. Returns only where it refused, with errno. */
void power_down(enum power_action action);

#endif
