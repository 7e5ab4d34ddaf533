// SPDX-License-Identifier: MIT
/* Where log text goes: the firmware's console until a driver offers a better way. */
#ifndef CAIRN_ARCH_CONSOLE_H
#define CAIRN_ARCH_CONSOLE_H

#include "kernel/base/types.h"

/** From now on port_console_write() calls `write`. It polls, works in any context, and does not wait
 *  for a lock for ever in a panic. `drain` waits until everything queued has left the machine. */
void console_set_output(void (*write)(const char *text, size_t len_bytes), void (*drain)(void));

/** Before the machine ends: let the last output out. Context: any. */
void console_drain(void);

#endif
