// SPDX-License-Identifier: MIT
/* Who has how much: an allocator that charges what it gives out to a tag. Theory in tracking.c. As
 * many users at once as the one below bears; tags may be charged by all harts at once. */
#ifndef CAIRN_MM_ALLOC_TRACKING_H
#define CAIRN_MM_ALLOC_TRACKING_H

#include <stdatomic.h>

#include "kernel/base/list.h"
#include "mm/alloc/allocator.h"

/* A name for a purpose, and what is live under it. A static, ready when its bytes are those of
 * ALLOC_TAG_INIT; it stands on the list of all tags from its first charge on, for ever. */
struct alloc_tag {
    const char *name;               /* [I] "fs/tmpfs: names" */
    _Atomic uint64_t live_bytes;    /* [a] */
    _Atomic uint64_t peak_bytes;    /* [a] the most that live_bytes has been */
    _Atomic uint64_t nr_live;       /* [a] blocks */
    _Atomic uint64_t nr_total;      /* [a] blocks since the beginning */
    _Atomic uint32_t is_registered; /* [a] 1: on the list, or about to be */
    struct list node;               /* [tags lock] */
};

#define ALLOC_TAG_INIT(tag_name) \
    {                            \
        .name = (tag_name)       \
    }

/** Charge a block to a tag, and take the charge back. Context: any. */
void alloc_tag_charge(struct alloc_tag *tag, size_t size_bytes);
void alloc_tag_discharge(struct alloc_tag *tag, size_t size_bytes);

/** Call visit for each tag that was ever charged, oldest first. Context: any. */
void alloc_tag_for_each(void (*visit)(const struct alloc_tag *tag, void *arg), void *arg);

void alloc_tag_check(struct alloc_tag *tag);

struct tracking {
    struct allocator below; /* [I] */
    struct alloc_tag *tag;  /* [I] several may charge one tag */
};

/** The wrapper behind the interface; it, the tag and what is below outlive its use. */
struct allocator tracking_allocator(struct tracking *tracking);

void tracking_check(struct tracking *tracking);

#endif
