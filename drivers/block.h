// SPDX-License-Identifier: MIT
/* Block devices: asynchronous requests with scatter-gather, FLUSH, and errors returned. One of
 * the two headers at which fs and drivers meet. Theory in block.c. */
#ifndef CAIRN_DRIVERS_BLOCK_H
#define CAIRN_DRIVERS_BLOCK_H

#include "kernel/base/atomic.h"
#include "kernel/base/list.h"
#include "kernel/base/types.h"
#include "kernel/sync/spinlock.h"
#include "kernel/sync/waitq.h"

#define SECTOR_SHIFT 9
#define SECTOR_SIZE  512u

struct page;
struct block_device;

enum block_op {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_FLUSH,   /* everything completed before is durable when this completes */
    BLOCK_DISCARD, /* nr_sectors from `sector` on hold nothing any more; there are no segments */
};

struct block_segment {
    struct page *page;     /* the frame; memory contiguous with it may follow for len_bytes */
    uint32_t offset_bytes; /* into the page; multiple of 512 */
    uint32_t len_bytes;    /* multiple of 512 */
};

#define BLOCK_MAX_SEGMENTS 64 /* of one request; 256 KiB in single pages */

struct block_request {
    enum block_op op;
    bool is_fua;         /* a write that is durable itself when it completes */
    bool is_second_half; /* [block] such a write has reached the cache, and is now a flush */
    uint64_t sector;     /* in units of 512 bytes */
    uint32_t nr_segments;
    struct block_segment segments[BLOCK_MAX_SEGMENTS];
    void (*done)(struct block_request *request); /* called once, also in interrupt context */
    void *owner;                                 /* the submitter's own */
    _Atomic bool is_done;                        /* [a] for block_submit_wait */
    int error;                                   /* [done] 0 or -errno: -EIO, -EROFS, -EOPNOTSUPP */
    uint32_t nr_sectors;          /* [block] sum of the segments; the submitter's of a discard */
    struct list node;             /* [device->lock] while queued */
    uint32_t nr_own_segments;     /* [block] without those of the requests that ride on it */
    struct block_request *merged; /* [device->lock] requests that ride on this one */
    struct list flight_node;      /* [device->lock] while the driver has it */
    uint32_t serial;              /* [device->lock] of its start */
};

struct block_device_ops {
    /** Start a request; completion through block_complete(). Returns 0, or -EAGAIN when the
     *  hardware queue is full: the block layer keeps it and calls again after a completion.
     *  Context: any, device->lock held, interrupts off. */
    int (*start)(struct block_device *device, struct block_request *request);
    /** After a batch of start(): tell the hardware. Same context. May be NULL. */
    void (*kick)(struct block_device *device);
    /** The hardware does not answer. Reset it, so that it touches no memory of ours any more; move the requests
     *  that it had from the device's list to `lost`, by flight_node; and, if wanted, set it up for new ones. Returns 0
     *  or -EIO (it stays off). Same context. NULL: cannot be done, and is waited for for ever. */
    int (*reset)(struct block_device *device, bool is_restarted, struct list *lost);
};

struct block_device {
    char name[16];                /* [I] "vda", or "vda1" for a partition */
    uint64_t nr_sectors;          /* [I] */
    bool is_read_only;            /* [I] */
    bool has_flush;               /* [I] a volatile cache that FLUSH writes out */
    bool has_discard;             /* [I] */
    uint32_t max_discard_sectors; /* [I] of one request */
    uint32_t max_segments;        /* [I] the hardware takes at most this many */
    uint32_t dev_number;          /* [I] as in st_rdev: major 254, minor 16 * disk + partition */
    const struct block_device_ops *ops; /* [I] */
    void *driver;                       /* [I] */
    struct block_device *whole;         /* [I] for a partition: the disk, and where it begins */
    uint64_t start_sector;              /* [I] */
    struct spinlock lock;               /* LOCK_RANK_BLOCK */
    struct list queue;                  /* [lock] submitted, not yet started */
    uint32_t nr_in_flight;              /* [lock] */
    struct list in_flight;              /* [lock] by flight_node, the oldest first */
    uint32_t next_serial;               /* [lock] */
    struct {                            /* block_watch.c */
        uint32_t serial;                /* of the request that was the oldest when it last looked */
        bool is_watching;               /* there was one */
        bool was_reset;                 /* and since then nothing has completed */
        uint64_t since_ns, wall_since_ns;
    } watch;
    _Atomic bool is_dead;       /* [a] given up: every request fails */
    void *cache;                /* [fs] the page cache of the device: bdev_mapping() */
    _Atomic int32_t open_count; /* [a] mounts and opens */
    _Atomic int32_t claims;     /* [a] -1: claimed; above 0: so many of its partitions are */
    _Atomic uint64_t nr_reads, nr_sectors_read, nr_writes, nr_sectors_written,
        nr_flushes;   /* [a] /proc/diskstats */
    struct list node; /* [registry] all devices */
};

