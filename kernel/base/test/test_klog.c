// SPDX-License-Identifier: MIT
// TSAN
/* The log: what is read back, framing, console levels, overwriting, and harts that log at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "kernel/base/klog.h"
#include "kernel/base/printk.h"
#include "kernel/base/test_point.h"
#include "tools/host/host.h"

static pthread_mutex_t console_lock = PTHREAD_MUTEX_INITIALIZER;
static char console[1 << 20]; /* [console_lock] */
static size_t console_bytes;  /* [console_lock] */

static void catch_console(const char *text, size_t len_bytes)
{
    pthread_mutex_lock(&console_lock);
    assert_true(console_bytes + len_bytes < sizeof(console));
    memcpy(console + console_bytes, text, len_bytes);
    console_bytes += len_bytes;
    console[console_bytes] = '\0';
    pthread_mutex_unlock(&console_lock);
}

static int setup(void **state)
{
    console_bytes = 0;
    console[0] = '\0';
    host_set_console(catch_console);
    host_clock_fake(12345678ull * 1000);
    klog_set_console_level(LOG_DEBUG);
    klog_set_framed(false);
    return 0;
}

static int teardown(void **state)
{
    host_set_console(NULL);
    host_clock_real();
    return 0;
}

static void line_reaches_console_and_reader_with_time_and_level(void **state)
{
    char text[128];
    uint64_t seq = klog_next_seq();

    pr_warn("vda: sector %d", 7);
    assert_string_equal(console, "[   12.345678] vda: sector 7\n");
    size_t len = klog_read(&seq, text, sizeof(text));
    text[len] = '\0';
    assert_string_equal(text, "<4>[   12.345678] vda: sector 7\n");
    assert_int_equal(klog_read(&seq, text, sizeof(text)), 0);
    assert_true(seq == klog_next_seq());
}

static void console_level_holds_records_back_but_keeps_them(void **state)
{
    char text[128];
    uint64_t seq = klog_next_seq();

    klog_set_console_level(4);
    pr_info("quiet");
    pr_err("loud");
    assert_string_equal(console, "[   12.345678] loud\n");
    assert_int_equal(klog_read(&seq, text, sizeof(text)),
                     strlen("<6>[   12.345678] quiet\n") + strlen("<3>[   12.345678] loud\n"));
}

static void frames_can_not_be_broken_by_what_is_logged(void **state)
{
    klog_set_framed(true); /* begins with an empty frame, however quiet the log is */
    pr_info("name \x10"
            "E\x1b[2J");
    assert_string_equal(console, "\x10L\x10"
                                 "E\x10L[   12.345678] name ?E?[2J\n\x10"
                                 "E");
}

static void lines_are_split_and_cut_into_records(void **state)
{
    char longer[KLOG_TEXT_BYTES + 21];
    uint64_t first = klog_next_seq();
    struct klog_entry entry;

    pr_info("one\ntwo\n");
    assert_int_equal(klog_next_seq() - first, 2);
    assert_int_equal(klog_get(first, &entry), KLOG_FOUND);
    assert_string_equal(entry.text, "one");
    assert_int_equal(klog_get(first + 1, &entry), KLOG_FOUND);
    assert_string_equal(entry.text, "two");

    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    first = klog_next_seq();
    pr_info("%s", longer);
    assert_int_equal(klog_next_seq() - first, 2);
    assert_int_equal(klog_get(first, &entry), KLOG_FOUND);
    assert_int_equal(entry.len_bytes, KLOG_TEXT_BYTES);
    assert_int_equal(klog_get(first + 1, &entry), KLOG_FOUND);
    assert_int_equal(entry.len_bytes, 20);
}

static void old_records_are_overwritten_and_reported_lost(void **state)
{
    struct klog_entry entry;
    char text[256];
    uint64_t seq = klog_next_seq();
    uint64_t first = seq;

    for (unsigned i = 0; i < KLOG_NR_RECORDS + 10; i++) {
        pr_debug("number %u", i);
    }
    assert_int_equal(klog_get(first, &entry), KLOG_LOST);
    assert_true(klog_first_seq() == first + 10);
    assert_true(klog_read(&seq, text, sizeof(text)) > 0);
    assert_non_null(strstr(text, "number 10\n"));
    assert_int_equal(klog_get(klog_next_seq(), &entry), KLOG_NOT_YET);
}

static unsigned nr_nested;

static void console_that_logs(const char *text, size_t len_bytes)
{
    if (nr_nested++ == 0) {
        pr_info("from inside");
    }
    catch_console(text, len_bytes);
}

/* As an interrupt handler that logs while the interrupted hart is in the console driver. */
static void printk_inside_the_console_neither_hangs_nor_is_lost(void **state)
{
    nr_nested = 0;
    host_set_console(console_that_logs);
    pr_info("outside");
    assert_string_equal(console, "[   12.345678] outside\n[   12.345678] from inside\n");
}

static void log_before_the_console_is_given_back(enum test_point point, void *object)
{
    if (point == TEST_CONSOLE_DRAINED && nr_nested++ == 0) {
        pr_info("late");
    }
}

static void record_that_comes_while_the_console_is_given_back_is_not_left_behind(void **state)
{
    nr_nested = 0;
    atomic_store(&test_point_hook, log_before_the_console_is_given_back);
    pr_info("early");
    atomic_store(&test_point_hook, NULL);
    assert_string_equal(console, "[   12.345678] early\n[   12.345678] late\n");
}

/* A record whose writer has stopped is given up when the ring has gone half round: not reached here, however
 * long a thread is kept from running. */
enum { NR_THREADS = 4, NR_LINES = KLOG_NR_RECORDS / 2 / NR_THREADS };

static void log_many(unsigned index, void *arg)
{
    for (unsigned i = 0; i < NR_LINES; i++) {
        pr_info("thread %u line %u end", index, i);
    }
}

static void read_meanwhile(unsigned index, void *arg)
{
    if (index < NR_THREADS) {
        log_many(index, arg);
        return;
    }
    char text[512];
    uint64_t seq = klog_next_seq();
    for (unsigned i = 0; i < 2000; i++) {
        size_t len = klog_read(&seq, text, sizeof(text));
        assert_true(len == 0 || text[len - 1] == '\n');
    }
}

static void every_line_of_every_hart_comes_out_whole_and_once(void **state)
{
    unsigned next[NR_THREADS] = {0};

    host_run_threads(NR_THREADS + 1, read_meanwhile, NULL);
    char *rest = console;
    for (char *line = strtok_r(rest, "\n", &rest); line != NULL;
         line = strtok_r(rest, "\n", &rest)) {
        unsigned thread, number;
        char end;
        assert_int_equal(
            sscanf(line, "[ 12.345678] thread %u line %u en%c", &thread, &number, &end), 3);
        assert_true(thread < NR_THREADS);
        assert_int_equal(number, next[thread]++);
    }
    for (unsigned i = 0; i < NR_THREADS; i++) {
        assert_int_equal(next[i], NR_LINES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(line_reaches_console_and_reader_with_time_and_level, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(console_level_holds_records_back_but_keeps_them, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(frames_can_not_be_broken_by_what_is_logged, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(lines_are_split_and_cut_into_records, setup, teardown),
        cmocka_unit_test_setup_teardown(printk_inside_the_console_neither_hangs_nor_is_lost, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            record_that_comes_while_the_console_is_given_back_is_not_left_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(every_line_of_every_hart_comes_out_whole_and_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(old_records_are_overwritten_and_reported_lost, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
