// SPDX-License-Identifier: MIT
/* Formatting against the C library's snprintf, for all flags, widths and precisions of each conversion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "kernel/base/printk.h"

/* Formats are built at run time here. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static const char *const flags[] = {"",   "-",  "0",  "#",  "+",  " ",
                                    "-#", "0#", "+0", " -", "+ ", "#+0"};
static const char *const widths[] = {"", "1", "5", "12", "30"};
static const char *const precisions[] = {"", ".", ".0", ".1", ".4", ".20"};

/* Every combination for a conversion, each with the same value, whose type the caller fixes. */
#define COMPARE_ALL(conversion, ...)                                                       \
    do {                                                                                   \
        for (size_t f = 0; f < array_size(flags); f++) {                                   \
            for (size_t w = 0; w < array_size(widths); w++) {                              \
                for (size_t p = 0; p < array_size(precisions); p++) {                      \
                    char format[32], mine[128], theirs[128];                               \
                    snprintf(format, sizeof(format), "[%%%s%s%s%s]", flags[f], widths[w],  \
                             precisions[p], conversion);                                   \
                    int my_len = ksnprintf(mine, sizeof(mine), format, __VA_ARGS__);       \
                    int their_len = snprintf(theirs, sizeof(theirs), format, __VA_ARGS__); \
                    if (my_len != their_len || strcmp(mine, theirs) != 0) {                \
                        fail_msg("%s: \"%s\" instead of \"%s\"", format, mine, theirs);    \
                    }                                                                      \
                }                                                                          \
            }                                                                              \
        }                                                                                  \
    } while (0)

static void numbers_agree_with_the_library(void **state)
{
    static const long long values[] = {0,       1,       -1,        7,         42,        -12345,
                                       INT_MAX, INT_MIN, LLONG_MAX, LLONG_MIN, 0xdeadbeef};

    for (size_t i = 0; i < array_size(values); i++) {
        COMPARE_ALL("d", (int)values[i]);
        COMPARE_ALL("i", (int)values[i]);
        COMPARE_ALL("u", (unsigned)values[i]);
        COMPARE_ALL("x", (unsigned)values[i]);
        COMPARE_ALL("X", (unsigned)values[i]);
        COMPARE_ALL("o", (unsigned)values[i]);
        COMPARE_ALL("lld", values[i]);
        COMPARE_ALL("ld", (long)values[i]);
        COMPARE_ALL("llx", (unsigned long long)values[i]);
        COMPARE_ALL("lo", (unsigned long)values[i]);
        COMPARE_ALL("hd", (int)(short)values[i]);
        COMPARE_ALL("hhu", (unsigned)(unsigned char)values[i]);
        COMPARE_ALL("zu", (size_t)values[i]);
        COMPARE_ALL("jd", (intmax_t)values[i]);
        COMPARE_ALL("td", (ptrdiff_t)values[i]);
    }
}

static void strings_and_characters_agree_with_the_library(void **state)
{
    static const char *const no_zero[] = {"", "-"};
    static const char *const texts[] = {"", "x", "hello", "a rather long string"};

    for (size_t f = 0; f < array_size(no_zero); f++) {
        for (size_t w = 0; w < array_size(widths); w++) {
            for (size_t p = 0; p < array_size(precisions); p++) {
                for (size_t t = 0; t < array_size(texts); t++) {
                    char format[32], mine[64], theirs[64];
                    snprintf(format, sizeof(format), "%%%s%s%ss|%%%s%sc", no_zero[f], widths[w],
                             precisions[p], no_zero[f], widths[w]);
                    assert_int_equal(ksnprintf(mine, sizeof(mine), format, texts[t], 'c'),
                                     snprintf(theirs, sizeof(theirs), format, texts[t], 'c'));
                    assert_string_equal(mine, theirs);
                }
            }
        }
    }
}

static void star_takes_width_and_precision_from_the_arguments(void **state)
{
    char text[64];

    ksnprintf(text, sizeof(text), "[%*d|%-*d|%*d|%.*s|%.*s]", 4, 7, 4, 7, -4, 7, 2, "abc", -1,
              "abc");
    assert_string_equal(text, "[   7|7   |7   |ab|abc]");
}

static void result_is_cut_terminated_and_counted(void **state)
{
    char text[8] = "zzzzzzz";

    assert_int_equal(ksnprintf(text, 4, "%d", 123456), 6);
    assert_string_equal(text, "123");
    assert_int_equal(text[4], 'z');
    assert_int_equal(ksnprintf(NULL, 0, "%s", "four"), 4);
    assert_int_equal(ksnprintf(text, 1, "abc"), 3);
    assert_string_equal(text, "");
}

static void pointers_and_unknown_symbols_are_hexadecimal(void **state)
{
    char text[64];

    ksnprintf(text, sizeof(text), "%p %pS.", (void *)0xabc, (void *)0x80000123);
    assert_string_equal(text, "0xabc 0x80000123.");
    const char *volatile nothing = NULL;
    ksnprintf(text, sizeof(text), "%s", nothing);
    assert_string_equal(text, "(null)");
}

static void what_is_no_conversion_is_shown(void **state)
{
    char text[32];
    const char *volatile format = "100%% %y %";

    ksnprintf(text, sizeof(text), format);
    assert_string_equal(text, "100% %y %");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_agree_with_the_library),
        cmocka_unit_test(strings_and_characters_agree_with_the_library),
        cmocka_unit_test(star_takes_width_and_precision_from_the_arguments),
        cmocka_unit_test(result_is_cut_terminated_and_counted),
        cmocka_unit_test(pointers_and_unknown_symbols_are_hexadecimal),
        cmocka_unit_test(what_is_no_conversion_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
