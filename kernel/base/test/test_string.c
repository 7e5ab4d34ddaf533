// SPDX-License-Identifier: MIT
/* The kernel's own memory and string functions against the C library's, for every small length and alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#define MEMORY_NAMES_ONLY_DECLARE
#include "kernel/base/memory_names.h"
#include "kernel/base/string.h"
#include "kernel/abi/errno.h"
#include "tools/host/host.h"

enum { AREA = 512, MAX_LEN = 200, MAX_SKEW = 17 };

static struct host_random source;

static void fill(unsigned char *area, size_t len_bytes)
{
    for (size_t i = 0; i < len_bytes; i++) {
        area[i] = (unsigned char)host_random_next(&source);
    }
}

static void memcpy_copies_and_touches_nothing_else(void **state)
{
    unsigned char from[AREA], to[AREA], model[AREA];

    for (size_t to_skew = 0; to_skew < MAX_SKEW; to_skew++) {
        for (size_t from_skew = 0; from_skew < MAX_SKEW; from_skew++) {
            for (size_t len = 0; len < MAX_LEN; len += 1 + len / 24) {
                fill(from, AREA);
                fill(to, AREA);
                memcpy(model, to, AREA);
                memcpy(model + to_skew, from + from_skew, len);
                assert_ptr_equal(cairn_memcpy(to + to_skew, from + from_skew, len), to + to_skew);
                assert_memory_equal(to, model, AREA);
            }
        }
    }
}

static void memcpy_never_reads_past_the_words_of_its_source(void **state)
{
    /* An exact heap block: a stray word beyond it is the sanitizer's to find. */
    for (size_t len = 1; len < 64; len++) {
        unsigned char *from = malloc(len);
        unsigned char to[128];
        fill(from, len);
        cairn_memcpy(to, from, len);
        assert_memory_equal(to, from, len);
        free(from);
    }
}

static void memmove_survives_every_overlap(void **state)
{
    unsigned char area[AREA], model[AREA];

    for (size_t to = 0; to < 70; to++) {
        for (size_t from = 0; from < 70; from++) {
            for (size_t len = 0; len < MAX_LEN; len += 1 + len / 8) {
                fill(area, AREA);
                memcpy(model, area, AREA);
                memmove(model + to, model + from, len);
                assert_ptr_equal(cairn_memmove(area + to, area + from, len), area + to);
                assert_memory_equal(area, model, AREA);
            }
        }
    }
}

