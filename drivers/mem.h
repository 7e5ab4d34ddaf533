// SPDX-License-Identifier: MIT
/* The devices that are only memory: null, zero, full, random, urandom, kmsg. */
#ifndef CAIRN_DRIVERS_MEM_H
#define CAIRN_DRIVERS_MEM_H

#include "drivers/char.h"

/** Register them. Called once at boot. Returns 0 or -errno. */
int must_check mem_devices_register(void);

#endif
