// SPDX-License-Identifier: MIT
/* The panic report: what, where, who, the registers, and how we came there; then the machine's
 * end.
 *
 * It must work when little else does. It takes no lock, allocates nothing, and reads memory that
 * may be rubbish only through probes. One hart reports: the first to come stops the others, and
 * one that comes while another reports halts. A hart that panics inside its own report ends the
 * machine at once.
 *
 * Every function keeps a frame pointer (-fno-omit-frame-pointer): s0 points behind the saved ra
 * and the caller's s0. */
#include "kernel/arch/riscv64/panic.h"

#include <stdatomic.h>

#include "kernel/arch/riscv64/hart.h"
#include "kernel/arch/riscv64/port/memory.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/arch/riscv64/trap_internal.h"
#include "kernel/base/klog.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"

#define PANIC_STATUS 125
#define MAX_FRAMES   32

extern const char _text_start[], _text_end[];

static _Atomic uint32_t reporter; /* [a] the hart that reports, plus 1 */
static bool halt_at_end;

void panic_set_halt(bool halt)
{
    halt_at_end = halt;
}

bool panic_is_on(void)
{
    return load_relaxed(&reporter) != 0;
}

static bool is_code(uint64_t address)
{
    return address >= (uint64_t)_text_start && address < (uint64_t)_text_end;
}

/* Read the two words below a frame pointer. */
static bool read_frame(uint64_t frame_pointer, uint64_t *upper, uint64_t *lower)
{
    return frame_pointer % 8 == 0 && frame_pointer >= DIRECT_MAP_BASE &&
           probe_read((const uint64_t *)(frame_pointer - 8), upper) &&
           probe_read((const uint64_t *)(frame_pointer - 16), lower);
}

void backtrace_log(uint64_t pc, uint64_t frame_pointer)
{
    printk(LOG_EMERG, "backtrace:");
    for (int i = 0; i < MAX_FRAMES && is_code(pc); i++) {
        uint64_t next_pc, next_frame;

        printk(LOG_EMERG, "  %2d 0x%llx %pS", i, (unsigned long long)pc, (void *)pc);
        if (!read_frame(frame_pointer, &next_pc, &next_frame) || next_frame == frame_pointer) {
            return;
        }
        /* A return address points behind the call: name the call. */
        pc = next_pc - 1;
        frame_pointer = next_frame;
    }
}

/* From a trap. A function that calls nothing has saved only the caller's s0, in the upper word,
 * and its return address is still in ra; the same is true of a jump to where no code is, with the
 * frame of whoever jumped. */
static void backtrace_log_trap(const struct trap_frame *frame)
{
    uint64_t frame_pointer = frame->regs[8];
    uint64_t upper, lower;

    if (!is_code(frame->pc)) {
        backtrace_log(frame->regs[1] - 1, frame_pointer);
        return;
    }
    if (read_frame(frame_pointer, &upper, &lower) && !is_code(upper)) {
        printk(LOG_EMERG, "at 0x%llx %pS, called by:", (unsigned long long)frame->pc,
               (void *)frame->pc);
        backtrace_log(frame->regs[1] - 1, upper);
        return;
    }
    backtrace_log(frame->pc, frame_pointer);
}

static void log_registers(const struct trap_frame *frame)
{
    static const char *const names[32] = {"--", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                          "s0", "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                          "a6", "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                          "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};

    printk(LOG_EMERG, "trap: %s, pc %016llx %pS, value %016llx, status %llx",
           trap_cause_name(frame->cause), (unsigned long long)frame->pc, (void *)frame->pc,
           (unsigned long long)frame->value, (unsigned long long)frame->status);
    for (int i = 0; i < 32; i += 4) {
        printk(LOG_EMERG, "%3s %016llx %3s %016llx %3s %016llx %3s %016llx", names[i],
               (unsigned long long)(i == 0 ? 0 : frame->regs[i]), names[i + 1],
               (unsigned long long)frame->regs[i + 1], names[i + 2],
               (unsigned long long)frame->regs[i + 2], names[i + 3],
               (unsigned long long)frame->regs[i + 3]);
    }
}

static _Noreturn void finish(void)
{
    klog_flush_for_panic();
    if (halt_at_end) {
        hart_halt();
    }
    machine_power_off(PANIC_STATUS);
}

/* Only the first hart comes back from here. */
static void become_reporter(void)
{
    uint32_t mine = port_hart_id() + 1;
    uint32_t other = 0;

    if (atomic_compare_exchange_strong_explicit(&reporter, &other, mine, memory_order_acq_rel,
                                                memory_order_acquire)) {
        return;
    }
    if (other == mine) {
        static const char text[] = "\npanic: again, inside the panic report\n";

        port_console_write(text, sizeof(text) - 1);
        finish();
    }
    hart_halt();
}

void port_panic(const char *message)
{
    const struct trap_frame *frame = trap_panic_frame();
    char who[48] = "nobody yet";

    (void)port_irq_save();
    become_reporter();
    hart_stop_others();
    printk(LOG_EMERG, "panic: %s", message);
    trap_upcall_describe_task(port_thread(), who, sizeof(who));
    printk(LOG_EMERG, "hart %u, task %s", port_hart_id(), who);
    if (frame != NULL) {
        log_registers(frame);
        backtrace_log_trap(frame);
    } else {
        /* Our own caller, and its frame. */
        const uint64_t *own_frame = __builtin_frame_address(0);

        backtrace_log(own_frame[-1] - 1, own_frame[-2]);
    }
    finish();
}
