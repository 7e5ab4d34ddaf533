// SPDX-License-Identifier: MIT
/* A terminal for tests: a line that keeps what is sent, a job control that notes signals, and short names for what a person at
 * the keyboard and a program at the device do. */
#ifndef CAIRN_DRIVERS_TEST_TTY_WORLD_H
#define CAIRN_DRIVERS_TEST_TTY_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "drivers/tty_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/poll.h"
#include "kernel/abi/signal.h"
#include "kernel/base/printk.h"
#include "mm/test/machine.h"

#define TEST_GROUP 77

/* ---- The line below ------------------------------------------------------------------------------ */

static struct {
    struct tty_line line;
    struct waitq room_waitq;
    pthread_mutex_t lock;
    char sent[16384]; /* [lock] */
    size_t nr_sent;   /* [lock] */
    size_t room;      /* [lock] */
} wire = {.room_waitq = WAITQ_INIT(wire.room_waitq), .lock = PTHREAD_MUTEX_INITIALIZER};

static size_t wire_write(struct tty_line *line, const uint8_t *bytes, size_t len_bytes)
{
    size_t nr;

    pthread_mutex_lock(&wire.lock);
    nr = len_bytes < wire.room ? len_bytes : wire.room;
    nr = nr < sizeof(wire.sent) - wire.nr_sent ? nr : sizeof(wire.sent) - wire.nr_sent;
    memcpy(wire.sent + wire.nr_sent, bytes, nr);
    wire.nr_sent += nr;
    wire.room -= nr;
    pthread_mutex_unlock(&wire.lock);
    return nr;
}

static size_t wire_room(struct tty_line *line)
{
    size_t room;

    pthread_mutex_lock(&wire.lock);
    room = wire.room;
    pthread_mutex_unlock(&wire.lock);
    return room;
}

static inline void set_room(size_t room)
{
    pthread_mutex_lock(&wire.lock);
    wire.room = room;
    pthread_mutex_unlock(&wire.lock);
    waitq_wake_all(&wire.room_waitq);
}

/* ---- Job control ---------------------------------------------------------------------------------- */

static struct {
    int answer; /* of check() */
    enum tty_access asked;
    unsigned nr_asked;
    int signals[8];
    unsigned nr_signals;
    pid_t group;
} job;

static int job_check(struct tty *tty, enum tty_access access)
{
    job.asked = access;
    job.nr_asked++;
    return job.answer;
}

static void job_signal(pid_t group, int signal)
{
    job.group = group;
    job.signals[job.nr_signals++ % array_size(job.signals)] = signal;
}

static const struct tty_job_hooks job_hooks = {.check = job_check, .signal_group = job_signal};

/* ---- The terminal ---------------------------------------------------------------------------------- */

static struct tty *tty;
static struct char_device *device;

/* A terminal as it comes, each time another one. */
static inline int fresh_tty(void **state)
{
    static uint32_t number = 4 << 8;

    wire.line =
        (struct tty_line){.write = wire_write, .room = wire_room, .room_waitq = &wire.room_waitq};
    wire.nr_sent = 0;
    wire.room = sizeof(wire.sent);
    memset(&job, 0, sizeof(job));
    tty_set_job_hooks(&job_hooks);
    number++;
    if (tty_register("tty", number, &wire.line, &tty) != 0) {
        return -1;
    }
    device = char_find_number(number);
    tty_set_group(tty, TEST_GROUP);
    return 0;
}

static inline int command(uint32_t number, const void *argument)
{
    return device->ops->ioctl(device, NULL, number, (uint64_t)(uintptr_t)argument);
}

static inline struct abi_termios settings(void)
{
    struct abi_termios termios;

    assert_int_equal(command(ABI_TCGETS, &termios), 0);
    return termios;
}

static inline void set(const struct abi_termios *termios)
{
    assert_int_equal(command(ABI_TCSETS, termios), 0);
}

static inline void local_flags(uint32_t off, uint32_t on)
{
    struct abi_termios termios = settings();

    termios.lflag = (termios.lflag & ~off) | on;
    set(&termios);
}

static inline void input_flags(uint32_t off, uint32_t on)
{
    struct abi_termios termios = settings();

    termios.iflag = (termios.iflag & ~off) | on;
    set(&termios);
}

static inline void output_flags(uint32_t off, uint32_t on)
{
    struct abi_termios termios = settings();

    termios.oflag = (termios.oflag & ~off) | on;
    set(&termios);
}

static inline void raw(uint8_t min, uint8_t time)
{
    struct abi_termios termios = settings();

    termios.lflag &= ~(uint32_t)(ABI_ICANON | ABI_ECHO | ABI_ISIG);
    termios.cc[ABI_VMIN] = min;
    termios.cc[ABI_VTIME] = time;
    set(&termios);
}

/* ---- The person and the program --------------------------------------------------------------------- */

static inline void type(const char *text)
{
    tty_process_input(tty, (const uint8_t *)text, strlen(text));
}

static inline ssize_t read_some(char *buffer, size_t size, unsigned flags)
{
    struct iter iter;

    iter_init_kernel(&iter, buffer, size);
    return device->ops->read(device, NULL, &iter, flags);
}

static inline ssize_t write_some(const char *text, size_t len, unsigned flags)
{
    struct iter iter;

    iter_init_kernel(&iter, (void *)(uintptr_t)text, len);
    return device->ops->write(device, NULL, &iter, flags);
}

static inline uint32_t poll_now(void)
{
    return device->ops->poll(device, NULL, NULL);
}

/* One read with much room returns exactly this. */
static inline void expect_read(const char *expected)
{
    static char buffer[8192];
    ssize_t nr = read_some(buffer, sizeof(buffer) - 1, CHAR_NONBLOCK);

    assert_true(nr >= 0);
    buffer[nr] = '\0';
    assert_string_equal(buffer, expected);
}

static inline void expect_nothing_to_read(void)
{
    char byte;

    assert_int_equal(read_some(&byte, 1, CHAR_NONBLOCK), -EAGAIN);
}

/* What was sent since the last look. */
static inline void expect_sent(const char *expected)
{
    pthread_mutex_lock(&wire.lock);
    wire.sent[wire.nr_sent < sizeof(wire.sent) ? wire.nr_sent : sizeof(wire.sent) - 1] = '\0';
    wire.nr_sent = 0;
    pthread_mutex_unlock(&wire.lock);
    assert_string_equal(wire.sent, expected);
}

#endif
