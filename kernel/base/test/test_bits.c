// SPDX-License-Identifier: MIT
/* Bits, bitmaps, byte orders, references and lists: small things that everything stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/base/bits.h"
#include "kernel/base/endian.h"
#include "kernel/base/list.h"
#include "kernel/base/refcount.h"
#include "tools/host/host.h"

static struct host_random source;

static void logarithms_are_right_at_the_edges(void **state)
{
    for (unsigned i = 0; i < 64; i++) {
        uint64_t power = 1ull << i;
        assert_int_equal(bit_first(power), i);
        assert_int_equal(bit_last(power), i);
        assert_int_equal(log2_floor(power), i);
        assert_int_equal(log2_ceil(power), i);
        assert_true(is_power_of_two(power));
        if (i > 1) {
            assert_int_equal(log2_floor(power - 1), i - 1);
            assert_int_equal(log2_ceil(power - 1), i);
            assert_int_equal(log2_ceil(power + 1), i + 1);
            assert_false(is_power_of_two(power + 1));
        }
    }
    assert_false(is_power_of_two(0));
    assert_true(BIT_RANGE(0, 63) == UINT64_MAX);
    assert_true(BIT_RANGE(4, 7) == 0xf0);
}

static void bitmaps_agree_with_a_model(void **state)
{
    enum { NR = 300 };
    uint64_t map[BITMAP_NR_WORDS(NR)] = {0};
    bool model[NR] = {false};

    for (unsigned round = 0; round < 20000; round++) {
        size_t first = host_random_below(&source, NR);
        size_t nr = host_random_below(&source, NR - first + 1);
        bool value = host_random_below(&source, 2) != 0;
        if (round % 3 == 0) {
            nr = min_of(nr, (size_t)1);
        }
        (value ? bitmap_set_range : bitmap_clear_range)(map, first, nr);
        memset(model + first, value, nr);

        size_t from = host_random_below(&source, NR + 1);
        size_t set = from, clear = from, run = from, count = 0,
               wanted = host_random_below(&source, 20) + 1;
        while (set < NR && !model[set]) {
            set++;
        }
        while (clear < NR && model[clear]) {
            clear++;
        }
        for (; run + wanted <= NR && memchr(model + run, true, wanted) != NULL; run++) {
        }
        run = run + wanted <= NR ? run : NR;
        for (size_t i = 0; i < NR; i++) {
            count += model[i];
        }
        assert_int_equal(bitmap_find_set(map, NR, from), set);
        assert_int_equal(bitmap_find_clear(map, NR, from), clear);
        assert_int_equal(bitmap_find_clear_run(map, NR, from, wanted), run);
        assert_int_equal(bitmap_count(map, NR), count);
        assert_int_equal(bitmap_test(map, first), model[first]);
    }
}

static void atomic_bits_tell_what_they_were(void **state)
{
    _Atomic uint64_t map[2] = {0};

    assert_false(bitmap_test_and_set_atomic(map, 70));
    assert_true(bitmap_test_and_set_atomic(map, 70));
    assert_true(bitmap_test_atomic(map, 70));
    assert_false(bitmap_test_atomic(map, 6));
    assert_true(bitmap_test_and_clear_atomic(map, 70));
    assert_false(bitmap_test_and_clear_atomic(map, 70));
}

static void byte_orders_are_those_of_their_names(void **state)
{
    const unsigned char bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
    unsigned char out[8];
    struct le32 le = le32_of(0x11223344);
    struct be16 be = be16_of(0x1122);

    assert_int_equal(get_le16(bytes + 1), 0x0302);
    assert_int_equal(get_le32(bytes + 1), 0x05040302);
    assert_true(get_le64(bytes) == 0x0807060504030201ull);
    assert_int_equal(get_be16(bytes), 0x0102);
    assert_int_equal(get_be32(bytes), 0x01020304);
    assert_true(get_be64(bytes) == 0x0102030405060708ull);
    put_be32(out, 0x01020304);
    assert_memory_equal(out, bytes, 4);
    put_le64(out, 0x0807060504030201ull);
    assert_memory_equal(out, bytes, 8);
    assert_int_equal(le32_get(le), 0x11223344);
    assert_int_equal(((unsigned char *)&le)[0], 0x44);
    assert_int_equal(be16_get(be), 0x1122);
    assert_int_equal(((unsigned char *)&be)[0], 0x11);
}

static void get_reference(void *arg)
{
    refcount_get(arg);
}

static void put_reference(void *arg)
{
    (void)!refcount_put(arg);
}

static void references_refuse_to_come_back_from_zero(void **state)
{
    struct refcount count = REFCOUNT_INIT(1);

    refcount_get(&count);
    assert_false(refcount_put(&count));
    assert_false(refcount_put_unless_last(&count));
    assert_true(refcount_put(&count));
    assert_false(refcount_get_unless_zero(&count));
    host_expect_panic(get_reference, &count, "old != 0");
    refcount_init(&count, 0);
    host_expect_panic(put_reference, &count, "old != 0");
}

static void references_saturate_instead_of_wrapping(void **state)
{
    struct refcount count = REFCOUNT_INIT(REFCOUNT_SATURATED - 1);

    refcount_get(&count);
    refcount_get(&count);
    assert_int_equal(refcount_read(&count), REFCOUNT_SATURATED);
    assert_false(refcount_put(&count));
    assert_int_equal(refcount_read(&count), REFCOUNT_SATURATED);
}

struct item {
    struct list node;
    int value;
};

static void assert_list(struct list *head, const char *expected)
{
    struct item *item;
    char text[16] = "";
    char reversed[16] = "";
    size_t len = 0;

    list_for_each (item, head, node) {
        text[len++] = (char)item->value;
    }
    assert_string_equal(text, expected);
    for (struct list *at = head->prev; at != head; at = at->prev) {
        reversed[--len] = (char)list_entry(at, struct item, node)->value;
    }
    assert_string_equal(reversed, expected);
}

static void lists_keep_order_in_both_directions(void **state)
{
    struct list head = LIST_INIT(head);
    struct list other = LIST_INIT(other);
    struct item items[4] = {{.value = 'a'}, {.value = 'b'}, {.value = 'c'}, {.value = 'd'}};
    struct item *item, *after;

    assert_true(list_is_empty(&head));
    list_push_back(&head, &items[1].node);
    list_push_front(&head, &items[0].node);
    list_push_back(&other, &items[2].node);
    list_push_back(&other, &items[3].node);
    assert_list(&head, "ab");
    list_splice_back(&head, &other);
    assert_list(&head, "abcd");
    assert_true(list_is_empty(&other));
    list_splice_back(&head, &other);
    list_remove(&items[2].node);
    assert_false(list_is_linked(&items[2].node));
    list_remove(&items[2].node);
    assert_list(&head, "abd");
    list_for_each_safe (item, after, &head, node) {
        list_remove(&item->node);
    }
    assert_true(list_is_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logarithms_are_right_at_the_edges),
        cmocka_unit_test(bitmaps_agree_with_a_model),
        cmocka_unit_test(atomic_bits_tell_what_they_were),
        cmocka_unit_test(byte_orders_are_those_of_their_names),
        cmocka_unit_test(references_refuse_to_come_back_from_zero),
        cmocka_unit_test(references_saturate_instead_of_wrapping),
        cmocka_unit_test(lists_keep_order_in_both_directions),
    };

    host_random_init(&source);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
