// SPDX-License-Identifier: MIT
/* Traps, behind the assembly of trap_entry.S: what happened, and who is told.
 *
 *   from user    system call       trap_upcall_syscall, straight from assembly
 *                page fault        trap_upcall_user_fault; then again, or a signal is pending
 *                FPU is off        its registers are loaded, and the instruction runs again
 *                other exceptions  trap_upcall_user_exception
 *   from kernel  page fault        in a user copy: trap_upcall_copy_fault; if that fails, or the
 *                                  caller may not sleep, the copy ends short at its fixup
 *                other exceptions  panic
 *   both         interrupts        timer, message, device; then preemption, if a better task waits
 *
 * All this runs on the kernel stack of the thread that was interrupted. Interrupts are off in
 * interrupt handlers, which count as preempt_count and in_irq, so nothing in them can sleep or be
 * switched away.
 *
 * Stale translations. A hart may remember that an entry was invalid or read-only. mm does not
 * flush after it has added rights: it would pay for a flush at every page fault, and nearly no
 * hart remembers such things. Instead, when a thread faults on the same page as the last time, its hart
 * forgets the page's translation first: so the second fault at the latest is cured, whatever other
 * threads do there in between. */
#include "kernel/arch/riscv64/trap.h"

#include "kernel/arch/riscv64/exceptions.h"
#include "kernel/arch/riscv64/hart.h"
#include "kernel/arch/riscv64/offsets.h"
#include "kernel/arch/riscv64/port/memory.h"
#include "kernel/arch/riscv64/timer.h"
#include "kernel/arch/riscv64/trap_internal.h"
#include "kernel/base/assert.h"
#include "kernel/base/port.h"

/* scause: exceptions, and interrupts below their top bit. */
enum {
    CAUSE_ILLEGAL_INSTRUCTION = 2,
    CAUSE_EXEC_PAGE_FAULT = 12,
    CAUSE_LOAD_PAGE_FAULT = 13,
    CAUSE_STORE_PAGE_FAULT = 15,

    IRQ_SOFTWARE = 1,
    IRQ_TIMER = 5,
    IRQ_EXTERNAL = 9,
};

#define SIE_SOFTWARE (1ul << IRQ_SOFTWARE)
#define SIE_EXTERNAL (1ul << IRQ_EXTERNAL)

static const struct trap_frame *panic_frames[MAX_HARTS]; /* [hart] */

void trap_init_hart(void)
{
    exceptions_check();
    __asm__ volatile("csrs sie, %0" : : "r"(SIE_SOFTWARE | SIE_EXTERNAL));
}

const struct trap_frame *trap_panic_frame(void)
{
    return panic_frames[port_hart_id()];
}

const char *trap_cause_name(uint64_t cause)
{
    static const char *const names[] = {
        [0] = "misaligned instruction address",
        [1] = "instruction access fault",
        [2] = "illegal instruction",
        [3] = "breakpoint",
        [4] = "misaligned load",
        [5] = "load access fault",
        [6] = "misaligned store",
        [7] = "store access fault",
        [8] = "system call from user mode",
        [9] = "system call from supervisor mode",
        [12] = "instruction page fault",
        [13] = "load page fault",
        [15] = "store page fault",
    };

    if (cause < array_size(names) && names[cause] != NULL) {
        return names[cause];
    }
    return "unknown trap";
}

static void handle_interrupt(uint64_t cause)
{
    struct thread *self = port_thread();

    self->in_irq++;
    self->preempt_count++;
    switch (cause & ~CAUSE_INTERRUPT) {
    case IRQ_SOFTWARE: hart_handle_ipi(); break;
    case IRQ_TIMER: timer_handle_interrupt(); break;
    case IRQ_EXTERNAL: trap_upcall_external_interrupt(); break;
    default:
        panic("interrupt %llu, which nobody enabled",
              (unsigned long long)(cause & ~CAUSE_INTERRUPT));
    }
    self->preempt_count--;
    self->in_irq--;
}

static bool is_page_fault(uint64_t cause, enum trap_fault *access)
{
    switch (cause) {
    case CAUSE_EXEC_PAGE_FAULT: *access = TRAP_FAULT_EXEC; return true;
    case CAUSE_LOAD_PAGE_FAULT: *access = TRAP_FAULT_READ; return true;
    case CAUSE_STORE_PAGE_FAULT: *access = TRAP_FAULT_WRITE; return true;
    default: return false;
    }
}

/* Whether this thread has faulted on the same page the last time, too. */
static bool is_same_fault(uint64_t address)
{
    struct thread *self = port_thread();
    uint64_t page = align_down(address, PAGE_SIZE) | 1; /* never 0 */
    bool is_same = self->fault_page == page;

    self->fault_page = page;
    return is_same;
}

