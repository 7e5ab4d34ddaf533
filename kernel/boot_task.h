// SPDX-License-Identifier: MIT
/* The second half of the boot, which may sleep. */
#ifndef CAIRN_BOOT_TASK_H
#define CAIRN_BOOT_TASK_H

#include "kernel/boot.h"

/** Start the kernel thread that brings up drivers and file systems and becomes the first program.
 *  Called once, with the scheduler ready; it runs when the scheduler does. */
void boot_task_start(const struct boot_machine *machine);

#endif