/** Register a disk; scans no partitions by itself. Gives it name ("vda", "vdb", …) and number.
 *  Returns 0 or -errno. */
int must_check block_register(struct block_device *device);

/** Register a part of a disk as a device of its own: nr_sectors and start_sector are set. number: 1
 *  .. 15. */
int must_check block_register_partition(struct block_device *partition, struct block_device *disk,
                                        unsigned number);

/** Find partitions (MBR, GPT) and register them as devices of their own. A damaged table is a log
 *  line and no partitions. Context: may sleep. */
void block_scan_partitions(struct block_device *device);

/** Find a device by name ("vda1") or number; NULL if there is none. Devices stay for ever. */
struct block_device *block_find(const char *name);
struct block_device *block_find_number(uint32_t dev_number);
/** All of them in order: index 0, 1, …; NULL beyond the last. */
struct block_device *block_get(unsigned index);

/** Have a device, or a partition, for oneself: mounted, or as swap space. A disk and a partition of it
 *  exclude each other. Returns 0 or -EBUSY. Context: any. */
int must_check block_claim(struct block_device *device);
void block_unclaim(struct block_device *device);

/** Submit. The request and its pages belong to the block layer until done() runs. Never fails:
 *  errors arrive through done(). A request outside the device completes with -EIO and a log line.
 *  Context: any. */
void block_submit(struct block_device *device, struct block_request *request);

/** Submit and wait. Returns request->error. Context: may sleep. */
int must_check block_submit_wait(struct block_device *device, struct block_request *request);

/** Make all completed writes durable. Returns 0 or -EIO. Context: may sleep. */
int must_check block_flush(struct block_device *device);

/** Tell the device that nobody needs the content of these sectors: what is read there from now on is
 *  anything. Returns 0, -EOPNOTSUPP, -EROFS or -EIO. Context: may sleep. */
int must_check block_discard(struct block_device *device, uint64_t sector, uint64_t nr_sectors);

/** Write zeros to these sectors, through no cache. Returns 0, -ENOMEM or -EIO. Context: may sleep. (block_zero.c) */
int must_check block_write_zeros(struct block_device *device, uint64_t sector, uint64_t nr_sectors);

/** For drivers: a started request has ended. Context: any; device->lock not held. */
void block_complete(struct block_device *device, struct block_request *request, int error);

/** Take back from a device that does not answer what it has, and let that fail with -EIO. is_last: and all that waits
 *  or will be submitted, for ever. Returns how many requests were lost. Context: any task; its driver can be reset. */
uint32_t block_reset(struct block_device *device, bool is_last);

/** Whether the device, or the disk that it is a part of, was given up: nothing that is written to it will ever
 *  arrive. Context: any. */
static inline bool block_is_dead(const struct block_device *device)
{
    return load_relaxed(&device->is_dead) ||
           (device->whole != NULL && load_relaxed(&device->whole->is_dead));
}

/** Read `len_bytes` (a multiple of 512) at a byte offset, through no cache. For partition tables and
 *  tests. @buffer: in the direct map (ALLOC_DIRECT). */
int must_check block_read_sync(struct block_device *device, uint64_t offset_bytes, void *buffer,
                               size_t len_bytes);

/** Requests come from a reserve that always serves: a waiting caller gets one in the end.
 *  Context: may sleep. */
struct block_request *block_request_alloc(void);
/** Whether it is one of the reserve. Its holder submits it before he waits for anything, another
 *  request included: else holders could wait for one another. */
bool block_request_is_reserved(const struct block_request *request);
void block_request_free(struct block_request *request);

#endif
