// SPDX-License-Identifier: MIT
/* What Cairn calls itself: for uname(2) and /proc/version. The release says whose ABI it speaks,
 * because the C library looks. */
#ifndef CAIRN_TASK_VERSION_H
#define CAIRN_TASK_VERSION_H

#define VERSION_SYSTEM  "Linux"
#define VERSION_RELEASE "6.12.0-cairn"
#define VERSION_BUILD   "#1 SMP PREEMPT Cairn"
#define VERSION_MACHINE "riscv64"

#endif
