// SPDX-License-Identifier: MIT
/* Names: UTF-8 and UTF-16 and back, what is refused, case, and the making of short names; and
 * times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fs/fat/name.h"
#include "fs/fat/time.h"
#include "fs/vfs/inode.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "tools/host/host.h"

static int convert(const char *text, struct fat_name *name)
{
    return fat_name_from_utf8(text, strlen(text), name);
}

static struct fat_name name_of(const char *text)
{
    struct fat_name name;

    assert_int_equal(convert(text, &name), 0);
    return name;
}

/* ---- UTF-8 and UTF-16 ------------------------------------------------------------------------ */

static void valid_text_comes_back(void **state)
{
    static const char *const texts[] = {
        "a",
        "plain.txt",
        "Grüße",
        "Ω≈ç",
        "日本語.txt",
        "\xf0\x9f\x90\xa7 penguin",
        "\xf4\x8f\xbf\xbf",
    };

    for (size_t i = 0; i < array_size(texts); i++) {
        struct fat_name name = name_of(texts[i]);
        char back[NAME_MAX + 1] = "";
        ssize_t len = fat_name_to_utf8(&name, back, NAME_MAX);

        assert_int_equal(len, strlen(texts[i]));
        assert_string_equal(back, texts[i]);
    }
}

static void characters_above_the_first_plane_become_surrogates(void **state)
{
    struct fat_name name = name_of("\xf0\x9f\x90\xa7");

    assert_int_equal(name.nr_units, 2);
    assert_int_equal(name.units[0], 0xd83d);
    assert_int_equal(name.units[1], 0xdc27);
}

static void broken_utf8_is_refused(void **state)
{
    static const char *const texts[] = {
        "\x80",             /* begins in the middle */
        "\xc3",             /* ends in the middle */
        "a\xc3z",           /* the same, followed by something else */
        "\xc0\xaf",         /* longer than needed: a hidden '/' */
        "\xe0\x80\xaf",     /* the same in three bytes */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* beyond the last character */
        "\xff",
    };

    for (size_t i = 0; i < array_size(texts); i++) {
        struct fat_name name;

        assert_int_equal(convert(texts[i], &name), -EINVAL);
    }
}

static void lone_surrogates_and_long_names_have_no_utf8(void **state)
{
    struct fat_name name = {.nr_units = 2, .units = {'a', 0xd800}};
    char text[8];

    assert_int_equal(fat_name_to_utf8(&name, text, sizeof(text)), -EINVAL);
    name.units[1] = 0xdc00;
    assert_int_equal(fat_name_to_utf8(&name, text, sizeof(text)), -EINVAL);
    name.units[1] = 0x20ac; /* three bytes */
    assert_int_equal(fat_name_to_utf8(&name, text, 3), -EINVAL);
    assert_int_equal(fat_name_to_utf8(&name, text, 4), 4);
}

static void dots_at_the_end_do_not_count(void **state)
{
    struct fat_name name = name_of("a.b...");

    assert_int_equal(name.nr_units, 3);
    assert_int_equal(convert("...", &name), -EINVAL);
}

static void names_have_at_most_255_units(void **state)
{
    struct fat_name name;
    char text[300];

    memset(text, 'x', sizeof(text));
    assert_int_equal(fat_name_from_utf8(text, 255, &name), 0);
    assert_int_equal(fat_name_from_utf8(text, 256, &name), -ENAMETOOLONG);
}

static void any_text_that_is_taken_comes_back_and_any_other_is_refused(void **state)
{
    struct host_random random;

    host_random_init(&random);
    for (unsigned i = 0; i < 200000; i++) {
        char text[12], back[NAME_MAX];
        size_t len = 1 + (size_t)host_random_below(&random, sizeof(text));
        struct fat_name name;
        ssize_t back_len;

        for (size_t j = 0; j < len; j++) {
            text[j] = (char)(host_random_below(&random, 2) == 0
                                 ? host_random_next(&random)
                                 : 0x80 + host_random_below(&random, 0x78));
        }
        if (fat_name_from_utf8(text, len, &name) != 0) {
            continue;
        }
        while (text[len - 1] == '.') {
            len--;
        }
        back_len = fat_name_to_utf8(&name, back, sizeof(back));
        assert_int_equal(back_len, len);
        assert_memory_equal(back, text, len);
    }
}

static void reserved_characters_are_refused(void **state)
{
    static const char *const bad[] = {"a*b", "a?",  "<",    ">",     "|",
                                      "\"",  "a:b", "a\\b", "tab\t", "space at the end "};
    static const char *const good[] = {"a+b",     "[x]", "a;b,c=d", " space first",
                                       ".hidden", "ä",   "a.b.c"};
    struct fat_name name;

    for (size_t i = 0; i < array_size(bad); i++) {
        name = name_of(bad[i]);
        assert_int_equal(fat_name_check(&name), -EINVAL);
    }
    for (size_t i = 0; i < array_size(good); i++) {
        name = name_of(good[i]);
        assert_int_equal(fat_name_check(&name), 0);
    }
}

