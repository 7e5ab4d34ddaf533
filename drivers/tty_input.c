// SPDX-License-Identifier: MIT
/* The line discipline's input side.
 *
 * Bytes wait in one ring with three indices:
 *
 *        read_index            line_index           write_index
 *            | whole lines, readable | the line being typed |
 *
 * In canonical mode what lies behind line_index can still be erased; the byte that ends a line
 * (newline, end-of-file, VEOL) moves line_index up and is marked as a delimiter, where a read
 * stops. An end-of-file is a delimiter whose byte is 0 and is itself not handed out, so that ^D
 * after "abc" ends a read with 3 bytes and ^D alone with none. In raw mode line_index follows
 * write_index at once.
 *
 * All runs under tty->lock, in the terminal's own thread, never in the interrupt handler.
 * Source: POSIX.1-2017, chapter 11 (General Terminal Interface); what Linux does where POSIX
 * leaves it open. */
#include "drivers/tty_internal.h"
#include "kernel/abi/signal.h"
#include "kernel/base/string.h"

#define INPUT_MASK  (TTY_INPUT_BYTES - 1)
#define CC_DISABLED 0

static bool has_lflag(const struct tty *tty, uint32_t flag)
{
    return (tty->termios.lflag & flag) != 0;
}

static bool is_cc(const struct tty *tty, uint8_t byte, enum abi_cc which)
{
    return tty->termios.cc[which] != CC_DISABLED && tty->termios.cc[which] == byte;
}

static void mark_delimiter(struct tty *tty, uint32_t index, bool is_set)
{
    uint8_t bit = (uint8_t)(1u << (index & 7));

    index = (index & INPUT_MASK) >> 3;
    tty->is_delimiter[index] = is_set ? tty->is_delimiter[index] | bit
                                      : tty->is_delimiter[index] & (uint8_t)~bit;
}

static bool is_delimiter(const struct tty *tty, uint32_t index)
{
    return (tty->is_delimiter[(index & INPUT_MASK) >> 3] & (1u << (index & 7))) != 0;
}

bool tty_has_input(const struct tty *tty)
{
    if (has_lflag(tty, ABI_ICANON)) {
        return tty->read_index != tty->line_index;
    }
    return tty->line_index - tty->read_index >=
           max_of(1u, (uint32_t)(tty->termios.cc[ABI_VTIME] == 0 ? tty->termios.cc[ABI_VMIN] : 1));
}

size_t tty_take_input(struct tty *tty, uint8_t *bytes, size_t size_bytes, bool *is_line_end)
{
    size_t nr = 0;

    *is_line_end = false;
    while (nr < size_bytes && tty->read_index != tty->line_index) {
        uint32_t index = tty->read_index++;
        uint8_t byte = tty->input[index & INPUT_MASK];

        if (!has_lflag(tty, ABI_ICANON)) {
            bytes[nr++] = byte;
            continue;
        }
        if (!is_delimiter(tty, index) || byte != 0) {
            bytes[nr++] = byte;
        }
        if (is_delimiter(tty, index)) {
            *is_line_end = true;
            break;
        }
    }
    /* A line that fills the buffer exactly leaves an end-of-file behind it, which belongs to
     * this read. */
    if (nr == size_bytes && !*is_line_end && has_lflag(tty, ABI_ICANON) &&
        tty->read_index != tty->line_index && is_delimiter(tty, tty->read_index) &&
        tty->input[tty->read_index & INPUT_MASK] == 0) {
        tty->read_index++;
        *is_line_end = true;
    }
    return nr;
}

void tty_flush_input(struct tty *tty)
{
    tty->read_index = tty->write_index;
    tty->line_index = tty->write_index;
}

static void append(struct tty *tty, uint8_t byte, bool is_delimiting)
{
    tty->input[tty->write_index & INPUT_MASK] = byte;
    mark_delimiter(tty, tty->write_index, is_delimiting);
    tty->write_index++;
    if (is_delimiting || !has_lflag(tty, ABI_ICANON)) {
        tty->line_index = tty->write_index;
    }
}

/* ---- Editing --------------------------------------------------------------------------------- */

/* How many columns a character took on the screen when it was echoed at this column. */
static uint32_t echo_width(const struct tty *tty, uint8_t byte, uint32_t column)
{
    if (byte == '\t') {
        return 8 - column % 8;
    }
    if (byte < 32 || byte == 127) {
        return has_lflag(tty, ABI_ECHOCTL) ? 2 : 0;
    }
    return (tty->termios.iflag & ABI_IUTF8) != 0 && (byte & 0xc0) == 0x80 ? 0 : 1;
}

