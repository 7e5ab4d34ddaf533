// SPDX-License-Identifier: MIT
/* The second half of the boot: a kernel thread that does, in order, what may sleep. The self-test kernel runs its tests here and ends. */
#include "kernel/boot_task.h"

#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/assert.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "kernel/base/selftest.h"
#include "kernel/panic_test.h"
#include "mm/reclaim.h"

extern const struct selftest selftests_start[], selftests_end[];

static void run_boot_task(void *arg)
{
    (void)arg;
    panic_test_run();
    if (reclaim_start() != 0) {
        panic("no memory for the reclaim task");
    }
    if (&selftests_start[0] < &selftests_end[0]) {
        machine_power_off(selftest_run_all() == 0 ? 0 : 1);
    }
}

void boot_task_start(const struct boot_machine *machine)
{
    if (port_spawn("boot", run_boot_task, (void *)(uintptr_t)machine) == NULL) {
        panic("no memory for the boot task");
    }
}
