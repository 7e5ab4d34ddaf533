// SPDX-License-Identifier: MIT
/* Reference counts that refuse to lie.
 *
 * A count of 0 means that the object is being destroyed: taking a reference then, or putting one too many, is a
 * bug of ours and a panic. A count that reaches REFCOUNT_SATURATED stays there for ever: the object leaks, which
 * is better than a wrap to 0 and a use after free. */
#ifndef CAIRN_BASE_REFCOUNT_H
#define CAIRN_BASE_REFCOUNT_H

#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"

#define REFCOUNT_SATURATED 0xc0000000u

struct refcount {
    _Atomic uint32_t count; /* [a] */
};

/* clang-format off */
#define REFCOUNT_INIT(initial) {.count = (initial)}
/* clang-format on */

static inline void refcount_init(struct refcount *refcount, uint32_t initial)
{
    store_relaxed(&refcount->count, initial);
}

/** A snapshot; a caller that owns the only reference may rely on 1. */
static inline uint32_t refcount_read(const struct refcount *refcount)
{
    return load_relaxed(&refcount->count);
}

/** Take a reference; the caller has one already. Relaxed: who has a reference has seen the object. */
static inline void refcount_get(struct refcount *refcount)
{
    uint32_t old = atomic_fetch_add_explicit(&refcount->count, 1, memory_order_relaxed);

    if (unlikely(old == 0 || old >= REFCOUNT_SATURATED)) {
        assert(old != 0);
        refcount_init(refcount, REFCOUNT_SATURATED);
    }
}

/** Take a reference to an object found in a table, unless it is being destroyed. Returns whether it was taken. */
static inline bool must_check refcount_get_unless_zero(struct refcount *refcount)
{
    uint32_t old = refcount_read(refcount);

    do {
        if (old == 0) {
            return false;
        }
        if (unlikely(old >= REFCOUNT_SATURATED)) {
            return true;
        }
    } while (!atomic_compare_exchange_weak_explicit(&refcount->count, &old, old + 1,
                                                    memory_order_acquire, memory_order_relaxed));
    return true;
}

/** Give a reference back. Returns true to the one who gave the last: he destroys the object.
 *  Release: what this holder did to the object comes before its destruction; acquire: for the one who destroys. */
static inline bool must_check refcount_put(struct refcount *refcount)
{
    uint32_t old = atomic_fetch_sub_explicit(&refcount->count, 1, memory_order_acq_rel);

    if (unlikely(old == 0 || old >= REFCOUNT_SATURATED)) {
        assert(old != 0);
        refcount_init(refcount, REFCOUNT_SATURATED);
        return false;
    }
    return old == 1;
}

/** Give back a reference that is not the last, or none: for "the last one needs a lock first".
 *  Returns false if it is the last, and keeps it. */
static inline bool must_check refcount_put_unless_last(struct refcount *refcount)
{
    uint32_t old = refcount_read(refcount);

    do {
        assert(old != 0);
        if (old == 1) {
            return false;
        }
        if (unlikely(old >= REFCOUNT_SATURATED)) {
            return true;
        }
    } while (!atomic_compare_exchange_weak_explicit(&refcount->count, &old, old - 1,
                                                    memory_order_release, memory_order_relaxed));
    return true;
}

#endif
