// SPDX-License-Identifier: MIT
/* The device that ends QEMU with an exit status. */
#ifndef CAIRN_DRIVERS_FINISHER_H
#define CAIRN_DRIVERS_FINISHER_H

#include "drivers/fdt.h"

/** Let machine_power_off() and machine_reboot() use it. Returns 0, -ENODEV, -EINVAL or -ENOMEM. */
int must_check finisher_init(const struct fdt *fdt);

#endif
