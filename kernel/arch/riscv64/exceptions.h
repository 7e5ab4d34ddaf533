// SPDX-License-Identifier: MIT
/* The exception table: instructions of the kernel that may fault, and where to go on if they do. */
#ifndef CAIRN_ARCH_EXCEPTIONS_H
#define CAIRN_ARCH_EXCEPTIONS_H

#include "kernel/base/types.h"

struct exception_fixup {
    uint64_t resume;     /* where to go on */
    bool is_any_address; /* also for faults outside the user half */
};

/** Look an instruction's address up. Context: any. */
bool exception_find_fixup(uint64_t pc, struct exception_fixup *fixup);

/** Check that the table is sorted, as the search needs it. Panics otherwise. */
void exceptions_check(void);

#endif
