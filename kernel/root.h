// SPDX-License-Identifier: MIT
/* The root file system and the first program: which, and what to say when there is none. */
#ifndef CAIRN_ROOT_H
#define CAIRN_ROOT_H

#include "fs/vfs/path.h"
#include "mm/frames.h"

/** Mount the root that the kernel arguments and the machine suggest (see root.c), with /dev in it.
 *  @initrd: what the boot loader brought; empty: nothing. Returns 0 or -errno after one clear line. May sleep. */
int must_check root_mount(const struct frame_range *initrd, struct path *root);

/** Start the first program: `init=`, or the usual places. Returns 0 or -errno after one clear line. May sleep. */
int must_check root_start_init(const struct path *root);

#endif
