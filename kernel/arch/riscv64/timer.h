// SPDX-License-Identifier: MIT
/* The hart's timer and the clock. timer_set_deadline() is declared in trap.h. */
#ifndef CAIRN_ARCH_TIMER_H
#define CAIRN_ARCH_TIMER_H

#include "kernel/base/types.h"

/** Learn the clock's rate, and whether the harts have Sstc (the stimecmp register). Before that the
 *  clock stands still. */
void timer_init_clock(uint32_t ticks_per_second, bool has_sstc);

/** Allow this hart's timer interrupts. */
void timer_init_hart(void);

/** The timer interrupt, for the trap handler: silences it until the next timer_set_deadline(). */
void timer_handle_interrupt(void);

/** Have the timer interrupt pending at a time, or sooner if the scheduler wants it sooner; but not
 *  before now, should it be overdue. The upcall programs what the scheduler wants anew. Context:
 *  interrupts off. */
void timer_wake_by(uint64_t deadline_ns);

/** The value of the `time` register at the kernel's first instruction. */
extern uint64_t boot_time_start;

/** Where wall-clock time stood at a moment of the monotonic clock: set by the real-time clock's
 *  driver and clock_settime. */
void timer_set_realtime(uint64_t realtime_ns);

#endif
