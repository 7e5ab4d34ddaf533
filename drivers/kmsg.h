// SPDX-License-Identifier: MIT
/* /dev/kmsg, the kernel's log as a device. */
#ifndef CAIRN_DRIVERS_KMSG_H
#define CAIRN_DRIVERS_KMSG_H

#include "drivers/char.h"

/* A write is a line of the log; reads give it record by record, each open file from the oldest one on. */
extern const struct char_device_ops kmsg_ops;

#endif
