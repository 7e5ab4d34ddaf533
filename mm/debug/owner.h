// SPDX-License-Identifier: MIT
/* Who took a piece of memory, or gave it back: when, on which hart, and by which chain of calls. */
#ifndef CAIRN_MM_DEBUG_OWNER_H
#define CAIRN_MM_DEBUG_OWNER_H

#include "kernel/base/types.h"

#define OWNER_NR_CALLS 6

/* 32 bytes, so that it fits into the `struct page` of a large block, too: see owner.c. */
struct owner {
    uint64_t when_and_hart;        /* nanoseconds since boot << 8 | ignored << 7 | hart; 0: never */
    int32_t calls[OWNER_NR_CALLS]; /* distances of return addresses from owner_record(); 0: none */
};

/** Write down the running call chain, the allocators' own functions left out.
 *  Context: any. */
void owner_record(struct owner *owner);

static inline bool owner_is_set(const struct owner *owner)
{
    return owner->when_and_hart != 0;
}

static inline unsigned owner_hart(const struct owner *owner)
{
    return owner->when_and_hart & 0x7f;
}

/* The leak search was told not to report this one again. */
#define OWNER_IGNORED 0x80u

static inline bool owner_is_ignored(const struct owner *owner)
{
    return (owner->when_and_hart & OWNER_IGNORED) != 0;
}

static inline void owner_ignore(struct owner *owner)
{
    owner->when_and_hart |= OWNER_IGNORED;
}

/** How long ago, in nanoseconds. */
uint64_t owner_age_ns(const struct owner *owner);

/** The index-th call, innermost first, for %pS; NULL behind the last one. */
const void *owner_call(const struct owner *owner, unsigned index);

/** One line of the log: "  WHAT 1.234 s ago on hart 0 by a+0x10 < b+0x20 < c+0x30". Nothing when
 *  the owner was never set. */
void owner_log(const struct owner *owner, const char *what);

/** The same chain, "a+0x10 < b+0x20", into a buffer. */
void owner_format(const struct owner *owner, char *buffer, size_t size_bytes);

#endif