static void forget_page(uint64_t address)
{
    __asm__ volatile("sfence.vma %0, zero" : : "r"(address) : "memory");
}

static void cure_stale_translation(uint64_t address)
{
    if (is_same_fault(address)) {
        forget_page(address);
    }
}

static void irqs_on(void)
{
    port_irq_restore(SSTATUS_SIE);
}

/* Neither an interrupt nor a page fault. Apart, so that those need no stack here. */
static __attribute__((noinline)) void handle_user_exception(struct trap_frame *frame)
{
    if (frame->cause == CAUSE_ILLEGAL_INSTRUCTION && thread_use_fpu(frame)) {
        return;
    }
    irqs_on();
    trap_upcall_user_exception(frame);
}

void trap_from_user(struct trap_frame *frame)
{
    enum trap_fault access;

    if ((frame->cause & CAUSE_INTERRUPT) != 0) {
        handle_interrupt(frame->cause);
    } else if (is_page_fault(frame->cause, &access)) {
        cure_stale_translation(frame->value);
        irqs_on();
        trap_upcall_user_fault(frame, access);
    } else {
        handle_user_exception(frame);
        keep_call();
    }
}

/* Returns whether the instruction may run again, or has been fixed up. */
static bool handle_kernel_fault(struct trap_frame *frame, enum trap_fault access)
{
    struct thread *self = port_thread();
    struct exception_fixup fixup;
    bool is_probe_call = access == TRAP_FAULT_EXEC;

    if (!exception_find_fixup(is_probe_call ? frame->regs[1] : frame->pc, &fixup) ||
        (frame->value >= USER_END && !fixup.is_any_address)) {
        return false;
    }
    if (!fixup.is_any_address) {
        cure_stale_translation(frame->value);
        if (self->preempt_count == 0 && self->in_irq == 0) {
            bool is_cured;

            irqs_on();
            is_cured = trap_upcall_copy_fault(frame->value, access);
            (void)port_irq_save();
            if (is_cured) {
                return true;
            }
        }
    }
    frame->pc = fixup.resume;
    return true;
}

/* A page of the vmalloc window that another hart has just mapped, and that this one remembers as
 * absent: worth one more try. */
static bool is_stale_kernel_page(const struct trap_frame *frame)
{
    uint64_t address = frame->value;

    if (address < VMALLOC_BASE || address >= VMALLOC_BASE + VMALLOC_SIZE) {
        return false;
    }
    forget_page(address);
    return !is_same_fault(address);
}

static bool is_guard_pool_fault(const struct trap_frame *frame, enum trap_fault access)
{
    uint64_t address = frame->value;

    return address >= VMALLOC_BASE && address < VMALLOC_BASE + VMALLOC_SIZE &&
           trap_upcall_window_fault(frame, address, access);
}

static _Noreturn void panic_at(struct trap_frame *frame)
{
    enum trap_fault access;

    panic_frames[port_hart_id()] = frame;
    if (is_page_fault(frame->cause, &access)) {
        static const char *const verbs[] = {"reads", "writes", "executes"};
        uint64_t address = frame->value;
        const char *what = address < PAGE_SIZE  ? "near NULL"
                           : address < USER_END ? "in the user half, outside a user copy"
                                                : "that is not mapped so";

        panic("the kernel %s address 0x%llx, %s", verbs[access], (unsigned long long)address, what);
    }
    panic("%s in the kernel (cause %llu, value 0x%llx)", trap_cause_name(frame->cause),
          (unsigned long long)frame->cause, (unsigned long long)frame->value);
}

void trap_from_kernel(struct trap_frame *frame)
{
    struct thread *self = port_thread();
    enum trap_fault access;

    if ((frame->cause & CAUSE_INTERRUPT) != 0) {
        handle_interrupt(frame->cause);
        if (__atomic_load_n(&self->need_resched, __ATOMIC_RELAXED) != 0 &&
            self->preempt_count == 0) {
            trap_upcall_preempt();
        }
        return;
    }
    if (is_page_fault(frame->cause, &access) &&
        (handle_kernel_fault(frame, access) || is_stale_kernel_page(frame) ||
         is_guard_pool_fault(frame, access))) {
        return;
    }
    panic_at(frame);
}

void trap_stack_overflow(struct trap_frame *frame)
{
    panic_frames[port_hart_id()] = frame;
    panic("the kernel stack has run out (sp 0x%llx)", (unsigned long long)frame->regs[2]);
}
