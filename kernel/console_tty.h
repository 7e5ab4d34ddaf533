// SPDX-License-Identifier: MIT
/* The terminal on the serial line. */
#ifndef CAIRN_CONSOLE_TTY_H
#define CAIRN_CONSOLE_TTY_H

#include "kernel/base/types.h"

/** Register /dev/ttyS0 and /dev/console, and let the UART's input come there. Returns 0 or -errno. May sleep. */
int must_check console_tty_start(void);

#endif
