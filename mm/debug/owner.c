// SPDX-License-Identifier: MIT
/* Owner records.
 *
 * A record answers the three questions of every memory mistake: who, when, and how did we come
 * there. The chain comes from the frame pointers of the running stack (port_backtrace); return
 * addresses inside the allocators are left out, so that the first one is the caller that a reader
 * wants to see, whether he called slab_alloc(), kmalloc() or kstrdup().
 *
 * There is one record for each live object of a debugged cache, so its size matters. All code lies
 * within 2 GiB: the record keeps 32-bit distances from one function of that code, six calls in
 * the room of three pointers. The hart shares a word with the time.
 *
 * A record belongs to whoever owns the memory it describes; no locks. */
#include "mm/debug/owner.h"

#include "kernel/base/port.h"
#include "kernel/base/printk.h"

#define NS_PER_MS 1000000ull

void owner_record(struct owner *owner)
{
    const void *calls[OWNER_NR_CALLS];
    unsigned nr = port_backtrace(calls, OWNER_NR_CALLS);

    for (unsigned i = 0; i < OWNER_NR_CALLS; i++) {
        int64_t distance = i < nr ? (int64_t)((uint64_t)calls[i] - (uint64_t)owner_record) : 0;
        owner->calls[i] = distance == (int32_t)distance ? (int32_t)distance : 0;
    }
    /* The hart may be another one a moment later; then it is that of a moment ago. */
    owner->when_and_hart = (port_clock_ns() + 1) << 8 | port_hart_id();
}

uint64_t owner_age_ns(const struct owner *owner)
{
    uint64_t now_ns = port_clock_ns();
    uint64_t then_ns = owner->when_and_hart >> 8;

    return now_ns > then_ns ? now_ns - then_ns : 0;
}

const void *owner_call(const struct owner *owner, unsigned index)
{
    if (index >= OWNER_NR_CALLS || owner->calls[index] == 0) {
        return NULL;
    }
    return (const void *)((uint64_t)owner_record + (uint64_t)(int64_t)owner->calls[index]);
}

void owner_format(const struct owner *owner, char *buffer, size_t size_bytes)
{
    size_t used = 0;

    ksnprintf(buffer, size_bytes, "nobody known");
    for (unsigned i = 0; owner_call(owner, i) != NULL && used + 1 < size_bytes; i++) {
        used += (size_t)ksnprintf(buffer + used, size_bytes - used, i == 0 ? "%pS" : " < %pS",
                                  owner_call(owner, i));
    }
}

void owner_log(const struct owner *owner, const char *what)
{
    char chain[400];
    uint64_t age_ms = owner_age_ns(owner) / NS_PER_MS;

    if (owner_is_set(owner)) {
        owner_format(owner, chain, sizeof(chain));
        pr_err("  %s %llu.%03llu s ago on hart %u by %s", what, (unsigned long long)(age_ms / 1000),
               (unsigned long long)(age_ms % 1000), owner_hart(owner), chain);
    }
}