/* Column behind the edited line's bytes up to `end`. */
static uint32_t column_at(const struct tty *tty, uint32_t end)
{
    uint32_t column = tty->line_column;

    for (uint32_t i = tty->line_index; i != end; i++) {
        column += echo_width(tty, tty->input[i & INPUT_MASK], column);
    }
    return column;
}

/* Remove the last character, all bytes of it, from the line and from the screen. */
static void erase_char(struct tty *tty)
{
    uint32_t before = column_at(tty, tty->write_index);
    uint8_t byte;

    do {
        tty->write_index--;
        byte = tty->input[tty->write_index & INPUT_MASK];
    } while ((tty->termios.iflag & ABI_IUTF8) != 0 && (byte & 0xc0) == 0x80 &&
             tty->write_index != tty->line_index);
    if (!has_lflag(tty, ABI_ECHO)) {
        return;
    }
    if (!has_lflag(tty, ABI_ECHOE)) {
        tty_echo_char(tty, tty->termios.cc[ABI_VERASE]);
        return;
    }
    for (uint32_t n = before - column_at(tty, tty->write_index); n != 0; n--) {
        tty_echo(tty, "\b \b", 3);
    }
}

static void erase_line(struct tty *tty)
{
    bool is_visual = has_lflag(tty, ABI_ECHOKE) && has_lflag(tty, ABI_ECHOE);

    if (has_lflag(tty, ABI_ECHO) && !is_visual) {
        tty_echo_char(tty, tty->termios.cc[ABI_VKILL]);
        if (has_lflag(tty, ABI_ECHOK)) {
            tty_echo(tty, "\n", 1);
        }
        tty->write_index = tty->line_index;
        return;
    }
    while (tty->write_index != tty->line_index) {
        erase_char(tty);
    }
}

static bool is_word_byte(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || byte == '_' || byte >= 0x80;
}

static void erase_word(struct tty *tty)
{
    bool has_word = false;

    while (tty->write_index != tty->line_index) {
        bool is_word = is_word_byte(tty->input[(tty->write_index - 1) & INPUT_MASK]);

        if (has_word && !is_word) {
            break;
        }
        has_word = has_word || is_word;
        erase_char(tty);
    }
}

static void reprint_line(struct tty *tty)
{
    tty_echo_char(tty, tty->termios.cc[ABI_VREPRINT]);
    tty_echo(tty, "\n", 1);
    tty->line_column = tty->column;
    for (uint32_t i = tty->line_index; i != tty->write_index; i++) {
        tty_echo_char(tty, tty->input[i & INPUT_MASK]);
    }
}

/* Keys that edit the line. Returns whether the byte was one. */
static bool edit(struct tty *tty, uint8_t byte)
{
    bool is_empty = tty->write_index == tty->line_index;

    if (is_cc(tty, byte, ABI_VERASE)) {
        if (!is_empty) {
            erase_char(tty);
        }
    } else if (is_cc(tty, byte, ABI_VKILL)) {
        erase_line(tty);
    } else if (has_lflag(tty, ABI_IEXTEN) && is_cc(tty, byte, ABI_VWERASE)) {
        erase_word(tty);
    } else if (has_lflag(tty, ABI_IEXTEN) && is_cc(tty, byte, ABI_VREPRINT)) {
        reprint_line(tty);
    } else {
        return false;
    }
    return true;
}

/* ---- Special keys ---------------------------------------------------------------------------- */

static void set_stopped(struct tty *tty, bool is_stopped)
{
    atomic_store_explicit(&tty->is_stopped, is_stopped, memory_order_release);
    if (!is_stopped) {
        waitq_wake_all(&tty->output_waitq);
    }
}

/* Keys that send a signal. Returns whether the byte was one. */
static bool send_signal(struct tty *tty, uint8_t byte)
{
    int signal;
    pid_t group = atomic_load_explicit(&tty->group, memory_order_relaxed);

    if (is_cc(tty, byte, ABI_VINTR)) {
        signal = ABI_SIGINT;
    } else if (is_cc(tty, byte, ABI_VQUIT)) {
        signal = ABI_SIGQUIT;
    } else if (is_cc(tty, byte, ABI_VSUSP)) {
        signal = ABI_SIGTSTP;
    } else {
        return false;
    }
    if (!has_lflag(tty, ABI_NOFLSH)) {
        tty_flush_input(tty);
    }
    if ((tty->termios.iflag & ABI_IXON) != 0) { /* what is said about the signal shall be seen */
        set_stopped(tty, false);
    }
    if (has_lflag(tty, ABI_ECHO)) {
        tty_echo_char(tty, byte);
    }
    if (group > 0 && tty_job != NULL) {
        tty_job->signal_group(group, signal);
    }
    return true;
}

