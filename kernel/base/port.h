// SPDX-License-Identifier: MIT
/* The dozen things that an algorithm needs from the world.
 *
 * kernel/base, kernel/sync, mm and fs compile twice, unchanged: freestanding for the kernel, and for the
 * host, where tests run in milliseconds under sanitizers. All that differs is behind this header. The
 * functions are implemented by kernel/arch/riscv64 and kernel/task in the kernel, by tools/host on the host;
 * "port/inline.h" (found by include path) holds the few that must be inlined.
 *
 * `struct task` is opaque here: below kernel/task it is only a name for "who waits", never looked into. */
#ifndef CAIRN_BASE_PORT_H
#define CAIRN_BASE_PORT_H

#include "kernel/base/types.h"

struct task;

/* ---- The processor (inline, in port/inline.h) --------------------------------------------------
 *
 *  unsigned port_hart_id(void);           this hart's logical number, 0 .. MAX_HARTS-1; only stable while
 *                                         preemption or interrupts are off
 *  struct task *port_self(void);          the running task (idle and boot contexts are tasks too)
 *  uint64_t port_irq_save(void);          interrupts off; returns what to give to:
 *  void port_irq_restore(uint64_t state);
 *  bool port_irqs_enabled(void);
 *  void port_preempt_disable(void);       nests; while disabled the task neither sleeps nor migrates
 *  void port_preempt_enable(void);        may reschedule
 *  bool port_may_sleep(void);             interrupts on, preemption enabled, not in an interrupt handler
 *  void port_relax(void);                 hint inside a spin loop
 *  void port_fence_acquire(void);         fence r,rw: after a relaxed load, makes it an acquire load
 *  void port_fence_release(void);         fence rw,w: before a relaxed store, makes it a release store
 *  bool port_in_interrupt(void);          inside an interrupt handler, which only borrows the task
 *  uint64_t port_cycles(void);            a fast monotonic counter, for statistics
 */
#include "port/inline.h"

/** The number of harts that are running. At least 1. */
unsigned port_nr_harts(void);

/** A longer pause in a spin loop whose end is not near, up to some ten microseconds: if the harts are more than the
 *  processors below them, the one that is waited for may need this one. Context: any. */
void port_relax_long(void);

/** Monotonic time since boot, in nanoseconds. Context: any. */
uint64_t port_clock_ns(void);

/** Wall-clock time, in nanoseconds since 1970-01-01 UTC. Context: any. */
uint64_t port_realtime_ns(void);

/** Random bytes from the best source that the machine has (not for keys before it is seeded). Context: any. */
void port_random_bytes(void *buffer, size_t len_bytes);

/** The return addresses of the running code's callers, innermost first; those inside of the allocators are left out
 *  (in the kernel). Returns how many there are, at most max. Context: any; touches nothing but the running stack. */
unsigned port_backtrace(const void **callers, unsigned max);

/* ---- Blocking ----------------------------------------------------------------------------------
 * The protocol that loses no wake-up:   for (;;) { port_block_prepare(); if (condition) break; port_block(…); }
 * port_block_cancel();  A port_wake() after port_block_prepare() makes the next port_block() return at once. */

enum port_block_mode {
    PORT_BLOCK_UNINTERRUPTIBLE, /* only a wake or the deadline ends it */
    PORT_BLOCK_KILLABLE,        /* also a fatal signal */
    PORT_BLOCK_INTERRUPTIBLE,   /* also any deliverable signal */
};

#define PORT_NO_DEADLINE UINT64_MAX

/** Announce that the running task is about to block. Context: preemption may be off until port_block(). */
void port_block_prepare(enum port_block_mode mode);

/** Block until port_wake(), a signal as the mode says, or the deadline (absolute, port_clock_ns() time).
 *  Returns 0, -ERESTARTSYS on a signal, or -ETIMEDOUT. Context: may sleep. */
int must_check port_block(uint64_t deadline_ns);

/** Take back port_block_prepare(): the task runs on. */
void port_block_cancel(void);

/** Make a blocked task runnable; no effect on a running one that has not prepared. Context: any, also
 *  interrupt handlers; takes scheduler locks. Returns whether the task was blocked. */
bool port_wake(struct task *task);

/** Give up the hart to others that are ready. Context: may sleep. */
void port_yield(void);

/** Start a kernel thread that runs entry(arg) and ends when it returns.
 *  Returns it, or NULL when memory is short. Context: may sleep. */
struct task *must_check port_spawn(const char *name, void (*entry)(void *arg), void *arg);

/* ---- User memory -------------------------------------------------------------------------------
 * Copies run with the user's own page tables and an exception table: they may fault pages in and so may
 * sleep, and they never crash on a bad address. */

/** Copy from or to user memory. Returns the number of bytes NOT copied (0: all). Context: may sleep,
 *  unless inside port_user_nofault_begin(). */
size_t must_check port_copy_from_user(void *dst, user_t src, size_t len_bytes);
size_t must_check port_copy_to_user(user_t dst, const void *src, size_t len_bytes);
size_t must_check port_clear_user(user_t dst, size_t len_bytes);

/** Copy a NUL-terminated string of at most size_bytes - 1 characters.
 *  Returns its length, -EFAULT, or -ENAMETOOLONG when no NUL was met. */
ssize_t must_check port_string_from_user(char *dst, user_t src, size_t size_bytes);

/** Between these two, a user copy that meets a missing page stops short instead of faulting it in: for
 *  sections that hold a page lock. Nests; context: any task. */
void port_user_nofault_begin(void);
void port_user_nofault_end(void);

/* ---- Console and end -------------------------------------------------------------------------- */

/** Write log text to the console, by polling, now. Context: any, also in a panic. */
void port_console_write(const char *text, size_t len_bytes);

/** What panic() ends in: report (registers, backtrace, harts stopped), then stop the machine.
 *  On the host: abort(). message is the cause in words. */
_Noreturn void port_panic(const char *message);

#endif
