// SPDX-License-Identifier: MIT
/* Iterators: many pieces behave as one buffer, and a bad user page ends a copy just behind the last good byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/base/iter.h"
#include "kernel/base/port.h"
#include "tools/host/host.h"

enum { TOTAL = 400, MAX_SEGMENTS = 12 };

static struct host_random source;
static unsigned char memory[TOTAL];

/* Cut `memory` into pieces, empty ones among them. Returns how many. */
static unsigned cut(struct iter_segment *segments)
{
    unsigned nr = 0;
    size_t at = 0;

    while (nr < MAX_SEGMENTS - 1 && at < TOTAL) {
        size_t len = host_random_below(&source, 90);
        len = min_of(len, TOTAL - at);
        segments[nr++] = (struct iter_segment){(uint64_t)(uintptr_t)(memory + at), len};
        at += len;
    }
    segments[nr++] = (struct iter_segment){(uint64_t)(uintptr_t)(memory + at), TOTAL - at};
    return nr;
}

static void pieces_behave_as_one_buffer(void **state)
{
    for (unsigned round = 0; round < 2000; round++) {
        struct iter_segment segments[MAX_SEGMENTS];
        struct iter iter;
        unsigned char model[TOTAL], data[TOTAL];
        size_t at = 0;

        iter_init_vector(&iter, segments, cut(segments), round % 2 == 0);
        assert_int_equal(iter.remaining_bytes, TOTAL);
        memcpy(model, memory, TOTAL);
        for (unsigned step = 0; step < 30; step++) {
            size_t len = host_random_below(&source, 100);
            size_t expected = min_of(len, TOTAL - at);
            for (size_t i = 0; i < len; i++) {
                data[i] = (unsigned char)host_random_next(&source);
            }
            switch (host_random_below(&source, 6)) {
            case 0:
                assert_int_equal(iter_copy_to(&iter, data, len), expected);
                memcpy(model + at, data, expected);
                break;
            case 1:
                assert_int_equal(iter_copy_from(&iter, data, len), expected);
                assert_memory_equal(data, model + at, expected);
                break;
            case 2:
                assert_int_equal(iter_zero(&iter, len), expected);
                memset(model + at, 0, expected);
                break;
            case 3: iter_advance(&iter, len); break;
            case 4:
                assert_int_equal(iter_fault_in(&iter, len), expected);
                expected = 0;
                break;
            default: {
                size_t back = min_of(len, at);
                iter_revert(&iter, back);
                at -= back;
                expected = 0;
            }
            }
            at += expected;
            assert_int_equal(iter.remaining_bytes, TOTAL - at);
            assert_memory_equal(memory, model, TOTAL);
        }
    }
}

static void bad_user_memory_ends_the_copy_at_the_last_good_byte(void **state)
{
    struct iter iter;
    unsigned char data[TOTAL] = {1, 2, 3};

    host_user_declare(memory + 100, 50, HOST_USER_BAD);
    iter_init_user(&iter, user_ptr((uint64_t)(uintptr_t)memory), TOTAL);
    assert_int_equal(iter_copy_to(&iter, data, 200), 100);
    assert_int_equal(iter.remaining_bytes, TOTAL - 100);
    assert_int_equal(iter_copy_from(&iter, data, 1), 0);
    assert_int_equal(iter_zero(&iter, 1), 0);
    iter_advance(&iter, 50);
    assert_int_equal(iter_copy_from(&iter, data, TOTAL), TOTAL - 150);
    iter_init_user(&iter, user_ptr(8), 8);
    assert_int_equal(iter_copy_from(&iter, data, 8), 0);
    assert_int_equal(iter_fault_in(&iter, 8), 0);
    host_user_forget_all();
}

static void fault_in_lets_a_copy_without_faults_succeed(void **state)
{
    struct iter iter;
    unsigned char data[TOTAL];

    host_user_declare(memory + 10, 300, HOST_USER_MISSING);
    iter_init_user(&iter, user_ptr((uint64_t)(uintptr_t)memory), TOTAL);
    port_user_nofault_begin();
    assert_int_equal(iter_copy_from(&iter, data, TOTAL), 10);
    port_user_nofault_end();
    assert_int_equal(iter_fault_in(&iter, TOTAL), TOTAL - 10);
    assert_int_equal(iter.remaining_bytes, TOTAL - 10);
    port_user_nofault_begin();
    assert_int_equal(iter_copy_from(&iter, data, TOTAL), TOTAL - 10);
    port_user_nofault_end();
    host_user_forget_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_behave_as_one_buffer),
        cmocka_unit_test(bad_user_memory_ends_the_copy_at_the_last_good_byte),
        cmocka_unit_test(fault_in_lets_a_copy_without_faults_succeed),
    };

    host_random_init(&source);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
