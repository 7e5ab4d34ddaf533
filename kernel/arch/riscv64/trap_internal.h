// SPDX-License-Identifier: MIT
/* What the files of this folder share about traps: assembly's entries into C, and C's into
 * assembly. */
#ifndef CAIRN_ARCH_TRAP_INTERNAL_H
#define CAIRN_ARCH_TRAP_INTERNAL_H

#include "kernel/arch/riscv64/thread.h"

/* Called by trap_entry.S, with interrupts off. */
void trap_from_user(struct trap_frame *frame);
void trap_from_kernel(struct trap_frame *frame);
_Noreturn void trap_stack_overflow(struct trap_frame *frame);

/** The frame of the trap that a hart is panicking in, or NULL. */
const struct trap_frame *trap_panic_frame(void);

/** The words for an exception's number. */
const char *trap_cause_name(uint64_t cause);

/* fpu.S */
void fpu_save(struct fpu_state *state);
void fpu_load(const struct fpu_state *state);

/** First FPU instruction of a user thread since it was switched to: give it its registers. Returns
 *  false if the FPU was on, so that the illegal instruction is a real one. */
bool thread_use_fpu(struct trap_frame *frame);

/* probe.S: touch any address of the kernel; false if that faulted. For reports and tests. */
bool probe_read(const uint64_t *address, uint64_t *value);
bool probe_write(uint64_t *address, uint64_t value);
bool probe_execute(const void *address); /* call it */

/* usercopy.S; contracts there */
size_t user_copy(void *dst, const void *src, size_t len_bytes);
size_t user_clear(void *dst, size_t len_bytes);
ssize_t user_copy_string(char *dst, const char *src, size_t size_bytes);
int user_cmpxchg_u32(uint32_t *address, uint32_t expected, uint32_t *old, uint32_t value);
int user_load_u32(const uint32_t *address, uint32_t *value);

#endif
