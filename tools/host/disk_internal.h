// SPDX-License-Identifier: MIT
/* What disk.c and silence.c need of each other. */
#ifndef CAIRN_HOST_DISK_INTERNAL_H
#define CAIRN_HOST_DISK_INTERNAL_H

#include "tools/host/disk.h"

/** Let a request take effect, if the filter allows it. Returns 0 or -errno. Context: any. */
int host_disk_run(struct host_disk *disk, const struct block_request *request);

/** A new disk, or a record that is used again: it answers. */
void host_silence_init(struct host_disk *disk);

/** Called for each request that is started. Returns whether the disk is silent; *error is start()'s answer then.
 *  Context: device->lock held. */
bool host_silence_takes(struct host_disk *disk, struct block_request *request, int *error);

/** At a reset: what was never answered is taken back. Context: device->lock held. */
void host_silence_reset(struct host_disk *disk, struct list *lost);

#endif
