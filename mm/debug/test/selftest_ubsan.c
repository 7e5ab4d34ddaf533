// SPDX-License-Identifier: MIT
/* Undefined behaviour, planted, in a kernel built with UBSAN=1: each is reported with file and line. */
#include "kernel/base/selftest.h"

#ifdef CAIRN_UBSAN

#include "mm/debug/mistakes.h"
#include "mm/debug/test/planted.h"

static volatile int big = INT32_MAX, far = 40, zero, sink;
static volatile unsigned long odd_address;
static volatile uint8_t two = 2;
static struct {
    int table[4];
    int rest[4]; /* what lies behind is no one else's: that is for the index alone to be wrong */
} row;

static void overflow(void)
{
    sink = big + 1;
}

static void shift(void)
{
    sink = 1 << far;
}

static void index_past_the_end(void)
{
    sink = row.table[4 + zero];
}

static void misaligned(void)
{
    odd_address = (unsigned long)row.table + 1;
    sink = *(volatile int *)odd_address;
}

static void invalid_bool(void)
{
    sink = *(volatile bool *)&two;
}

SELFTEST(ubsan_names_each_planted_mistake)
{
    static const struct {
        void (*run)(void);
        const char *text;
    } cases[] = {
        {overflow, ": an addition overflows"},
        {shift, ": a shift is too far"},
        {index_past_the_end, ": an index is out of bounds"},
        {misaligned, ": a misaligned access"},
        {invalid_bool, ": a value that its type does not have"},
    };

    for (size_t i = 0; i < array_size(cases); i++) {
        unsigned before = mistake_count();
        planted_listen();
        cases[i].run();
        CHECK(planted_said("ubsan: mm/debug/test/selftest_ubsan.c:"));
        CHECK(planted_said(cases[i].text));
        CHECK(mistake_count() == before + 1);
        cases[i].run(); /* one report a place */
        CHECK(mistake_count() == before + 1);
    }
}

#endif
