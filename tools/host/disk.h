// SPDX-License-Identifier: MIT
/* Simulated disks for tests on the host: a block device over memory, whose requests complete
 * before block_submit() returns, as if an interrupt had come at once. */
#ifndef CAIRN_HOST_DISK_H
#define CAIRN_HOST_DISK_H

#include "drivers/block.h"

struct host_disk {
    struct block_device device; /* [block] registered: block_find() knows it by device.name */
    uint8_t
        *bytes; /* [lock] the content; tests may read and change it while no request is under way */
    struct spinlock lock; /* LOCK_RANK_DRIVER */
    /** Asked before each request takes effect, in the order of their arrival: the place to record
     * writes, to count
     *  requests and to inject errors. Returns 0, or the -errno that the request fails with,
     *  without effect. NULL: all succeed. Context: lock held, interrupts off. */
    int (*filter)(struct host_disk *disk, const struct block_request *request); /* [owner] */
    void *filter_arg;                                                           /* [owner] */
    struct list node;                                                           /* disk.c */
};

/** A zeroed disk with a volatile cache (it gets FLUSH). frames_init() has run. Exits the program
 * without memory. */
struct host_disk *host_disk_new(uint64_t nr_sectors);

/** A disk with the content of a file, rounded up to whole sectors; exits the program if it can't
 * be read. */
struct host_disk *host_disk_load(const char *path);

/** Write the content into a file; exits the program on failure. */
void host_disk_save(const struct host_disk *disk, const char *path);

/** Drop what fs/cache keeps of the device, dirty or not: what a power cut does to memory, or to
 * make changes in
 *  `bytes` visible. Nothing on the disk may be mounted. */
void host_disk_forget_cache(struct host_disk *disk);

/** The disk is used no more; its record and name go to the next one. Nothing on it may be
 * mounted. */
void host_disk_free(struct host_disk *disk);

#endif
