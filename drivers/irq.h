// SPDX-License-Identifier: MIT
/* Interrupts from devices: who handles which. The controller (PLIC) implements it in plic.c. */
#ifndef CAIRN_DRIVERS_IRQ_H
#define CAIRN_DRIVERS_IRQ_H

#include "kernel/base/types.h"

/** Route an interrupt source to a handler, which runs in interrupt context on any hart.
 *  Returns 0, -EINVAL for a source that the controller does not have, -EBUSY when it is taken. */
int must_check irq_register(unsigned source, const char *name, void (*handler)(void *arg),
                            void *arg);

/** Count and name of a source for /proc/interrupts; the name is NULL if nobody has it. Returns
 *  false beyond the last source. */
bool irq_get_stats(unsigned source, const char **name, uint64_t *count);

#endif
