// SPDX-License-Identifier: MIT
/* Acquire loads, release stores and the full fence, at the price that the machine really asks.
 *
 * GCC 12 turns a C11 acquire load into a load and a full fence on riscv64, and every C11 store, relaxed ones too,
 * into an atomic swap. A plain access beside a `fence r,rw` or `fence rw,w` is all that the memory model needs;
 * that is what these macros give: an aligned word is loaded and stored in one piece by any hart. Under
 * ThreadSanitizer, which doesn't understand fences, they are the C11 operations, so that it sees every edge that
 * the code relies on.
 *
 * For swaps and compare-and-exchange use <stdatomic.h> with explicit orders; the operand must be 32 or 64 bits
 * wide there, because the narrower ones need a library on riscv64 before GCC 14. */
#ifndef CAIRN_BASE_ATOMIC_H
#define CAIRN_BASE_ATOMIC_H

#include "kernel/base/port.h"
#include <stdatomic.h>

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define ATOMIC_UNDER_TSAN 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define ATOMIC_UNDER_TSAN 1
#endif

#ifdef ATOMIC_UNDER_TSAN

#define load_acquire(object)         atomic_load_explicit((object), memory_order_acquire)
#define store_release(object, value) atomic_store_explicit((object), (value), memory_order_release)
#define load_relaxed(object)         atomic_load_explicit((object), memory_order_relaxed)
#define store_relaxed(object, value) atomic_store_explicit((object), (value), memory_order_relaxed)
#define load_dependent(object)       load_acquire(object)

static inline void fence_full(void)
{
    _Atomic uint32_t nobody_else_sees = 0;

    atomic_fetch_add_explicit(&nobody_else_sees, 1, memory_order_seq_cst);
}

#else

/* No order at all; only that the word is whole, and that the access is really done. */
#define load_relaxed(object) atomic_load_explicit((object), memory_order_relaxed)
#define store_relaxed(object, value) \
    ((void)(*(volatile __typeof__(load_relaxed(object)) *)(object) = (value)))

/* A pointer whose pointee was written before its store_release(): accesses through the loaded pointer depend on its
 * value, and riscv keeps that order without a fence. For nothing else. */
#define load_dependent(object) load_relaxed(object)

/* Later reads and writes stay after the load: what the storing side wrote before its store_release() is seen. */
#define load_acquire(object)                             \
    ({                                                   \
        __auto_type loaded_value = load_relaxed(object); \
        port_fence_acquire();                            \
        loaded_value;                                    \
    })

/* Earlier reads and writes stay before the store. */
#define store_release(object, value)      \
    do {                                  \
        port_fence_release();             \
        store_relaxed((object), (value)); \
    } while (0)

/* Earlier writes are visible before later reads are done: what "announce, then look" needs on both sides. */
static inline void fence_full(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

#endif
#endif
