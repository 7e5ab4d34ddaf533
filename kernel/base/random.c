// SPDX-License-Identifier: MIT
/* Randomness: a ChaCha20 key that replaces itself with its own output before any byte is handed
 * out.
 *
 * Idea ("fast key erasure"): the state is a 256-bit key and nothing else. A request makes one
 * block with the key; its first half is the next key, its second half is the output if that is
 * enough, and else a one-time key under which the output is produced. Who learns the state later
 * learns nothing about earlier output.
 * Mixing in seed bytes runs the cipher over them: each 32-byte piece is added to the key, and the
 * key is replaced by a block of itself, so no input can undo another.
 *
 * The lock covers the replacement of the key only (one block); the output is made outside it. The
 * state starts as a constant: until the boot code has mixed in the firmware's seed, output is only
 * as good as the clock.
 *
 * Source: RFC 8439 (ChaCha20); D. J. Bernstein, "Fast-key-erasure random-number generators", 2017.
 */
#include "kernel/base/random.h"

#include "kernel/base/port.h"
#include "kernel/base/string.h"

#include <stdatomic.h>

#define KEY_WORDS   8
#define BLOCK_BYTES 64

static uint32_t state[KEY_WORDS]; /* [busy] */
static _Atomic uint32_t busy;     /* a spinlock of our own: base lies below kernel/sync */
static uint32_t nr_replaced;      /* [busy] distinguishes blocks even if two keys were ever equal */

static uint32_t rotate_left(uint32_t word, unsigned bits)
{
    return word << bits | word >> (32 - bits);
}

static void quarter_round(uint32_t *x, unsigned a, unsigned b, unsigned c, unsigned d)
{
    x[a] += x[b], x[d] = rotate_left(x[d] ^ x[a], 16);
    x[c] += x[d], x[b] = rotate_left(x[b] ^ x[c], 12);
    x[a] += x[b], x[d] = rotate_left(x[d] ^ x[a], 8);
    x[c] += x[d], x[b] = rotate_left(x[b] ^ x[c], 7);
}

void chacha20_block(const uint32_t key[8], const uint32_t counter_nonce[4], uint8_t block[64])
{
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}; /* "expand 32-byte k" */
    uint32_t x[16];

    memcpy(start + 4, key, KEY_WORDS * sizeof(uint32_t));
    memcpy(start + 12, counter_nonce, 4 * sizeof(uint32_t));
    memcpy(x, start, sizeof(x));
    for (int round = 0; round < 20; round += 2) {
        quarter_round(x, 0, 4, 8, 12);
        quarter_round(x, 1, 5, 9, 13);
        quarter_round(x, 2, 6, 10, 14);
        quarter_round(x, 3, 7, 11, 15);
        quarter_round(x, 0, 5, 10, 15);
        quarter_round(x, 1, 6, 11, 12);
        quarter_round(x, 2, 7, 8, 13);
        quarter_round(x, 3, 4, 9, 14);
    }
    for (int i = 0; i < 16; i++) {
        uint32_t word = x[i] + start[i];

        block[4 * i] = (uint8_t)word;
        block[4 * i + 1] = (uint8_t)(word >> 8);
        block[4 * i + 2] = (uint8_t)(word >> 16);
        block[4 * i + 3] = (uint8_t)(word >> 24);
    }
}

static uint64_t lock_state(void)
{
    uint64_t irq_state = port_irq_save();

    port_preempt_disable();
    while (atomic_exchange_explicit(&busy, 1, memory_order_acquire) != 0) {
        port_relax();
    }
    return irq_state;
}

static void unlock_state(uint64_t irq_state)
{
    atomic_store_explicit(&busy, 0, memory_order_release);
    port_irq_restore(irq_state);
    port_preempt_enable();
}

/* Replace the state by the first half of a block of itself; the second half goes to the caller. */
static void replace_state(uint32_t one_time_key[KEY_WORDS])
{
    uint32_t counter_nonce[4] = {0, nr_replaced++, port_hart_id(), (uint32_t)port_cycles()};
    uint8_t block[BLOCK_BYTES];

    chacha20_block(state, counter_nonce, block);
    memcpy(state, block, sizeof(state));
    memcpy(one_time_key, block + sizeof(state), sizeof(state));
}

void random_mix(const void *bytes, size_t len_bytes)
{
    const uint8_t *from = bytes;
    uint32_t unused[KEY_WORDS];
    uint64_t irq_state = lock_state();

    for (size_t done = 0; done < len_bytes; done += sizeof(state)) {
        uint32_t piece[KEY_WORDS] = {0};

        memcpy(piece, from + done, min_of(sizeof(piece), len_bytes - done));
        for (int i = 0; i < KEY_WORDS; i++) {
            state[i] ^= piece[i];
        }
        replace_state(unused);
    }
    unlock_state(irq_state);
}

void random_fill(void *buffer, size_t len_bytes)
{
    uint32_t key[KEY_WORDS];
    uint32_t counter_nonce[4] = {0};
    uint8_t block[BLOCK_BYTES];
    uint8_t *to = buffer;
    uint64_t irq_state = lock_state();

    replace_state(key);
    unlock_state(irq_state);
    if (len_bytes <= sizeof(key)) {
        memcpy(buffer, key, len_bytes);
        return;
    }
    for (size_t done = 0; done < len_bytes; done += sizeof(block)) {
        chacha20_block(key, counter_nonce, block);
        memcpy(to + done, block, min_of(sizeof(block), len_bytes - done));
        if (++counter_nonce[0] == 0) {
            counter_nonce[1]++;
        }
    }
}
