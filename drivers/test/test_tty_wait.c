// SPDX-License-Identifier: MIT
// TSAN
/* Terminals and those who wait for them: readers with and without a time limit (a fake clock), writers stopped by ^S or by a full
 * line, signals that end a wait, hangups, and the way from the interrupt handler through the terminal's own thread. */
#include "drivers/test/tty_world.h"

#include <unistd.h>

#define TENTH_NS 100000000ull

/* ---- A second thread that reads or writes ----------------------------------------------------------- */

static struct {
    size_t size;      /* of the read */
    const char *text; /* of the write, or NULL */
    struct task *_Atomic task;
    _Atomic bool is_done;
    ssize_t result;
    char buffer[8192];
} other;

static void other_thread(void *arg)
{
    atomic_store(&other.task, port_self());
    other.result = other.text != NULL ? write_some(other.text, strlen(other.text), 0)
                                      : read_some(other.buffer, other.size, 0);
    atomic_store(&other.is_done, true);
}

static void start_other(const char *text, size_t size)
{
    other.text = text;
    other.size = size;
    atomic_store(&other.task, NULL);
    atomic_store(&other.is_done, false);
    assert_non_null(port_spawn("other", other_thread, NULL));
    while (atomic_load(&other.task) == NULL) {
        port_yield();
    }
}

/* The other thread has nothing to do but wait. */
static void expect_waiting(void)
{
    usleep(5000);
    assert_false(atomic_load(&other.is_done));
}

static void expect_result(ssize_t expected)
{
    while (!atomic_load(&other.is_done)) {
        usleep(100);
    }
    assert_int_equal(other.result, expected);
}

/* ---- Readers ------------------------------------------------------------------------------------------ */

static void a_reader_waits_for_the_end_of_the_line(void **state)
{
    start_other(NULL, 100);
    type("ab");
    expect_waiting();
    type("c\n");
    expect_result(4);
    assert_memory_equal(other.buffer, "abc\n", 4);
}

static void a_raw_reader_waits_for_vmin_bytes(void **state)
{
    raw(3, 0);
    start_other(NULL, 100);
    type("ab");
    expect_waiting();
    type("c");
    expect_result(3);
    start_other(NULL, 2); /* no more than it asks for */
    type("de");
    expect_result(2);
}

static void vtime_without_vmin_limits_the_whole_wait(void **state)
{
    raw(0, 2);
    start_other(NULL, 100);
    expect_waiting();
    host_clock_advance(TENTH_NS);
    expect_waiting();
    host_clock_advance(TENTH_NS);
    expect_result(0);
    start_other(NULL, 100);
    expect_waiting();
    type("x");
    expect_result(1);
}

static void vtime_with_vmin_runs_from_byte_to_byte(void **state)
{
    raw(5, 2);
    start_other(NULL, 100);
    host_clock_advance(50 * TENTH_NS); /* before the first byte no time runs */
    expect_waiting();
    type("a");
    expect_waiting();
    host_clock_advance(TENTH_NS);
    type("b"); /* starts it anew */
    expect_waiting();
    host_clock_advance(TENTH_NS);
    expect_waiting();
    host_clock_advance(TENTH_NS);
    expect_result(2);
    assert_memory_equal(other.buffer, "ab", 2);
}

static void a_signal_ends_a_read(void **state)
{
    start_other(NULL, 100);
    type("half");
    expect_waiting();
    host_signal(atomic_load(&other.task), false);
    expect_result(-ERESTARTSYS);
    type("\n");
    expect_read("half\n"); /* nothing is lost by it */
    raw(5, 0);
    start_other(NULL, 100);
    type("abc");
    expect_waiting();
    host_signal(atomic_load(&other.task), false);
    expect_result(3); /* what was taken is returned */
}

static void a_change_of_mode_reaches_a_reader(void **state)
{
    start_other(NULL, 100);
    type("half");
    expect_waiting();
    raw(1, 0);
    expect_result(4);
    start_other(NULL, 100);
    expect_waiting();
    raw(0, 0);
    expect_result(0);
}

static void a_hangup_ends_a_read(void **state)
{
    start_other(NULL, 100);
    expect_waiting();
    tty_hangup(tty);
    expect_result(0);
}

/* ---- Writers ------------------------------------------------------------------------------------------- */

