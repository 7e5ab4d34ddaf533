// SPDX-License-Identifier: MIT
/* On the real machine: the ring and once cells under harts that truly run at once, the kernel's own memory functions,
 * and the symbol table behind %pS. */
#include "kernel/base/atomic.h"
#include "kernel/base/bits.h"
#include "kernel/base/once.h"
#include "kernel/base/printk.h"
#include "kernel/base/ring.h"
#include "kernel/base/selftest.h"
#include "kernel/base/string.h"
#include "kernel/base/symbols.h"

enum { NR_THREADS = 4, NR_VALUES = 20000, NR_CELLS = 64 };

/* Threads that are to run at once, and to be waited for. */
static _Atomic uint32_t nr_running;

static bool start_threads(unsigned nr, void (*entry)(void *arg), void *arg)
{
    atomic_store_explicit(&nr_running, nr, memory_order_relaxed);
    for (unsigned i = 0; i < nr; i++) {
        if (port_spawn("selftest", entry, arg) == NULL) {
            atomic_fetch_sub_explicit(&nr_running, nr - i, memory_order_relaxed);
            return false;
        }
    }
    return true;
}

static void end_thread(void)
{
    atomic_fetch_sub_explicit(&nr_running, 1, memory_order_acq_rel);
}

static void wait_for_threads(void)
{
    while (load_acquire(&nr_running) > 0) {
        port_yield();
    }
}

/* ---- Ring -------------------------------------------------------------------------------------- */

static struct ring shared_ring;
static struct ring_cell shared_cells[NR_CELLS];
static _Atomic uint64_t next_value;
static _Atomic uint64_t nr_popped;
static _Atomic uint64_t sum_popped;
static _Atomic uint64_t popped_map[BITMAP_NR_WORDS(NR_VALUES)];
static _Atomic uint32_t nr_doubled;

/* Each thread pushes and pops by turns, singly and in batches. */
static void ring_thread(void *arg)
{
    while (load_relaxed(&nr_popped) < NR_VALUES) {
        uint64_t values[8];
        uint64_t value = atomic_fetch_add_explicit(&next_value, 1, memory_order_relaxed);
        while (value < NR_VALUES && !ring_push(&shared_ring, value)) {
            size_t nr = ring_pop_batch(&shared_ring, values, 8);
            for (size_t i = 0; i < nr; i++) {
                nr_doubled += bitmap_test_and_set_atomic(popped_map, values[i]);
                atomic_fetch_add_explicit(&sum_popped, values[i], memory_order_relaxed);
            }
            atomic_fetch_add_explicit(&nr_popped, nr, memory_order_relaxed);
        }
        if (ring_pop(&shared_ring, values)) {
            nr_doubled += bitmap_test_and_set_atomic(popped_map, values[0]);
            atomic_fetch_add_explicit(&sum_popped, values[0], memory_order_relaxed);
            atomic_fetch_add_explicit(&nr_popped, 1, memory_order_relaxed);
        }
    }
    end_thread();
}

SELFTEST(ring_loses_and_doubles_nothing_across_harts)
{
    CHECK(ring_init(&shared_ring, shared_cells, NR_CELLS) == 0);
    CHECK(start_threads(NR_THREADS, ring_thread, NULL));
    wait_for_threads();
    CHECK(load_relaxed(&nr_doubled) == 0);
    CHECK(load_relaxed(&nr_popped) == NR_VALUES);
    CHECK(load_relaxed(&sum_popped) == (uint64_t)NR_VALUES * (NR_VALUES - 1) / 2);
    CHECK(ring_count(&shared_ring) == 0);
}

/* ---- Once -------------------------------------------------------------------------------------- */

static struct once shared_once = ONCE_INIT("selftest", ONCE_RETRY);
static uint32_t nr_initialised; /* [shared_once] */
static uint64_t product[32];    /* [shared_once] */
static _Atomic uint32_t nr_wrong;

/* Fails the first time, and lets the others come meanwhile. */
static int initialise(void *arg)
{
    nr_initialised++;
    port_yield();
    if (nr_initialised == 1) {
        return -1;
    }
    for (unsigned i = 0; i < array_size(product); i++) {
        product[i] = i + 1;
    }
    return 0;
}

static void once_thread(void *arg)
{
    while (once_get(&shared_once, initialise, NULL) != 0) {
    }
    for (unsigned i = 0; i < array_size(product); i++) {
        nr_wrong += product[i] != i + 1;
    }
    end_thread();
}

SELFTEST(once_cell_initialises_once_across_harts)
{
    CHECK(start_threads(NR_THREADS, once_thread, NULL));
    wait_for_threads();
    CHECK(nr_initialised == 2);
    CHECK(load_relaxed(&nr_wrong) == 0);
}

/* ---- Memory and symbols -------------------------------------------------------------------------- */

SELFTEST(memory_functions_survive_every_alignment)
{
    static unsigned char from[128], to[128];

    for (size_t i = 0; i < sizeof(from); i++) {
        from[i] = (unsigned char)(i * 7 + 1);
    }
    for (size_t skew = 0; skew < 64; skew++) {
        size_t to_skew = skew / 8, from_skew = skew % 8;
        for (size_t len = 0; len < 90; len += 1 + len / 16) {
            memset(to, 0xee, sizeof(to));
            memcpy(to + to_skew, from + from_skew, len);
            CHECK(memcmp(to + to_skew, from + from_skew, len) == 0);
            CHECK(to[to_skew + len] == 0xee);
            CHECK(to_skew == 0 || to[to_skew - 1] == 0xee);
            memmove(to + from_skew, to + to_skew, len);
            CHECK(memcmp(to + from_skew, from + from_skew, len) == 0);
        }
    }
}

SELFTEST(symbols_name_a_function_and_the_offset_into_it)
{
    char text[64];
    const char *name;
    uint64_t offset;

    CHECK(symbol_lookup((uint64_t)(uintptr_t)printk + 4, &name, &offset));
    CHECK(strcmp(name, "printk") == 0 && offset == 4);
    ksnprintf(text, sizeof(text), "%pS", (void *)((uintptr_t)printk + 4));
    CHECK(strcmp(text, "printk+0x4") == 0);
    CHECK(!symbol_lookup(16, &name, &offset));
}
