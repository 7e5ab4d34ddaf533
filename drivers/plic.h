// SPDX-License-Identifier: MIT
/* The interrupt controller's own start; its users include irq.h. */
#ifndef CAIRN_DRIVERS_PLIC_H
#define CAIRN_DRIVERS_PLIC_H

#include "drivers/fdt.h"

/** Find the controller in the device tree and silence it. All harts must be known (hart_add).
 *  Returns 0, -ENODEV when there is none, -EINVAL when its node makes no sense, -ENOMEM. */
int must_check plic_init(const struct fdt *fdt);

#endif