static void stopped_output_waits_for_its_release(void **state)
{
    struct abi_termios termios = settings();

    type("\23");
    start_other("abc", 0);
    expect_waiting();
    expect_sent("");
    type("\21");
    expect_result(3);
    expect_sent("abc");

    type("\23");
    start_other("def", 0);
    expect_waiting();
    type("\3"); /* an interrupt is to be seen */
    expect_result(3);

    type("\23");
    start_other("ghi", 0);
    expect_waiting();
    termios.iflag &= ~(uint32_t)ABI_IXON;
    set(&termios);
    expect_result(3);
    type("\23"); /* no more than a byte now */
    assert_int_equal(write_some("j", 1, CHAR_NONBLOCK), 1);

    assert_int_equal(command(ABI_TCXONC, (void *)0), 0);
    start_other("k", 0);
    expect_waiting();
    assert_int_equal(command(ABI_TCXONC, (void *)1), 0);
    expect_result(1);
    assert_int_equal(command(ABI_TCXONC, (void *)4), -EINVAL);
}

static void any_key_releases_output_with_ixany(void **state)
{
    input_flags(0, ABI_IXANY);
    type("\23");
    start_other("abc", 0);
    expect_waiting();
    type("x");
    expect_result(3);
}

static void a_writer_waits_for_room(void **state)
{
    set_room(6);
    start_other("abcdef", 0);
    expect_waiting();
    set_room(4);
    expect_waiting();
    set_room(100);
    expect_result(6);
    expect_sent("abcdef");
}

static void a_signal_ends_a_write_with_what_was_sent(void **state)
{
    set_room(6);
    start_other("abcdef", 0);
    expect_waiting();
    host_signal(atomic_load(&other.task), false);
    expect_result(3);
    start_other("abcdef", 0);
    expect_waiting();
    host_signal(atomic_load(&other.task), false);
    expect_result(-ERESTARTSYS);
}

static void a_hangup_ends_a_write(void **state)
{
    set_room(0);
    start_other("abcdef", 0);
    expect_waiting();
    tty_hangup(tty);
    expect_result(-EIO);
}

/* ---- From the interrupt handler ----------------------------------------------------------------------------- */

static void interrupt(const char *text)
{
    host_interrupt_begin();
    tty_receive(tty, (const uint8_t *)text, strlen(text));
    host_interrupt_end();
}

static void received_bytes_reach_the_reader_through_the_thread(void **state)
{
    start_other(NULL, 100);
    interrupt("typed");
    interrupt(" text\r");
    expect_result(11);
    assert_memory_equal(other.buffer, "typed text\n", 11);
    expect_sent("typed text\r\n");
}

static void sender(unsigned index, void *arg)
{
    for (unsigned i = 0; i < 400; i++) {
        interrupt(index == 0 ? "aaaaaaaaa\n" : "bbbbbbbbb\n");
        usleep(10);
    }
}

/* Bursts from two interrupt handlers: bytes may be lost when nobody keeps up, but what comes through are bytes that were sent, and the
 * terminal goes on. */
static void a_flood_does_no_harm(void **state)
{
    static char bytes[4096];
    ssize_t nr;

    local_flags(ABI_ECHO, 0);
    host_run_threads(2, sender, NULL);
    usleep(20000);
    while ((nr = read_some(bytes, sizeof(bytes), CHAR_NONBLOCK)) > 0) {
        for (ssize_t i = 0; i < nr; i++) {
            assert_true(bytes[i] == 'a' || bytes[i] == 'b' || bytes[i] == '\n');
        }
    }
    interrupt("\25end\n");
    start_other(NULL, 100);
    expect_result(4);
}

static int start(void **state)
{
    machine_start(64ul << 20);
    host_clock_fake(1000000000);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, fresh_tty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reader_waits_for_the_end_of_the_line),
        TEST(a_raw_reader_waits_for_vmin_bytes),
        TEST(vtime_without_vmin_limits_the_whole_wait),
        TEST(vtime_with_vmin_runs_from_byte_to_byte),
        TEST(a_signal_ends_a_read),
        TEST(a_change_of_mode_reaches_a_reader),
        TEST(a_hangup_ends_a_read),
        TEST(stopped_output_waits_for_its_release),
        TEST(any_key_releases_output_with_ixany),
        TEST(a_writer_waits_for_room),
        TEST(a_signal_ends_a_write_with_what_was_sent),
        TEST(a_hangup_ends_a_write),
        TEST(received_bytes_reach_the_reader_through_the_thread),
        TEST(a_flood_does_no_harm),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
