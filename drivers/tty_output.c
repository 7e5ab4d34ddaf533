// SPDX-License-Identifier: MIT
/* The line discipline's output side: newlines, columns, ^S, and the frames of `make exec`.
 *
 * A byte of a program becomes up to two on the line ("\n" → "\r\n"), or four when the log is
 * framed, where the escape byte DLE is doubled so that the runner can tell it from the beginning
 * of a log record (klog.h). Such a group is queued whole or not at all, so that nothing can come
 * between its bytes. */
#include "drivers/tty_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"

#define DLE       0x10
#define MAX_GROUP 4

/* The bytes that one byte becomes. Returns how many, 0 when it vanishes; *column follows the
 * cursor. */
static unsigned process(const struct abi_termios *termios, uint8_t byte, uint32_t *column,
                        uint8_t *group)
{
    bool is_post = (termios->oflag & ABI_OPOST) != 0;
    unsigned nr = 0;

    switch (byte) {
    case '\n':
        if (is_post && (termios->oflag & ABI_ONLCR) != 0) {
            group[nr++] = '\r';
            *column = 0;
        } else if (is_post && (termios->oflag & ABI_ONLRET) != 0) {
            *column = 0;
        }
        break;
    case '\r':
        if (is_post && (termios->oflag & ABI_ONOCR) != 0 && *column == 0) {
            return 0;
        }
        if (is_post &&
            (termios->oflag & ABI_OCRNL) != 0) { /* a bare newline, which ONLCR leaves alone */
            byte = '\n';
            *column = (termios->oflag & ABI_ONLRET) != 0 ? 0 : *column;
        } else {
            *column = 0;
        }
        break;
    case '\b': *column -= *column != 0 ? 1 : 0; break;
    case '\t': *column += 8 - *column % 8; break;
    default:
        if (byte >= 32 && byte != 127 &&
            ((termios->iflag & ABI_IUTF8) == 0 || (byte & 0xc0) != 0x80)) {
            ++*column;
        }
        break;
    }
    group[nr++] = byte;
    if (byte == DLE && klog_is_framed()) {
        group[nr++] = DLE;
    }
    return nr;
}

/* Output may be queued now: there is room for a group and ^S is not in force. */
static bool may_send(struct tty *tty)
{
    return (tty->line->room(tty->line) >= MAX_GROUP &&
            !atomic_load_explicit(&tty->is_stopped, memory_order_acquire)) ||
           atomic_load_explicit(&tty->is_hung_up, memory_order_acquire);
}

/* Wait for that. Returns 0, -EAGAIN or -ERESTARTSYS. */
static int wait_to_send(struct tty *tty, bool is_nonblock)
{
    if (may_send(tty)) {
        return 0;
    }
    if (is_nonblock) {
        return -EAGAIN;
    }
    while (!may_send(tty)) {
        bool is_stopped = atomic_load_explicit(&tty->is_stopped, memory_order_acquire);
        struct waitq *queue = is_stopped ? &tty->output_waitq : tty->line->room_waitq;
        int error = waitq_wait(queue, PORT_BLOCK_INTERRUPTIBLE, PORT_NO_DEADLINE,
                               may_send(tty) ||
                                   atomic_load_explicit(&tty->is_stopped, memory_order_acquire) !=
                                       is_stopped);

        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* Process and queue as much as there is room for now. Returns the source bytes taken. */
static size_t send_some(struct tty *tty, const uint8_t *bytes, size_t len_bytes)
{
    uint8_t out[256];
    size_t room = min_of(tty->line->room(tty->line), sizeof(out));
    size_t nr_out = 0;
    size_t taken = 0;

    while (taken < len_bytes && room - nr_out >= MAX_GROUP) {
        nr_out += process(&tty->termios, bytes[taken], &tty->column, out + nr_out);
        taken++;
    }
    for (size_t sent = 0;
         sent < nr_out;) { /* another writer may have taken the room: wait for it to come back */
        size_t part = tty->line->write(tty->line, out + sent, nr_out - sent);

        sent += part;
        if (part == 0) {
            (void)waitq_wait(tty->line->room_waitq, PORT_BLOCK_UNINTERRUPTIBLE,
                             port_clock_ns() + 10000000ull, tty->line->room(tty->line) != 0);
        }
    }
    return taken;
}

size_t tty_output(struct tty *tty, const uint8_t *bytes, size_t len_bytes, bool is_nonblock)
{
    size_t done = 0;

    while (done < len_bytes && wait_to_send(tty, is_nonblock) == 0) {
        if (atomic_load_explicit(&tty->is_hung_up, memory_order_acquire)) {
            break;
        }
        mutex_lock(&tty->lock);
        done += send_some(tty, bytes + done, len_bytes - done);
        mutex_unlock(&tty->lock);
    }
    return done;
}

void tty_echo(struct tty *tty, const char *bytes, size_t len_bytes)
{
    mutex_assert_held(&tty->lock);
    if (tty->line->room(tty->line) >=
        len_bytes * MAX_GROUP) { /* echo that does not fit is not worth waiting for */
        (void)send_some(tty, (const uint8_t *)bytes, len_bytes);
    }
}

void tty_echo_char(struct tty *tty, uint8_t byte)
{
    char text[2] = {(char)byte, 0};

    if ((byte < 32 || byte == 127) && byte != '\t' && (tty->termios.lflag & ABI_ECHOCTL) != 0) {
        text[0] = '^';
        text[1] = (char)(byte ^ 0x40);
        tty_echo(tty, text, 2);
    } else {
        tty_echo(tty, text, 1);
    }
}
