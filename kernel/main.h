// SPDX-License-Identifier: MIT
/* Where assembly hands over. */
#ifndef CAIRN_MAIN_H
#define CAIRN_MAIN_H

#include "kernel/base/types.h"

/** Called by entry.S on the boot hart, in the high half.
 *  @hart_id: the firmware's number of this hart. @tree: physical address of the device tree. */
_Noreturn void kernel_main(uint64_t hart_id, uint64_t tree);

#endif
