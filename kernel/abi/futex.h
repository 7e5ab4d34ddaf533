// SPDX-License-Identifier: MIT
/* futex(2) and the list of robust mutexes. */
#ifndef CAIRN_ABI_FUTEX_H
#define CAIRN_ABI_FUTEX_H

#include <stdint.h>

enum abi_futex_operation {
    ABI_FUTEX_WAIT = 0,
    ABI_FUTEX_WAKE = 1,
    ABI_FUTEX_REQUEUE = 3,
    ABI_FUTEX_CMP_REQUEUE = 4,
    ABI_FUTEX_WAKE_OP = 5,
    ABI_FUTEX_LOCK_PI = 6,
    ABI_FUTEX_UNLOCK_PI = 7,
    ABI_FUTEX_TRYLOCK_PI = 8,
    ABI_FUTEX_WAIT_BITSET = 9,
    ABI_FUTEX_WAKE_BITSET = 10,
    ABI_FUTEX_OPERATION_MASK = 127,
    ABI_FUTEX_PRIVATE = 128,
    ABI_FUTEX_CLOCK_REALTIME = 256,
};

#define ABI_FUTEX_WAITERS    0x80000000u
#define ABI_FUTEX_OWNER_DIED 0x40000000u
#define ABI_FUTEX_TID_MASK   0x3fffffffu
#define ABI_FUTEX_BITSET_ANY 0xffffffffu

/* FUTEX_WAKE_OP: what to do with the second word, and how to compare its old value. */
enum abi_futex_op {
    ABI_FUTEX_OP_SET = 0,
    ABI_FUTEX_OP_ADD = 1,
    ABI_FUTEX_OP_OR = 2,
    ABI_FUTEX_OP_ANDN = 3,
    ABI_FUTEX_OP_XOR = 4,
    ABI_FUTEX_OP_ARG_SHIFT = 8,
};
enum abi_futex_cmp {
    ABI_FUTEX_CMP_EQ = 0,
    ABI_FUTEX_CMP_NE = 1,
    ABI_FUTEX_CMP_LT = 2,
    ABI_FUTEX_CMP_LE = 3,
    ABI_FUTEX_CMP_GT = 4,
    ABI_FUTEX_CMP_GE = 5,
};

struct abi_robust_list_head { /* all user addresses */
    uint64_t first;
    int64_t futex_offset;
    uint64_t pending;
};

#endif
