// SPDX-License-Identifier: MIT
/* Ending the machine: machine_power_off() and machine_reboot() are declared in trap.h. */
#ifndef CAIRN_ARCH_MACHINE_H
#define CAIRN_ARCH_MACHINE_H

#include "kernel/base/types.h"

/** A driver that can end the machine: with an exit status that QEMU's caller sees, or in a reboot.
 *  It returns if it cannot. */
void machine_set_finisher(void (*finish)(int exit_status, bool reboot));

#endif
