// SPDX-License-Identifier: MIT
/* Atomic operations on bytes. The hart has them on words only; GCC before 14 calls a library for
 * them, which the kernel does not link, so they are here under the names that it calls.
 *
 * The byte lies in an aligned word, of which the other three bytes must come out unchanged, whoever
 * else changes them: a compare-and-swap of the word, until nobody came in between. All are
 * sequentially consistent, whatever order was asked for. */
#include <stdatomic.h>

#include "kernel/base/types.h"

uint8_t byte_exchange(volatile void *byte, uint8_t value, int order) __asm__("__atomic_exchange_1");
uint8_t byte_fetch_or(volatile void *byte, uint8_t value, int order) __asm__("__atomic_fetch_or_1");
uint8_t byte_fetch_and(volatile void *byte, uint8_t value,
                       int order) __asm__("__atomic_fetch_and_1");
bool byte_compare_exchange(volatile void *byte, void *expected, uint8_t value, bool is_weak,
                           int success, int failure) __asm__("__atomic_compare_exchange_1");

static _Atomic uint32_t *word_of(volatile void *byte, unsigned *shift)
{
    *shift = (unsigned)((uint64_t)byte % 4 * 8);
    return (_Atomic uint32_t *)align_down((uint64_t)byte, 4ul);
}

/* Turn the byte into (byte & keep) ^ flip; returns what it was. */
static uint8_t change(volatile void *byte, uint8_t keep, uint8_t flip)
{
    unsigned shift;
    _Atomic uint32_t *word = word_of(byte, &shift);
    uint32_t others = ~(0xffu << shift);
    uint32_t old = atomic_load_explicit(word, memory_order_relaxed);
    uint32_t new;

    do {
        new = (old & (others | (uint32_t)keep << shift)) ^ (uint32_t)flip << shift;
    } while (!atomic_compare_exchange_weak(word, &old, new));
    return (uint8_t)(old >> shift);
}

uint8_t byte_exchange(volatile void *byte, uint8_t value, int order)
{
    return change(byte, 0, value);
}

uint8_t byte_fetch_or(volatile void *byte, uint8_t value, int order)
{
    return change(byte, (uint8_t)~value, value);
}

uint8_t byte_fetch_and(volatile void *byte, uint8_t value, int order)
{
    return change(byte, value, 0);
}

bool byte_compare_exchange(volatile void *byte, void *expected, uint8_t value, bool is_weak,
                           int success, int failure)
{
    unsigned shift;
    _Atomic uint32_t *word = word_of(byte, &shift);
    uint32_t others = ~(0xffu << shift);
    uint32_t old = atomic_load_explicit(word, memory_order_relaxed);

    for (;;) {
        if ((uint8_t)(old >> shift) != *(uint8_t *)expected) {
            *(uint8_t *)expected = (uint8_t)(old >> shift);
            return false;
        }
        if (atomic_compare_exchange_weak(word, &old, (old & others) | (uint32_t)value << shift)) {
            return true;
        }
    }
}
