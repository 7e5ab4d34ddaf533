// SPDX-License-Identifier: MIT
/* The names of the kernel's own code addresses, for %pS, backtraces and reports. */
#ifndef CAIRN_BASE_SYMBOLS_H
#define CAIRN_BASE_SYMBOLS_H

#include "kernel/base/types.h"

/** Find the function that an address lies in: in the kernel the table that is linked into the image; on the
 *  host there is none. Returns whether it was found. Context: any, also in a panic. */
bool symbol_lookup(uint64_t address, const char **name, uint64_t *offset);

#endif
