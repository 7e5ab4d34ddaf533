// SPDX-License-Identifier: MIT
/* Atomic operations on bytes give what they should, and leave the neighbours alone while several
 * threads change all bytes of one word. */
#include <stdatomic.h>

#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/selftest.h"

#define NR_ROUNDS 20000u

static struct {
    _Alignas(4) _Atomic uint8_t bytes[4];
} word;
static _Atomic uint32_t nr_done, nr_bad;

/* Only this thread changes its byte, so it knows what it must hold. */
static void toggle_one_byte(void *arg)
{
    _Atomic uint8_t *mine = &word.bytes[(uintptr_t)arg];

    for (unsigned i = 0; i < NR_ROUNDS; i++) {
        uint8_t bit = (uint8_t)(1u << i % 8);

        if (atomic_fetch_or(mine, bit) != 0 || atomic_fetch_and(mine, (uint8_t)~bit) != bit ||
            atomic_exchange(mine, 0xa5) != 0 || atomic_exchange(mine, 0) != 0xa5) {
            atomic_fetch_add_explicit(&nr_bad, 1, memory_order_relaxed);
        }
    }
    atomic_fetch_add_explicit(&nr_done, 1, memory_order_release);
}

SELFTEST(atomic_bytes_leave_their_neighbours_alone)
{
    for (uintptr_t i = 0; i < 4; i++) {
        word.bytes[i] = 0;
        CHECK(port_spawn("bytes", toggle_one_byte, (void *)i) != NULL);
    }
    while (load_acquire(&nr_done) < 4) {
        port_yield();
    }
    CHECK(load_relaxed(&nr_bad) == 0);
}

SELFTEST(atomic_byte_compare_exchange_tells_what_it_found)
{
    uint8_t expected = 1;

    word.bytes[0] = 0;
    word.bytes[1] = 7;
    word.bytes[2] = 9;
    CHECK(!atomic_compare_exchange_strong(&word.bytes[1], &expected, 3) && expected == 7);
    CHECK(atomic_compare_exchange_strong(&word.bytes[1], &expected, 3));
    CHECK(word.bytes[1] == 3 && word.bytes[2] == 9 && word.bytes[0] == 0);
}
