// SPDX-License-Identifier: MIT
/* Terminals: the line discipline between a serial line and the programs that read it. Theory in
 * tty.c.
 *
 * Job control needs to know who asks; the tty knows only numbers of process groups and sessions,
 * and calls these hooks, which kernel/task fills in. */
#ifndef CAIRN_DRIVERS_TTY_H
#define CAIRN_DRIVERS_TTY_H

#include "drivers/char.h"
#include "kernel/abi/termios.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/waitq.h"

struct tty;

enum tty_access { TTY_READ, TTY_WRITE, TTY_CHANGE };

struct tty_job_hooks {
    /** May the running task do this now? 0, or -ERESTARTSYS (it was sent SIGTTIN/SIGTTOU), or -EIO
     *  (orphaned). */
    int (*check)(struct tty *tty, enum tty_access access);
    /** Send a signal to every process of the group. Context: any task, or a kernel thread. */
    void (*signal_group)(pid_t group, int signal);
};
void tty_set_job_hooks(const struct tty_job_hooks *hooks);

struct tty_line { /* what is below: the UART */
    /** Queue bytes for output; returns how many were taken. Context: any. */
    size_t (*write)(struct tty_line *line, const uint8_t *bytes, size_t len_bytes);
    /** Room for output, in bytes. */
    size_t (*room)(struct tty_line *line);
    struct waitq *room_waitq; /* woken when there is room again */
};

/** Make the terminal of a line; its char device gets the name and number. Returns 0 or -errno. */
int must_check tty_register(const char *name, uint32_t dev_number, struct tty_line *line,
                            struct tty **tty);

/** A further name for the same terminal (/dev/console). Returns 0 or -errno. */
int must_check tty_register_alias(struct tty *tty, const char *name, uint32_t dev_number);

/** Bytes came in. Context: interrupt handlers. */
void tty_receive(struct tty *tty, const uint8_t *bytes, size_t len_bytes);

/** Foreground process group and session: set and read by kernel/task (TIOCSPGRP, TIOCSCTTY, exit of
 *  the leader). */
pid_t tty_get_group(struct tty *tty);
void tty_set_group(struct tty *tty, pid_t group);
pid_t tty_get_session(struct tty *tty);
void tty_set_session(struct tty *tty, pid_t session);
uint32_t tty_dev_number(const struct tty *tty);
/** The line is gone for those who have it open: reads give end of file, SIGHUP and SIGCONT to the
 *  foreground group. */
void tty_hangup(struct tty *tty);

#endif
