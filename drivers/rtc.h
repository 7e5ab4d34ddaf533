// SPDX-License-Identifier: MIT
/* The real-time clock. */
#ifndef CAIRN_DRIVERS_RTC_H
#define CAIRN_DRIVERS_RTC_H

#include "drivers/fdt.h"

/** Read the wall clock's time once; from then on it runs with the monotonic clock.
 *  Returns 0, or -ENODEV, -EINVAL or -ENOMEM: then time begins in 1970. */
int must_check rtc_init(const struct fdt *fdt);

/** What the clock says now, in nanoseconds since 1970; 0: there is none. Context: one caller at a time. */
uint64_t rtc_read_ns(void);

#endif
