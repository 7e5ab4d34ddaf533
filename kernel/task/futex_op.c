// SPDX-License-Identifier: MIT
/* FUTEX_WAKE_OP: change a second word and wake on both, in one call. The C library once needed it to
 * signal a condition without waking a thread only to let it wait for the mutex. */
#include "kernel/abi/errno.h"
#include "kernel/abi/futex.h"
#include "kernel/arch/riscv64/user_atomic.h"
#include "kernel/task/futex.h"

static int apply(uint32_t operation, uint32_t old, uint32_t *result)
{
    uint32_t code = operation >> 28;
    uint32_t argument = (uint32_t)((int32_t)(operation << 8) >> 20);

    if ((code & ABI_FUTEX_OP_ARG_SHIFT) != 0) {
        argument = 1u << (argument & 31);
    }
    switch (code & ~(uint32_t)ABI_FUTEX_OP_ARG_SHIFT) {
    case ABI_FUTEX_OP_SET: *result = argument; return 0;
    case ABI_FUTEX_OP_ADD: *result = old + argument; return 0;
    case ABI_FUTEX_OP_OR: *result = old | argument; return 0;
    case ABI_FUTEX_OP_ANDN: *result = old & ~argument; return 0;
    case ABI_FUTEX_OP_XOR: *result = old ^ argument; return 0;
    default: return -ENOSYS;
    }
}

static int compare_old(uint32_t operation, uint32_t old, bool *holds)
{
    int32_t value = (int32_t)old;
    int32_t argument = (int32_t)(operation << 20) >> 20;

    switch (operation >> 24 & 15) {
    case ABI_FUTEX_CMP_EQ: *holds = value == argument; return 0;
    case ABI_FUTEX_CMP_NE: *holds = value != argument; return 0;
    case ABI_FUTEX_CMP_LT: *holds = value < argument; return 0;
    case ABI_FUTEX_CMP_LE: *holds = value <= argument; return 0;
    case ABI_FUTEX_CMP_GT: *holds = value > argument; return 0;
    case ABI_FUTEX_CMP_GE: *holds = value >= argument; return 0;
    default: return -ENOSYS;
    }
}

/** Change the word atomically. Returns 0 and what it was, or -EFAULT, -ENOSYS. */
static int change_word(uint64_t address, uint32_t operation, uint32_t *old)
{
    uint32_t seen;
    uint32_t wanted;
    uint32_t was;
    int error = user_atomic_load(user_ptr(address), &seen);

    while (error == 0) {
        error = apply(operation, seen, &wanted);
        if (error == 0) {
            error = user_atomic_cmpxchg(user_ptr(address), seen, wanted, &was);
        }
        if (error == 0 && was == seen) {
            *old = seen;
            return 0;
        }
        seen = was;
    }
    return error;
}

int64_t futex_wake_op(uint64_t first, uint64_t second, bool is_private, uint32_t nr_first,
                      uint32_t nr_second, uint32_t operation)
{
    uint32_t old;
    bool holds = false;
    int64_t nr_woken;
    int64_t more = 0;
    int error = change_word(second, operation, &old);

    if (error == 0) {
        error = compare_old(operation, old, &holds);
    }
    if (error != 0) {
        return error;
    }
    /* The change comes before both looks for waiters: whoever waits on the old value is found,
     * as with a plain wake. */
    nr_woken = futex_wake(first, is_private, nr_first, ABI_FUTEX_BITSET_ANY);
    if (nr_woken >= 0 && holds) {
        more = futex_wake(second, is_private, nr_second, ABI_FUTEX_BITSET_ANY);
    }
    if (nr_woken < 0) {
        return nr_woken;
    }
    return more < 0 ? more : nr_woken + more;
}
