// SPDX-License-Identifier: MIT
/* The part of kernel/base/port.h that is this machine's and not inline: user copies, console,
 * randomness. Blocking is the scheduler's (kernel/task), time is in timer.c, panic in panic.c. */
#include "kernel/base/port.h"

#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/console.h"
#include "kernel/arch/riscv64/port/memory.h"
#include "kernel/arch/riscv64/sbi.h"
#include "kernel/arch/riscv64/shootdown.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/arch/riscv64/trap_internal.h"
#include "kernel/arch/riscv64/user_atomic.h"
#include "kernel/base/assert.h"
#include "kernel/base/random.h"
#include "kernel/sync/lock_rank.h"
#include "kernel/sync/lock_rank_check.h"

static void (*console_output)(const char *text, size_t len_bytes) = sbi_console_write;

static void (*console_drain_output)(void);

void console_set_output(void (*write)(const char *text, size_t len_bytes), void (*drain)(void))
{
    console_output = write;
    console_drain_output = drain;
}

void console_drain(void)
{
    void (*drain)(void) = console_drain_output;

    console_drain_output = NULL; /* should it fault, the way here again must not */
    if (drain != NULL) {
        drain();
    }
}

void port_console_write(const char *text, size_t len_bytes)
{
    console_output(text, len_bytes);
}

void port_random_bytes(void *buffer, size_t len_bytes)
{
    random_fill(buffer, len_bytes);
}

void port_relax_long(void)
{
    shootdown_rest();
}

void port_preempt_slow(void)
{
    uint64_t irq_state;

    /* With interrupts off the caller is not done: the next look is where they come on. */
    if (!port_irqs_enabled()) {
        return;
    }
    irq_state = port_irq_save();
    if (port_thread()->preempt_count == 0) {
        trap_upcall_preempt();
    }
    port_irq_restore(irq_state);
}

static bool is_user_range(user_t start, size_t len_bytes)
{
    return start.addr <= USER_END && len_bytes <= USER_END - start.addr;
}

/* A copy that may fault must be allowed to sleep and to take the address space's lock, or have said
 * that it takes what it gets. */
static void check_context(void)
{
    if (port_thread()->nofault == 0) {
        lock_rank_check_sleeping(LOCK_RANK_SPACE, "an address space to copy user memory", false);
    }
}

size_t port_copy_from_user(void *dst, user_t src, size_t len_bytes)
{
    check_context();
    if (!is_user_range(src, len_bytes)) {
        return len_bytes;
    }
    return user_copy(dst, (const void *)src.addr, len_bytes);
}

size_t port_copy_to_user(user_t dst, const void *src, size_t len_bytes)
{
    check_context();
    if (!is_user_range(dst, len_bytes)) {
        return len_bytes;
    }
    return user_copy((void *)dst.addr, src, len_bytes);
}

size_t port_clear_user(user_t dst, size_t len_bytes)
{
    check_context();
    if (!is_user_range(dst, len_bytes)) {
        return len_bytes;
    }
    return user_clear((void *)dst.addr, len_bytes);
}

ssize_t port_string_from_user(char *dst, user_t src, size_t size_bytes)
{
    size_t max_bytes = size_bytes;
    ssize_t len;

    check_context();
    if (src.addr >= USER_END) {
        return -EFAULT;
    }
    max_bytes = min_of(size_bytes, USER_END - src.addr);
    len = user_copy_string(dst, (const char *)src.addr, max_bytes);
    if (len < 0) {
        return -EFAULT;
    }
    if ((size_t)len == max_bytes) {
        return max_bytes < size_bytes ? -EFAULT : -ENAMETOOLONG;
    }
    return len;
}

void port_user_nofault_begin(void)
{
    port_preempt_disable();
    port_thread()->nofault++;
}

void port_user_nofault_end(void)
{
    port_thread()->nofault--;
    port_preempt_enable();
}

int user_atomic_load(user_t address, uint32_t *value)
{
    if (address.addr % 4 != 0 || !is_user_range(address, 4)) {
        return -EFAULT;
    }
    return user_load_u32((const uint32_t *)address.addr, value) == 0 ? 0 : -EFAULT;
}

int user_atomic_cmpxchg(user_t address, uint32_t expected, uint32_t value, uint32_t *old)
{
    if (address.addr % 4 != 0 || !is_user_range(address, 4)) {
        return -EFAULT;
    }
    return user_cmpxchg_u32((uint32_t *)address.addr, expected, old, value) == 0 ? 0 : -EFAULT;
}
