// SPDX-License-Identifier: MIT
/* The serial line (16550): the console's bytes in and out. */
#ifndef CAIRN_DRIVERS_UART_H
#define CAIRN_DRIVERS_UART_H

#include "drivers/fdt.h"
#include "kernel/sync/waitq.h"

/** Find the line that /chosen/stdout-path names, or else the first ns16550a, and take over log
 *  output from the firmware, by polling. Returns 0, -ENODEV, -EINVAL or -ENOMEM. */
int must_check uart_init(const struct fdt *fdt);

/** Turn interrupts on: queued output from now on, and input to `receive`, which runs in interrupt
 *  context.
 *  Returns 0 or -errno; without interrupts output still works, by polling. */
int must_check uart_start(void (*receive)(void *arg, const uint8_t *bytes, size_t len_bytes),
                          void *arg);

/** Queue bytes for output; returns how many were taken, from 0 to len. Context: any. */
size_t uart_write(const uint8_t *bytes, size_t len_bytes);

/** Room for output. Context: any. */
size_t uart_room(void);

/** Woken, from interrupt context, when there is room for output again. */
struct waitq *uart_room_waitq(void);

#endif