/* ^S and ^Q. Returns whether the byte was one. */
static bool flow_control(struct tty *tty, uint8_t byte)
{
    if ((tty->termios.iflag & ABI_IXON) == 0) {
        return false;
    }
    if (is_cc(tty, byte, ABI_VSTOP)) {
        set_stopped(tty, true);
        return true;
    }
    if (is_cc(tty, byte, ABI_VSTART)) {
        set_stopped(tty, false);
        return true;
    }
    if ((tty->termios.iflag & ABI_IXANY) != 0) {
        set_stopped(tty, false);
    }
    return false;
}

/* Carriage returns and newlines as iflag says. Returns whether the byte survives. */
static bool translate(const struct tty *tty, uint8_t *byte)
{
    uint32_t iflag = tty->termios.iflag;

    if ((iflag & ABI_ISTRIP) != 0) {
        *byte &= 0x7f;
    }
    if (*byte == '\r') {
        if ((iflag & ABI_IGNCR) != 0) {
            return false;
        }
        if ((iflag & ABI_ICRNL) != 0) {
            *byte = '\n';
        }
    } else if (*byte == '\n' && (iflag & ABI_INLCR) != 0) {
        *byte = '\r';
    }
    return true;
}

/* An ordinary byte, or one that ends a line. */
static void take_byte(struct tty *tty, uint8_t byte, bool is_literal)
{
    bool is_canonical = has_lflag(tty, ABI_ICANON);
    bool ends_line = is_canonical && !is_literal &&
                     (byte == '\n' || is_cc(tty, byte, ABI_VEOL) || is_cc(tty, byte, ABI_VEOL2));
    bool is_eof = is_canonical && !is_literal && is_cc(tty, byte, ABI_VEOF);
    /* The last place is kept for the byte that ends the line, so that a full line can still be
     * entered. */
    uint32_t limit = is_canonical && !ends_line && !is_eof ? TTY_INPUT_BYTES - 1 : TTY_INPUT_BYTES;

    if (tty->write_index - tty->read_index >= limit) {
        if ((tty->termios.iflag & ABI_IMAXBEL) != 0) {
            tty_echo(tty, "\a", 1);
        }
        return;
    }
    if (is_eof) {
        append(tty, 0, true);
        return;
    }
    if (is_canonical && tty->write_index == tty->line_index) {
        tty->line_column = tty->column;
    }
    if (has_lflag(tty, ABI_ECHO) || (byte == '\n' && is_canonical && has_lflag(tty, ABI_ECHONL))) {
        if (byte == '\n' && !is_literal) {
            tty_echo(tty, "\n", 1);
        } else {
            tty_echo_char(tty, byte);
        }
    }
    append(tty, byte, ends_line);
}

static void process_byte(struct tty *tty, uint8_t byte)
{
    if (tty->is_literal_next) {
        tty->is_literal_next = false;
        take_byte(tty, byte, true);
        return;
    }
    if (!translate(tty, &byte) || flow_control(tty, byte) ||
        (has_lflag(tty, ABI_ISIG) && send_signal(tty, byte))) {
        return;
    }
    if (has_lflag(tty, ABI_ICANON)) {
        if (has_lflag(tty, ABI_IEXTEN) && is_cc(tty, byte, ABI_VLNEXT)) {
            tty->is_literal_next = true;
            if (has_lflag(tty, ABI_ECHO) && has_lflag(tty, ABI_ECHOCTL)) {
                tty_echo(tty, "^\b", 2);
            }
            return;
        }
        if (edit(tty, byte)) {
            return;
        }
    }
    take_byte(tty, byte, false);
}

void tty_process_input(struct tty *tty, const uint8_t *bytes, size_t len_bytes)
{
    bool has_input;

    mutex_lock(&tty->lock);
    for (size_t i = 0; i < len_bytes; i++) {
        process_byte(tty, bytes[i]);
    }
    has_input = tty->read_index != tty->line_index;
    if (has_input) {
        atomic_fetch_add_explicit(&tty->changes, 1, memory_order_release);
    }
    mutex_unlock(&tty->lock);
    if (has_input) {
        waitq_wake_all(&tty->input_waitq);
    }
}
