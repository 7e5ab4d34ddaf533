// SPDX-License-Identifier: MIT
/* What the files of the terminal code share among themselves. */
#ifndef CAIRN_DRIVERS_TTY_INTERNAL_H
#define CAIRN_DRIVERS_TTY_INTERNAL_H

#include "drivers/tty.h"
#include "kernel/base/ring.h"

#define TTY_INPUT_BYTES   4096u /* a power of two; the longest line is one less, as on Linux */
#define TTY_RECEIVE_CELLS 1024u

struct tty {
    struct char_device device; /* [I] */
    struct tty_line *line;     /* [I] */
    struct ring received; /* bytes from the interrupt handler to the line discipline's thread */
    struct ring_cell received_cells[TTY_RECEIVE_CELLS];
    struct waitq received_waitq; /* the thread waits here */

    struct mutex lock;                         /* LOCK_RANK_TTY: everything below */
    struct abi_termios termios;                /* [lock] */
    struct abi_winsize winsize;                /* [lock] */
    uint8_t input[TTY_INPUT_BYTES];            /* [lock] a ring, indices free-running: */
    uint8_t is_delimiter[TTY_INPUT_BYTES / 8]; /* [lock] a bit for each byte that ends a line */
    uint32_t read_index;                       /* [lock] the next byte to be read */
    uint32_t
        line_index; /* [lock] what lies before may be read; behind it is the line being edited */
    uint32_t write_index;      /* [lock] where the next byte goes */
    uint32_t column;           /* [lock] of the cursor, for tabs and their erasure */
    uint32_t line_column;      /* [lock] where the edited line began on the screen */
    bool is_literal_next;      /* [lock] ^V was typed */
    _Atomic uint32_t changes;  /* [a] counts what readers wait for: input, and changes of mode */
    _Atomic bool is_stopped;   /* [a] ^S was typed */
    _Atomic bool is_hung_up;   /* [a] */
    _Atomic int32_t group;     /* [a] foreground process group, 0: none */
    _Atomic int32_t session;   /* [a] 0: none */
    struct waitq input_waitq;  /* readers */
    struct waitq output_waitq; /* writers stopped by ^S */
};

extern const struct tty_job_hooks *tty_job;

/* ---- tty_input.c ----------------------------------------------------------------------------- */

/** Run received bytes through the line discipline: editing, echo, signals. Takes tty->lock.
 *  Context: may sleep. */
void tty_process_input(struct tty *tty, const uint8_t *bytes, size_t len_bytes);
/** Whether a read would return at once. Caller: tty->lock, or a hint without. */
bool tty_has_input(const struct tty *tty);
/** Take bytes for a read as the mode says. Returns how many; *is_line_end: a canonical read is
 *  complete. Caller: tty->lock. */
size_t tty_take_input(struct tty *tty, uint8_t *bytes, size_t size_bytes, bool *is_line_end);
void tty_flush_input(struct tty *tty);

/* ---- tty_output.c ---------------------------------------------------------------------------- */

/** Send bytes through output processing, waiting for room. Returns the bytes taken of the source;
 *  fewer than len means that the wait was interrupted, is_nonblock and there was no room, or the
 *  line is hung up. Caller: tty->lock not held. */
size_t tty_output(struct tty *tty, const uint8_t *bytes, size_t len_bytes, bool is_nonblock);
/** Echo, from the line discipline: never waits for long. Caller: tty->lock. */
void tty_echo(struct tty *tty, const char *bytes, size_t len_bytes);
void tty_echo_char(struct tty *tty, uint8_t byte);

#endif