static void case_does_not_matter(void **state)
{
    static const char *const pairs[][2] = {
        {"ReadMe.TXT", "readme.txt"}, {"GRÜẞE", "grüẞe"}, {"ΑΒΓΩ", "αβγω"},
        {"ПРИВЕТ Ё", "привет ё"},     {"ŁÓDŹ", "łódź"},   {"Ÿ", "ÿ"},
    };
    static const char *const different[][2] = {
        {"a", "b"}, {"a", "aa"}, {"×", "÷"}, {"ß", "ss"}, {"ı", "I"}};
    struct fat_name a, b;

    for (size_t i = 0; i < array_size(pairs); i++) {
        a = name_of(pairs[i][0]);
        b = name_of(pairs[i][1]);
        assert_true(fat_name_equal(&a, &b));
    }
    for (size_t i = 0; i < array_size(different); i++) {
        a = name_of(different[i][0]);
        b = name_of(different[i][1]);
        assert_false(fat_name_equal(&a, &b));
    }
    for (uint32_t unit = 0; unit < 0x10000; unit++) { /* folding twice is folding once */
        uint16_t folded = fat_fold_unit((uint16_t)unit);

        assert_int_equal(fat_fold_unit(folded), folded);
    }
}

/* ---- Short names ----------------------------------------------------------------------------- */

static void short_names_are_made_as_other_systems_make_them(void **state)
{
    static const struct {
        const char *name, *bytes;
        bool needs_long, needs_tail;
        uint8_t short_case;
    } cases[] = {
        {"README.TXT", "README  TXT", false, false, 0},
        {"readme.txt", "README  TXT", false, false, FAT_CASE_LOWER_BASE | FAT_CASE_LOWER_EXT},
        {"README.txt", "README  TXT", false, false, FAT_CASE_LOWER_EXT},
        {"ReadMe.txt", "README  TXT", true, false, 0},
        {"a", "A          ", false, false, FAT_CASE_LOWER_BASE},
        {"1234", "1234       ", false, false, 0},
        {"longer than eight.text", "LONGERTHTEX", true, true, 0},
        {"a.tar.gz", "ATAR    GZ ", true, true, 0},
        {".bashrc", "BASHRC     ", true, true, 0},
        {"a+b.c", "A_B     C  ", true, true, 0},
        {"ä.txt", "_       TXT", true, true, 0},
        {".. .x", "_       X  ", true, true, 0},
        {"noext12345", "NOEXT123   ", true, true, 0},
        {"x.html", "X       HTM", true, true, 0},
    };

    for (size_t i = 0; i < array_size(cases); i++) {
        struct fat_name name = name_of(cases[i].name);
        struct fat_short made;

        fat_short_make(&name, &made);
        assert_memory_equal(made.bytes, cases[i].bytes, FAT_SHORT_BYTES);
        assert_int_equal(made.needs_long, cases[i].needs_long);
        assert_int_equal(made.needs_tail, cases[i].needs_tail);
        assert_int_equal(made.short_case, cases[i].short_case);
    }
}

static void a_short_name_alone_says_the_whole_name(void **state)
{
    static const char *const texts[] = {"README.TXT", "readme.txt",   "README.txt",
                                        "a",          "12345678.123", "A-B_C~1.$$$"};

    for (size_t i = 0; i < array_size(texts); i++) {
        struct fat_name name = name_of(texts[i]);
        struct fat_name back;
        struct fat_short made;
        char text[16] = "";

        fat_short_make(&name, &made);
        assert_false(made.needs_long);
        fat_short_decode(made.bytes, made.short_case, &back);
        assert_int_equal(fat_name_to_utf8(&back, text, sizeof(text) - 1), strlen(texts[i]));
        assert_string_equal(text, texts[i]);
    }
}

static void bytes_above_127_are_code_page_437(void **state)
{
    struct fat_name name;
    char text[32] = "";

    fat_short_decode((const uint8_t *)"\x05\x81\xe1     X  ", 0, &name); /* 0x05 stands for 0xe5 */
    assert_true(fat_name_to_utf8(&name, text, sizeof(text) - 1) > 0);
    assert_string_equal(text, "σüß.X");
}

