// SPDX-License-Identifier: MIT
/* The end of a kernel that has found itself wrong; panic() itself is declared in
 * kernel/base/assert.h. */
#ifndef CAIRN_ARCH_PANIC_H
#define CAIRN_ARCH_PANIC_H

#include "kernel/base/types.h"

/** What the panic report ends in: the machine's end with status 125, or (bootargs `panic=0`) a halt
 *  for a debugger. */
void panic_set_halt(bool halt);

/** Whether a panic is under way: locks may never be released any more. Context: any. */
bool panic_is_on(void);

/** Log the call chain that ends at a frame pointer, as far as it makes sense. Context: any. */
void backtrace_log(uint64_t pc, uint64_t frame_pointer);

#endif
