// SPDX-License-Identifier: MIT
/* Names of code addresses, from the table that tools/ksyms.py makes of the first link and the
 * second link puts behind all code. Sorted by address, so a binary search finds the last function
 * that begins at or before an address. */
#include "kernel/base/symbols.h"

extern const char _kernel_start[], _text_end[];
extern const uint64_t ksyms_count;
extern const uint32_t ksyms_addresses[];
extern const uint32_t ksyms_name_offsets[];
extern const char ksyms_names[];

bool symbol_lookup(uint64_t address, const char **name, uint64_t *offset)
{
    uint64_t distance = address - (uint64_t)_kernel_start;
    uint64_t low = 0;
    uint64_t high = ksyms_count;

    if (address < (uint64_t)_kernel_start || address >= (uint64_t)_text_end) {
        return false;
    }
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (ksyms_addresses[middle] <= distance) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return false;
    }
    *name = ksyms_names + ksyms_name_offsets[low - 1];
    *offset = distance - ksyms_addresses[low - 1];
    return true;
}
