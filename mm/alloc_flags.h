// SPDX-License-Identifier: MIT
/* What an allocation may do to succeed. Every allocator in mm/ takes these, and every caller
 * survives a NULL. */
#ifndef CAIRN_MM_ALLOC_FLAGS_H
#define CAIRN_MM_ALLOC_FLAGS_H

enum alloc_flags {
    ALLOC_WAIT = 1u << 0, /* may sleep and reclaim memory; without it the call never sleeps */
    ALLOC_NOFS = 1u << 1, /* with ALLOC_WAIT: reclaim takes no file-system locks (they are held) */
    ALLOC_RESERVE = 1u << 2, /* may use the reserve: for reclaim, interrupts, writeback */
    ALLOC_ZERO = 1u << 3,    /* the memory is zeroed */
    ALLOC_QUIET = 1u << 4,   /* the caller has another way: nobody is killed for it, no log line */
    ALLOC_USER = 1u << 5,    /* for a user process */
    ALLOC_MOVABLE = 1u << 6, /* the content can be moved to another frame: see compact.c */
    ALLOC_DIRECT = 1u << 7,  /* in the direct map: a device will be given its virt_to_phys() */
};

#define ALLOC_KERNEL ((enum alloc_flags)ALLOC_WAIT)
#define ALLOC_ATOMIC ((enum alloc_flags)0)

#endif
