// SPDX-License-Identifier: MIT
/* What the boot learns of the machine from the device tree: memory, harts, clock. Only main.c uses
 * it. */
#ifndef CAIRN_BOOT_H
#define CAIRN_BOOT_H

#include "drivers/fdt.h"
#include "mm/frames.h"

#define BOOT_MAX_RANGES 32

struct boot_machine {
    struct frame_range ram[FRAMES_MAX_REGIONS];
    unsigned nr_ram;
    struct frame_range reserved[BOOT_MAX_RANGES]; /* firmware, image, device tree, initrd */
    unsigned nr_reserved;
    struct frame_range forbidden[BOOT_MAX_RANGES]; /* the firmware's, not even to be mapped */
    unsigned nr_forbidden;
    struct frame_range initrd; /* empty: none */
    uint64_t ram_bytes;
    uint32_t ticks_per_second;
    bool has_sstc;
    unsigned nr_harts_left; /* beyond MAX_HARTS */
    const char *model;
};

/** Open the tree at a physical address and make it the machine's. On failure there is nothing to go
 *  on with: the reason is returned in words, NULL is success. */
const char *boot_open_tree(struct boot_machine *machine, phys_t tree);

/** Fill in memory and reservations; NULL, or what is wrong. */
const char *boot_find_memory(struct boot_machine *machine);

/** Fill in the clock, and make the harts known to hart.c; NULL, or what is wrong. */
const char *boot_find_harts(struct boot_machine *machine);

/** Stir what the firmware gives as seed, and what differs from boot to boot, into the random
 *  generator. */
void boot_seed_random(const struct boot_machine *machine);

#endif
