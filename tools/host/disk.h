// SPDX-License-Identifier: MIT
/* Simulated disks for tests on the host: a block device over memory, whose requests complete
 * before block_submit() returns, as if an interrupt had come at once; or, made asynchronous, later
 * and in another thread; or, silent, never. */
#ifndef CAIRN_HOST_DISK_H
#define CAIRN_HOST_DISK_H

#include "drivers/block.h"

#define HOST_DISK_DISCARDED 0xd5       /* what is in the sectors that were discarded */
#define HOST_DISK_FOR_GOOD  UINT32_MAX /* no reset helps */

struct host_disk {
    struct block_device device; /* [block] registered: block_find() knows it by device.name */
    uint8_t *bytes;             /* [lock] the content; a test's own while no request is under way */
    struct spinlock lock;       /* LOCK_RANK_DRIVER */
    /** Asked before each request takes effect, in the order of their arrival: the place to record
     *  writes, to count requests and to inject errors. Returns 0, or the -errno that the request
     *  fails with, without effect. NULL: all succeed. Context: lock held, interrupts off. */
    int (*filter)(struct host_disk *disk, const struct block_request *request); /* [owner] */
    void *filter_arg;                                                           /* [owner] */
    struct list node;                                                           /* disk.c */
    unsigned queue_depth; /* [lock] requests that it takes at a time; 0: synchronous */
    unsigned delay_us;    /* [lock] how long each takes */
    struct list started;  /* [lock] requests, asynchronous */
    unsigned nr_started;  /* [lock] */
    struct waitq work;    /* the thread waits here */
    bool has_thread;      /* [owner] */
    bool is_borrowed;     /* [owner] bytes are the caller's */
    struct {
        uint32_t nr_answers; /* so many are still answered, and then none */
        uint32_t nr_resets;  /* before it answers again; 0: it does now */
        uint64_t effects;
        uint32_t nr_taken; /* requests, since it is silent */
        uint32_t nr_held;  /* of these, those that were not yet given back */
        struct list held;  /* by node */
    } silence;             /* [lock] silence.c */
};

/** A zeroed disk with a volatile cache (it gets FLUSH). frames_init() has run. Exits the program
 *  without memory. */
struct host_disk *host_disk_new(uint64_t nr_sectors);

/** From now on the disk's content is memory of the caller's, as large as the disk. It is never freed by it.
 *  Nothing on the disk is mounted. */
void host_disk_set_memory(struct host_disk *disk, uint8_t *bytes);

/** A disk with the content of a file, rounded up to whole sectors; exits the program if it can't
 *  be read. */
struct host_disk *host_disk_load(const char *path);

/** Write the content into a file; exits the program on failure. */
void host_disk_save(const struct host_disk *disk, const char *path);

/** From now on requests complete in a thread of the disk's own, each delay_us after its turn came,
 *  and not always in the order of their arrival; while it has queue_depth of them it takes no more.
 *  0: synchronous again. No request is under way. */
void host_disk_set_async(struct host_disk *disk, unsigned queue_depth, unsigned delay_us);

/** From now on the disk answers nr_answers requests, and then none, until it was reset nr_resets times (or
 *  HOST_DISK_FOR_GOOD). The block layer's watch looks at it meanwhile, and for those who wait half a minute is nothing.
 *  @effects: bit n % 64 says whether the n-th request without an answer takes effect all the same. */
void host_disk_silence(struct host_disk *disk, uint32_t nr_answers, uint32_t nr_resets,
                       uint64_t effects);

/** The disk answers again, also one that was given up, as after the machine was switched off and on. Waits until
 *  all that it was asked before has failed. Returns how many requests were never answered. Context: may sleep. */
uint32_t host_disk_end_silence(struct host_disk *disk);

/** Drop what fs/cache keeps of the device, dirty or not: what a power cut does to memory, or to
 *  make changes in `bytes` visible. Nothing on the disk may be mounted. */
void host_disk_forget_cache(struct host_disk *disk);

/** The disk is used no more; its record and name go to the next one. Nothing on it may be
 *  mounted. */
void host_disk_free(struct host_disk *disk);

#endif
