// SPDX-License-Identifier: MIT
/* A binary search over the table that usercopy.S and probe.S fill. The linker lays the entries out
 * in the order of the code they belong to, so the table is sorted by itself; exceptions_check()
 * makes sure at boot. Distances are relative to the field that holds them, which halves the table
 * and needs no relocation. The lowest bit of the second is a flag: code is 2-byte aligned. */
#include "kernel/arch/riscv64/exceptions.h"

#include "kernel/base/assert.h"

struct exception {
    int32_t instruction; /* from this field */
    int32_t fixup;       /* from this field; bit 0: any address */
};

extern const struct exception exception_table_start[];
extern const struct exception exception_table_end[];

static uint64_t instruction_of(const struct exception *exception)
{
    return (uint64_t)&exception->instruction + (uint64_t)(int64_t)exception->instruction;
}

bool exception_find_fixup(uint64_t pc, struct exception_fixup *fixup)
{
    size_t low = 0;
    size_t high = (size_t)(exception_table_end - exception_table_start);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct exception *exception = &exception_table_start[middle];

        if (instruction_of(exception) == pc) {
            uint64_t resume = (uint64_t)&exception->fixup + (uint64_t)(int64_t)exception->fixup;

            fixup->resume = resume & ~1ul;
            fixup->is_any_address = (resume & 1) != 0;
            return true;
        }
        if (instruction_of(exception) < pc) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

void exceptions_check(void)
{
    for (const struct exception *e = exception_table_start; e + 1 < exception_table_end; e++) {
        assert(instruction_of(e) < instruction_of(e + 1));
    }
}
