// SPDX-License-Identifier: MIT
/* The device that ends QEMU with an exit status. */
#ifndef CAIRN_DRIVERS_FINISHER_H
#define CAIRN_DRIVERS_FINISHER_H

#include "drivers/fdt.h"

/** Let machine_power_off() and machine_reboot() use it, through the early page table that maps all
 *  of physical memory: so that even the first lines of the boot end with a status. Without the
 *  device it does nothing. */
void finisher_init_early(const struct fdt *fdt);

/** The same through the final page table, at once after it is in force. Returns 0 or -errno. */
int must_check finisher_init(const struct fdt *fdt);

#endif
