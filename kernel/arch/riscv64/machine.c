// SPDX-License-Identifier: MIT
/* The end: first the device that can pass an exit status to whoever started QEMU, then the
 * firmware, then a halt. */
#include "kernel/arch/riscv64/machine.h"

#include "kernel/arch/riscv64/console.h"
#include "kernel/arch/riscv64/hart.h"
#include "kernel/arch/riscv64/sbi.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/port.h"

static void (*finisher)(int exit_status, bool reboot);

void machine_set_finisher(void (*finish)(int exit_status, bool reboot))
{
    finisher = finish;
}

static _Noreturn void end(int exit_status, bool reboot)
{
    void (*finish)(int exit_status, bool reboot) = finisher;

    (void)port_irq_save();
    console_drain();
    finisher = NULL; /* if it faults, we come here again, without it */
    if (finish != NULL) {
        finish(exit_status, reboot);
    }
    sbi_system_reset(reboot, exit_status != 0);
    hart_halt();
}

void machine_power_off(int exit_status)
{
    end(exit_status, false);
}

void machine_reboot(void)
{
    end(0, true);
}
