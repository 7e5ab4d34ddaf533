// SPDX-License-Identifier: MIT
/* FPU state across switches: several threads, each with a pattern of its own in every register, on
 * the same harts. They are kernel threads that do to their (unused) user frame what the hardware
 * and the trap handler do for a user's. */
#include "kernel/arch/riscv64/offsets.h"
#include "kernel/arch/riscv64/trap_internal.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/selftest.h"
#include "kernel/base/string.h"

#define NR_THREADS 6
#define NR_ROUNDS  200

static _Atomic uint32_t nr_done, nr_bad, nr_reloads;

static void set_fpu_unit(bool on)
{
    if (on) {
        __asm__ volatile("csrs sstatus, %0" : : "r"(SSTATUS_FS_CLEAN));
    } else {
        __asm__ volatile("csrc sstatus, %0" : : "r"(SSTATUS_FS));
    }
}

/* Let the "user program" use its FPU: trap if it is off, then read all registers and write new
 * ones. */
static void use_fpu(struct fpu_state *before, const struct fpu_state *after)
{
    struct trap_frame *frame = thread_user_frame(port_thread());
    uint64_t irq_state = port_irq_save();

    if (thread_use_fpu(frame)) {
        atomic_fetch_add_explicit(&nr_reloads, 1, memory_order_relaxed);
    }
    set_fpu_unit(true);
    fpu_save(before);
    fpu_load(after);
    set_fpu_unit(false);
    frame->status |= SSTATUS_FS; /* Dirty */
    port_irq_restore(irq_state);
}

static void make_pattern(struct fpu_state *state, uint64_t seed)
{
    memset(state, 0, sizeof(*state));
    for (unsigned i = 0; i < 32; i++) {
        state->f[i] = seed << 32 | i * 0x01010101u;
    }
    state->fcsr = (uint32_t)seed & 0x1f;
}

static void keep_registers(void *arg)
{
    uint64_t id = (uint64_t)(uintptr_t)arg;
    struct fpu_state expected, found, next;

    thread_reset_fpu(port_thread());
    memset(&expected, 0, sizeof(expected));
    for (uint64_t round = 0; round < NR_ROUNDS; round++) {
        make_pattern(&next, id * NR_ROUNDS + round + 1);
        use_fpu(&found, &next);
        found.padding = 0;
        if (memcmp(&found, &expected, sizeof(found)) != 0) {
            atomic_fetch_add_explicit(&nr_bad, 1, memory_order_relaxed);
        }
        expected = next;
        if (round % 3 != 0) {
            port_yield();
        }
    }
    thread_save_fpu(port_thread(), &found);
    if (memcmp(&found, &expected, sizeof(found)) != 0) {
        atomic_fetch_add_explicit(&nr_bad, 1, memory_order_relaxed);
    }
    thread_reset_fpu(port_thread());
    atomic_fetch_add_explicit(&nr_done, 1, memory_order_release);
}

SELFTEST(fpu_registers_survive_switches)
{
    for (uintptr_t i = 0; i < NR_THREADS; i++) {
        CHECK(port_spawn("fpu", keep_registers, (void *)i) != NULL);
    }
    while (load_acquire(&nr_done) < NR_THREADS) {
        port_yield();
    }
    CHECK(load_relaxed(&nr_bad) == 0);
    CHECK(load_relaxed(&nr_reloads) >= NR_THREADS);
}

SELFTEST(fpu_that_is_on_makes_an_illegal_instruction_a_real_one)
{
    struct trap_frame frame = {.status = SSTATUS_FS_CLEAN};

    CHECK(!thread_use_fpu(&frame));
}
