// SPDX-License-Identifier: MIT
/* The host build of Cairn's file systems, as the power-cut harness uses it: one simulated disk, mounted or not. */
#ifndef CAIRN_TOOLS_CRASH_WORLD_H
#define CAIRN_TOOLS_CRASH_WORLD_H

#include <stddef.h>

#include "user/test/crash/ops.h"

struct fs_kind;
struct host_disk;
struct image;
struct seen;

/** Memory, a root, a disk of that size. Once in a process, before its first thread. Exits it on failure. */
void world_start(size_t disk_bytes);

/** The disk is this image from now on; what was cached of it is forgotten. Nothing is mounted. */
struct host_disk *world_insert(struct image *image);

/** Mount it. Returns 0 or -errno. */
int world_mount(const struct fs_kind *kind);
/** Returns 0 or -errno. */
int world_unmount(void);

/** Do an operation, the number-th, in the mounted tree. Returns 0 or -errno. */
int world_do(const struct crash_op *op, unsigned number);

/** Read the mounted tree: see seen_read(). */
struct seen *world_look(char *why);

#endif