static void tails_fit_and_are_recognised(void **state)
{
    static const struct {
        const char *basis;
        unsigned number;
        const char *result;
    } cases[] = {
        {"LONGNAMETXT", 1, "LONGNA~1TXT"},   {"LONGNAMETXT", 12, "LONGN~12TXT"},
        {"LONGNAMETXT", 999, "LONG~999TXT"}, {"A       C  ", 1, "A~1     C  "},
        {"ABCDEF     ", 7, "ABCDEF~7   "},
    };
    uint8_t bytes[FAT_SHORT_BYTES];

    for (size_t i = 0; i < array_size(cases); i++) {
        const uint8_t *basis = (const uint8_t *)cases[i].basis;

        fat_short_with_tail(basis, cases[i].number, bytes);
        assert_memory_equal(bytes, cases[i].result, FAT_SHORT_BYTES);
        assert_int_equal(fat_short_tail_number(basis, bytes), cases[i].number);
    }
    for (unsigned number = 1; number <= FAT_MAX_TAIL; number++) {
        fat_short_with_tail((const uint8_t *)"SOMENAME   ", number, bytes);
        assert_int_equal(fat_short_tail_number((const uint8_t *)"SOMENAME   ", bytes), number);
        assert_int_equal(fat_short_tail_number((const uint8_t *)"OTHER      ", bytes), 0);
    }
    assert_int_equal(
        fat_short_tail_number((const uint8_t *)"LONGNAMETXT", (const uint8_t *)"LONGNA~0TXT"), 0);
    assert_int_equal(
        fat_short_tail_number((const uint8_t *)"LONGNAMETXT", (const uint8_t *)"LONGN~01TXT"), 0);
    assert_int_equal(
        fat_short_tail_number((const uint8_t *)"LONGNAMETXT", (const uint8_t *)"LONGNA~1C  "), 0);
    assert_int_equal(
        fat_short_tail_number((const uint8_t *)"LONGNAMETXT", (const uint8_t *)"12345678TXT"), 0);
}

static void checksums_depend_on_every_byte_in_its_place(void **state)
{
    assert_int_equal(fat_short_checksum((const uint8_t *)"FILENAMETXT"), 0x3a);
    assert_int_equal(fat_short_checksum((const uint8_t *)"           "), 0xf7);
}

/* ---- Times ----------------------------------------------------------------------------------- */

static void times_come_back_to_ten_milliseconds(void **state)
{
    struct host_random random;

    host_random_init(&random);
    for (unsigned i = 0; i < 20000; i++) {
        struct timespec64 time = {
            .sec = 315532800 + (int64_t)host_random_below(&random, 4354819200ull - 315532800),
            .nsec = (uint32_t)host_random_below(&random, 100) * 10000000,
        };
        struct timespec64 back = fat_time_decode(fat_time_encode(time));

        assert_int_equal(back.sec, time.sec);
        assert_int_equal(back.nsec, time.nsec);
    }
}

static void known_times_are_right(void **state)
{
    struct fat_stamp stamp =
        fat_time_encode((struct timespec64){.sec = 951782399}); /* 2000-02-28 23:59:59 */

    assert_int_equal(stamp.date, 20 << 9 | 2 << 5 | 28);
    assert_int_equal(stamp.time, 23 << 11 | 59 << 5 | 29);
    assert_int_equal(stamp.ten_ms, 100);
    stamp = fat_time_encode((struct timespec64){.sec = 951782400}); /* a leap day */
    assert_int_equal(stamp.date, 20 << 9 | 2 << 5 | 29);
    stamp = fat_time_encode((struct timespec64){.sec = 4107542400}); /* 2100-03-01: 2100 has none */
    assert_int_equal(stamp.date, 120 << 9 | 3 << 5 | 1);
}

static void impossible_times_become_possible_ones(void **state)
{
    struct fat_stamp stamp = fat_time_encode((struct timespec64){.sec = -1});

    assert_int_equal(stamp.date, 1 << 5 | 1);
    assert_int_equal(stamp.time, 0);
    stamp = fat_time_encode((struct timespec64){.sec = INT64_MAX});
    assert_int_equal(stamp.date, 127 << 9 | 12 << 5 | 31);
    assert_int_equal(stamp.time, 23 << 11 | 59 << 5 | 29);
    assert_int_equal(fat_time_decode((struct fat_stamp){0, 0, 0}).sec, 315532800);
    for (uint32_t i = 0; i < 0x10000; i++) { /* whatever is there, it is in FAT's time */
        struct timespec64 time =
            fat_time_decode((struct fat_stamp){(uint16_t)i, (uint16_t)(i * 7), (uint8_t)i});

        assert_true(time.sec >= 315532800 && time.sec < 4354819200 + 2 * 86400 &&
                    time.nsec < 1000000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_text_comes_back),
        cmocka_unit_test(characters_above_the_first_plane_become_surrogates),
        cmocka_unit_test(broken_utf8_is_refused),
        cmocka_unit_test(lone_surrogates_and_long_names_have_no_utf8),
        cmocka_unit_test(dots_at_the_end_do_not_count),
        cmocka_unit_test(names_have_at_most_255_units),
        cmocka_unit_test(any_text_that_is_taken_comes_back_and_any_other_is_refused),
        cmocka_unit_test(reserved_characters_are_refused),
        cmocka_unit_test(case_does_not_matter),
        cmocka_unit_test(short_names_are_made_as_other_systems_make_them),
        cmocka_unit_test(a_short_name_alone_says_the_whole_name),
        cmocka_unit_test(bytes_above_127_are_code_page_437),
        cmocka_unit_test(tails_fit_and_are_recognised),
        cmocka_unit_test(checksums_depend_on_every_byte_in_its_place),
        cmocka_unit_test(times_come_back_to_ten_milliseconds),
        cmocka_unit_test(known_times_are_right),
        cmocka_unit_test(impossible_times_become_possible_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
