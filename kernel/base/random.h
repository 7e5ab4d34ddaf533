// SPDX-License-Identifier: MIT
/* The random-number generator behind port_random_bytes(), getrandom(2) and /dev/urandom. */
#ifndef CAIRN_BASE_RANDOM_H
#define CAIRN_BASE_RANDOM_H

#include "kernel/base/types.h"

/** Stir bytes that others cannot guess (or at least not all of them) into the state. Never makes it
 *  worse: known or repeated input only adds nothing. Context: any. */
void random_mix(const void *bytes, size_t len_bytes);

/** Output nobody can tell from chance without knowing the state, which cannot be computed
 *  backwards. Context: any. */
void random_fill(void *buffer, size_t len_bytes);

/** One ChaCha20 block (RFC 8439, 2.3): for the generator and its tests.
 *  @counter_nonce: word 12 (the counter) and words 13 to 15 of the initial state. */
void chacha20_block(const uint32_t key[8], const uint32_t counter_nonce[4], uint8_t block[64]);

#endif
