// SPDX-License-Identifier: MIT
/* Who asks for memory, for the account of promises. */
#ifndef CAIRN_KERNEL_TASK_PAYER_H
#define CAIRN_KERNEL_TASK_PAYER_H

/** Called once at boot, when memory is set up. */
void payer_init(void);

#endif
