// SPDX-License-Identifier: MIT
/* Page tables on the host: the kernel's own Sv39 tree (kernel/arch/riscv64/pagetable.c) in frames
 * of the arena. Only what needs a processor is simulated, in tools/host/pagetable.c. */
#ifndef CAIRN_HOST_PORT_PAGETABLE_H
#define CAIRN_HOST_PORT_PAGETABLE_H

#include "kernel/arch/riscv64/port/pagetable.h"

#endif
