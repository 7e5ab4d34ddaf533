// SPDX-License-Identifier: MIT
/* The generator: its cipher against the vector of RFC 8439, and that its output never repeats and
 * depends on the seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/base/random.h"
#include "kernel/base/string.h"

/* RFC 8439, 2.3.2: key 00..1f, counter 1, nonce 000000090000004a00000000. */
static void chacha20_block_matches_the_rfc(void **state)
{
    static const uint8_t expected[64] = {
        0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
        0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
        0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
        0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
        0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e};
    static const uint32_t counter_nonce[4] = {1, 0x09000000, 0x4a000000, 0};
    uint32_t key[8];
    uint8_t block[64];

    (void)state;
    for (uint32_t i = 0; i < 8; i++) {
        key[i] = (4 * i) | (4 * i + 1) << 8 | (4 * i + 2) << 16 | (4 * i + 3) << 24;
    }
    chacha20_block(key, counter_nonce, block);
    assert_memory_equal(block, expected, sizeof(expected));
}

static void output_differs_every_time_and_fills_exactly(void **state)
{
    uint8_t first[200], second[200];

    (void)state;
    memset(first, 0xee, sizeof(first));
    random_fill(first + 1, sizeof(first) - 2);
    assert_true(first[0] == 0xee && first[sizeof(first) - 1] == 0xee);
    random_fill(second, sizeof(second));
    for (size_t i = 0; i + 16 <= sizeof(second); i += 16) {
        assert_memory_not_equal(first + 1, second + i, 16);
    }
    /* About half of the bits are set: 5 sigma of 1584 bits are 100. */
    int nr_set = 0;
    for (size_t i = 1; i + 1 < sizeof(first); i++) {
        nr_set += __builtin_popcount(first[i]);
    }
    assert_in_range(nr_set, 792 - 100, 792 + 100);
}

static void mixing_takes_any_length(void **state)
{
    uint8_t seed[100] = {1, 2, 3};
    uint8_t before[16], after[16];

    (void)state;
    random_fill(before, sizeof(before));
    for (size_t len = 0; len <= sizeof(seed); len++) {
        random_mix(seed, len);
    }
    random_fill(after, sizeof(after));
    assert_memory_not_equal(before, after, sizeof(before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chacha20_block_matches_the_rfc),
        cmocka_unit_test(output_differs_every_time_and_fills_exactly),
        cmocka_unit_test(mixing_takes_any_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
