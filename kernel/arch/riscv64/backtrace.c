// SPDX-License-Identifier: MIT
/* The calls that led here, for records of who did what.
 *
 * Every function keeps a frame pointer (-fno-omit-frame-pointer): s0 points behind the saved ra and
 * the caller's s0. Following them costs two loads a call. Nothing is trusted: a frame must lie on
 * the stack that we run on, above the one before it, and what it returns to must be code; so the
 * walk ends, and reads no memory but its own stack. (The panic report reads other stacks, too, and
 * so through probes: panic.c.)
 *
 * The linker puts the allocators' functions side by side (kernel.lds.S), which makes it one
 * comparison to leave them out. */
#include "kernel/arch/riscv64/port/memory.h"
#include "kernel/arch/riscv64/thread.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/port.h"

extern const char _text_start[], _text_end[], _allocators_start[], _allocators_end[];

static bool is_between(uint64_t address, const char *start, const char *end)
{
    return address >= (uint64_t)start && address < (uint64_t)end;
}

/* Follow the frames from `frame` on, on the stack that holds it. */
static unsigned follow(uint64_t frame, const void **callers, unsigned nr, unsigned max)
{
    uint64_t top = align_down(frame - 1, KERNEL_STACK_SIZE) + KERNEL_STACK_SIZE;
    uint64_t bottom = top - KERNEL_STACK_SIZE + 16;

    while (nr < max && frame % 8 == 0 && frame >= bottom && frame <= top) {
        uint64_t return_address = ((const uint64_t *)frame)[-1];
        uint64_t next = ((const uint64_t *)frame)[-2];

        if (!is_between(return_address, _text_start, _text_end)) {
            break;
        }
        if (!is_between(return_address, _allocators_start, _allocators_end)) {
            callers[nr++] = (const void *)return_address;
        }
        bottom = frame + 16; /* upwards only: no loop */
        frame = next;
    }
    return nr;
}

unsigned port_backtrace(const void **callers, unsigned max)
{
    unsigned nr = follow((uint64_t)__builtin_frame_address(0), callers, 0, max);

    /* No tail call: a function that calls nothing has not saved ra in its frame. */
    __asm__ volatile("" : : : "memory");
    return nr;
}

unsigned trap_backtrace(const struct trap_frame *frame, const void **callers, unsigned max)
{
    unsigned nr = 0;

    if (max > 0 && is_between(frame->pc, _text_start, _text_end)) {
        callers[nr++] = (const void *)frame->pc;
    }
    return follow(frame->regs[8], callers, nr, max);
}
