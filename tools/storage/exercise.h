// SPDX-License-Identifier: MIT
/* Everything that a program can do with a file system that may be damaged, by the calls of the VFS
 * on this machine: what `make hostile` and the fuzzers do with an image. user/test/mistreat.c does
 * the same from a program, in the kernel. */
#ifndef CAIRN_TOOLS_STORAGE_EXERCISE_H
#define CAIRN_TOOLS_STORAGE_EXERCISE_H

#include "tools/host/disk.h"

struct exercise_result {
    int mount_error;        /* 0: it could be mounted */
    unsigned nr_root_names; /* in its root directory, dots included */
    unsigned nr_names;      /* seen in all directories, dots left out */
    unsigned
        nr_errors;   /* calls that reported damage or a failing disk before anything was written */
    int first_error; /* the first of those, -errno */
    bool has_silent_directory; /* one that could be listed, and had not even "." */
    int unmount_error;
};

/** A machine with memory, a tmpfs as root, the disk file systems known, and /mnt. Once. */
void exercise_begin(void);

/** Mount the disk, walk over what is there and read it; if may_write, change it in every way, too;
 *  unmount, and mount and walk once more. However damaged it is, the work is bounded.
 *  @type: as mount takes it. Context: nothing is mounted on /mnt. */
void exercise_image(struct host_disk *disk, const char *type, bool may_write,
                    struct exercise_result *result);

/** Fill an empty file system with something of everything. With is_crashed the disk is left as a power cut after a
 *  sync would leave it: a journal is to be replayed. */
void exercise_fill(struct host_disk *disk, const char *type, bool is_crashed);

/** Objects of slab caches in use now: the same before and after an image, or something leaks. What
 *  may be dropped has been. */
uint64_t exercise_nr_objects(void);

#endif
