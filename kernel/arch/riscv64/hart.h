// SPDX-License-Identifier: MIT
/* The harts: their two numberings, and what one can ask of another.
 *
 * A hart has the id that the firmware and the device tree call it by, and a logical number, 0 for
 * the boot hart, that indexes every per-hart array of the kernel. */
#ifndef CAIRN_ARCH_HART_H
#define CAIRN_ARCH_HART_H

#include "kernel/arch/riscv64/thread.h"

/** The boot hart's id; before anything else. */
void hart_init_boot(uint64_t hart_id);

/** A further hart of the machine, from the device tree (the boot hart may be named again). Returns
 *  whether there was room: Cairn drives MAX_HARTS. */
bool hart_add(uint64_t hart_id);

/** How many are known, whether or not they run. */
unsigned hart_nr_known(void);

/** The firmware's id of a logical hart. */
uint64_t hart_id_of(unsigned hart);

/** Logical number of a hart id; false if it is not ours. */
bool hart_find(uint64_t hart_id, unsigned *hart);

/** The harts that run, as a mask of logical numbers. */
uint64_t hart_running_mask(void);

/* Each of these takes a mask of logical numbers and finds the firmware's name for them. */
void hart_send_ipi(uint64_t mask);
void hart_remote_fence_i(uint64_t mask);
/** Flush [start, start + size) of one address space; asid -1: of all. */
void hart_remote_sfence(uint64_t mask, uint64_t start, uint64_t size_bytes, int64_t asid);

/** Take an inter-processor interrupt: called by the trap handler. */
void hart_handle_ipi(void);

/** Wait here while somebody wants the machine to stand still: called by hart_handle_ipi(). */
void hart_park_if_asked(void);

/** Stop every other hart, for ever. Context: panic. */
void hart_stop_others(void);

/** Stop this one. */
_Noreturn void hart_halt(void);

/** Called by entry.S. */
_Noreturn void secondary_main(unsigned hart);

#endif
