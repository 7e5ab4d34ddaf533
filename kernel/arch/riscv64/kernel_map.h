// SPDX-License-Identifier: MIT
/* The kernel's own half of every address space. */
#ifndef CAIRN_ARCH_KERNEL_MAP_H
#define CAIRN_ARCH_KERNEL_MAP_H

#include "mm/frames.h"

/** Build the final table and switch to it: the image by its rights, the direct map of RAM without
 *  the ranges that the firmware forbids, the vmalloc window's tables; the identity map is gone.
 *  Once, on the boot hart, with frames.
 *  Returns 0 or -ENOMEM. */
int must_check kernel_map_init(const struct frame_range *ram, unsigned nr_ram,
                               const struct frame_range *forbidden, unsigned nr_forbidden);

/** Look a kernel address up; for reports and tests. Context: any. */
struct pte kernel_map_get(uint64_t address);

/** The image as a physical range. */
struct frame_range kernel_image_range(void);

#endif