static void memset_fills_exactly(void **state)
{
    unsigned char area[AREA], model[AREA];

    for (size_t skew = 0; skew < MAX_SKEW; skew++) {
        for (size_t len = 0; len < MAX_LEN; len++) {
            fill(area, AREA);
            memcpy(model, area, AREA);
            int byte = (int)host_random_below(&source, 1024) - 512;
            memset(model + skew, byte, len);
            assert_ptr_equal(cairn_memset(area + skew, byte, len), area + skew);
            assert_memory_equal(area, model, AREA);
        }
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void memcmp_orders_as_unsigned_bytes(void **state)
{
    unsigned char a[64], b[64];

    for (unsigned round = 0; round < 20000; round++) {
        size_t skew_a = host_random_below(&source, 9), skew_b = host_random_below(&source, 9);
        size_t len = host_random_below(&source, 50);
        fill(a, sizeof(a));
        memcpy(b + skew_b, a + skew_a, len);
        if (len > 0 && round % 4 != 0) {
            b[skew_b + host_random_below(&source, len)] = (unsigned char)host_random_next(&source);
        }
        assert_int_equal(sign(cairn_memcmp(a + skew_a, b + skew_b, len)),
                         sign(memcmp(a + skew_a, b + skew_b, len)));
    }
}

static void string_functions_agree_with_the_library(void **state)
{
    static const char *texts[] = {"",    "a",    "b",     "ab", "abc",
                                  "abd", "\xff", "aXbXc", "XX", "abcabc"};

    for (unsigned i = 0; i < array_size(texts); i++) {
        const char *a = texts[i];
        assert_int_equal(cairn_strlen(a), strlen(a));
        assert_ptr_equal(cairn_strchr(a, 'X'), strchr(a, 'X'));
        assert_ptr_equal(cairn_strchr(a, '\0'), strchr(a, '\0'));
        assert_ptr_equal(cairn_strrchr(a, 'X'), strrchr(a, 'X'));
        assert_ptr_equal(cairn_strrchr(a, '\0'), strrchr(a, '\0'));
        for (size_t max = 0; max < 8; max++) {
            assert_int_equal(cairn_strnlen(a, max), strnlen(a, max));
            assert_ptr_equal(cairn_memchr(a, 'c', min_of(max, strlen(a))),
                             memchr(a, 'c', min_of(max, strlen(a))));
        }
        for (unsigned j = 0; j < array_size(texts); j++) {
            const char *b = texts[j];
            assert_int_equal(sign(cairn_strcmp(a, b)), sign(strcmp(a, b)));
            assert_ptr_equal(cairn_strstr(a, b), strstr(a, b));
            for (size_t max = 0; max < 8; max++) {
                assert_int_equal(sign(cairn_strncmp(a, b, max)), sign(strncmp(a, b, max)));
            }
        }
    }
}

static void strlcpy_cuts_and_terminates(void **state)
{
    char buffer[4] = "zzz";

    assert_int_equal(strlcpy(buffer, "ab", sizeof(buffer)), 2);
    assert_string_equal(buffer, "ab");
    assert_int_equal(strlcpy(buffer, "abcdef", sizeof(buffer)), 6);
    assert_string_equal(buffer, "abc");
    assert_int_equal(strlcpy(buffer, "x", 0), 1);
    assert_string_equal(buffer, "abc");
}

static void check_parse(const char *text, unsigned base, int error, uint64_t expected)
{
    uint64_t value = 4711;

    assert_int_equal(parse_u64(text, base, NULL, &value), error);
    assert_true(value == (error == 0 ? expected : 4711));
}

static void parse_u64_takes_numbers_and_nothing_else(void **state)
{
    const char *end;
    uint64_t value;

    check_parse("0", 0, 0, 0);
    check_parse("123", 0, 0, 123);
    check_parse("0x1F", 0, 0, 31);
    check_parse("0x1F", 16, 0, 31);
    check_parse("1f", 16, 0, 31);
    check_parse("0755", 0, 0, 0755);
    check_parse("755", 8, 0, 0755);
    check_parse("18446744073709551615", 10, 0, UINT64_MAX);
    check_parse("18446744073709551616", 10, -ERANGE, 0);
    check_parse("99999999999999999999999", 10, -ERANGE, 0);
    check_parse("", 10, -EINVAL, 0);
    check_parse("-1", 10, -EINVAL, 0);
    check_parse("12x", 10, -EINVAL, 0);
    check_parse("0x", 0, -EINVAL, 0);
    assert_int_equal(parse_u64("128M", 10, &end, &value), 0);
    assert_int_equal(value, 128);
    assert_string_equal(end, "M");
}

static void page_helpers_copy_and_clear(void **state)
{
    unsigned char *pages = aligned_alloc(PAGE_SIZE, 2 * PAGE_SIZE);

    fill(pages, 2 * PAGE_SIZE);
    page_copy(pages, pages + PAGE_SIZE);
    assert_memory_equal(pages, pages + PAGE_SIZE, PAGE_SIZE);
    page_zero(pages + PAGE_SIZE);
    for (size_t i = 0; i < PAGE_SIZE; i++) {
        assert_int_equal(pages[PAGE_SIZE + i], 0);
    }
    free(pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memcpy_copies_and_touches_nothing_else),
        cmocka_unit_test(memcpy_never_reads_past_the_words_of_its_source),
        cmocka_unit_test(memmove_survives_every_overlap),
        cmocka_unit_test(memset_fills_exactly),
        cmocka_unit_test(memcmp_orders_as_unsigned_bytes),
        cmocka_unit_test(string_functions_agree_with_the_library),
        cmocka_unit_test(strlcpy_cuts_and_terminates),
        cmocka_unit_test(parse_u64_takes_numbers_and_nothing_else),
        cmocka_unit_test(page_helpers_copy_and_clear),
    };

    host_random_init(&source);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
