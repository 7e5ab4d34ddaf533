// SPDX-License-Identifier: MIT
/* Time: the `time` register, its rate from the device tree, and one deadline for each hart.
 *
 * Ticks become nanoseconds by a multiplication and a shift, computed once: ns = ticks * scale /
 * 2^32, in 128 bits, so that nothing overflows in the machine's lifetime, and reading the clock
 * costs no division. Monotonic time counts from the kernel's first instruction.
 *
 * A deadline goes to stimecmp where the harts have Sstc, else to the firmware. The timer interrupt
 * stays pending until a later deadline is set, so the handler masks it and the next
 * timer_set_deadline() unmasks it.
 *
 * No deadline is programmed further ahead than a second, not even none: the interrupt comes early
 * then, finds nothing due, and programs the next. An emulator whose clock jumps to the next timer when
 * all harts wait (QEMU's `-icount sleep=off`) would else jump to the end of its time while a disk
 * works, and stand still there.
 *
 * stimecmp is named by its number: binutils before 2.38 do not know it. Source: RISC-V "Sstc"
 * extension, v1.0. */
#include "kernel/arch/riscv64/timer.h"

#include <stdatomic.h>

#include "kernel/arch/riscv64/sbi.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"

#define NS_PER_SECOND 1000000000ull
#define SIE_TIMER     (1ul << 5)

uint64_t boot_time_start; /* entry.S */

static uint64_t ns_scale;                   /* [I] 2^32 * ns per tick */
static uint64_t tick_scale;                 /* [I] 2^32 * ticks per ns, rounded up */
static uint64_t farthest_ticks;             /* [I] how far ahead a deadline is programmed */
static bool has_stimecmp;                   /* [I] */
static _Atomic uint64_t realtime_offset_ns; /* [a] wall clock minus monotonic clock */
static uint64_t programmed_ns[MAX_HARTS];   /* [hart, interrupts off] its deadline */

void timer_init_clock(uint32_t ticks_per_second, bool has_sstc)
{
    ns_scale = (NS_PER_SECOND << 32) / ticks_per_second;
    tick_scale = (((uint64_t)ticks_per_second << 32) + NS_PER_SECOND - 1) / NS_PER_SECOND;
    farthest_ticks = ticks_per_second;
    has_stimecmp = has_sstc;
    timer_init_hart();
}

void timer_init_hart(void)
{
    timer_set_deadline(UINT64_MAX);
    __asm__ volatile("csrs sie, %0" : : "r"(SIE_TIMER));
}

uint64_t port_clock_ns(void)
{
    return (uint64_t)((unsigned __int128)(port_cycles() - boot_time_start) * ns_scale >> 32);
}

uint64_t port_realtime_ns(void)
{
    return load_relaxed(&realtime_offset_ns) + port_clock_ns();
}

void timer_set_realtime(uint64_t realtime_ns)
{
    store_relaxed(&realtime_offset_ns, realtime_ns - port_clock_ns());
}

void timer_set_deadline(uint64_t deadline_ns)
{
    unsigned __int128 ticks = ((unsigned __int128)deadline_ns * tick_scale >> 32) + 1;
    uint64_t value = port_cycles() + farthest_ticks;

    if (ticks < value - boot_time_start) {
        value = boot_time_start + (uint64_t)ticks;
    }
    programmed_ns[port_hart_id()] = deadline_ns;
    if (has_stimecmp) {
        __asm__ volatile("csrw 0x14d, %0" : : "r"(value) : "memory");
    } else {
        sbi_set_timer(value);
    }
    __asm__ volatile("csrs sie, %0" : : "r"(SIE_TIMER) : "memory");
}

void timer_wake_by(uint64_t deadline_ns)
{
    uint64_t now_programmed_ns = programmed_ns[port_hart_id()];

    if (deadline_ns < now_programmed_ns || now_programmed_ns <= port_clock_ns()) {
        timer_set_deadline(deadline_ns);
    }
}

void timer_handle_interrupt(void)
{
    __asm__ volatile("csrc sie, %0" : : "r"(SIE_TIMER) : "memory");
    trap_upcall_timer();
}
