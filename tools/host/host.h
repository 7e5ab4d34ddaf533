// SPDX-License-Identifier: MIT
/* The simulated machine, as tests, fuzzers and benchmarks on the host drive it. */
#ifndef CAIRN_HOST_HOST_H
#define CAIRN_HOST_HOST_H

#include "kernel/base/types.h"

struct task;

/* ---- Harts and threads (hart.c, task.c) --------------------------------------------------------- */

/** Let this pthread be that hart from now on, without asking whether another is too: for single-threaded tests
 *  that play several harts. host_set_hart(-1) goes back to the ordinary way. */
void host_set_hart(int hart);

/** The number of harts, MAX_HARTS unless set. While more threads want to run, they wait for one another. */
void host_set_nr_harts(unsigned nr);

/** Run fn(index, arg) in nr threads at once, index 0 .. nr-1, and wait for all of them. */
void host_run_threads(unsigned nr, void (*fn)(unsigned index, void *arg), void *arg);

/** Wait until every thread started by port_spawn() has ended. */
void host_wait_spawned(void);

/** Between these the caller stands for an interrupt handler on its hart: it may not sleep. */
void host_interrupt_begin(void);
void host_interrupt_end(void);

/** Send a signal: ends a killable (if fatal) or interruptible wait of the task, now or later, until cleared. */
void host_signal(struct task *task, bool is_fatal);
void host_signal_clear(struct task *task);

/* ---- Time (clock.c) ---------------------------------------------------------------------------- */

/** From now on the clock stands at start_ns and only host_clock_advance() moves it; deadlines too are met only so. */
void host_clock_fake(uint64_t start_ns);
void host_clock_advance(uint64_t step_ns);
void host_clock_real(void);

/* ---- Panic (panic.c) --------------------------------------------------------------------------- */

/** Run fn(arg) and catch a panic in this thread. Returns its message (valid until the thread's next), or NULL if
 *  there was none. Locks that fn held stay locked; preemption and interrupts are as before. */
const char *host_catch_panic(void (*fn)(void *arg), void *arg);

/** Fail the program unless fn(arg) panics with a message that contains `part`. */
void host_expect_panic(void (*fn)(void *arg), void *arg, const char *part);

/* ---- User memory (user.c): user addresses are the host's own ------------------------------------- */

enum host_user_kind {
    HOST_USER_BAD, /* every access fails */
    HOST_USER_MISSING, /* an access fails inside port_user_nofault_begin(); outside it makes the range present */
};

/** Declare [start, start + len_bytes); the first page of the address space is always bad. At most 8 ranges. */
void host_user_declare(const void *start, size_t len_bytes, enum host_user_kind kind);
void host_user_forget_all(void);

/** Copy as a device or the processor's user copies do: the bytes may change meanwhile, which is no
 *  error. Hidden from ThreadSanitizer. */
void host_copy_racy(void *dst, const void *src, size_t len_bytes);

/* ---- Console (console.c) ------------------------------------------------------------------------ */

/** Where console output goes; NULL: to standard error if the environment has CAIRN_LOG, otherwise nowhere. */
void host_set_console(void (*write)(const char *text, size_t len_bytes));

/* ---- Random numbers for tests (random.c) -------------------------------------------------------- */

struct host_random {
    uint64_t state;
};

/** Seed from the environment's SEED, or from the clock; says which on standard error, so that a failing run can be
 *  repeated. */
void host_random_init(struct host_random *random);
uint64_t host_random_next(struct host_random *random);

/** A number of 0 .. bound-1; bound is not 0. */
uint64_t host_random_below(struct host_random *random, uint64_t bound);

#endif
