// SPDX-License-Identifier: MIT
/* The auxiliary vector that execve leaves above the environment. */
#ifndef CAIRN_ABI_AUXV_H
#define CAIRN_ABI_AUXV_H

enum abi_auxv {
    ABI_AT_NULL = 0,
    ABI_AT_PHDR = 3,
    ABI_AT_PHENT = 4,
    ABI_AT_PHNUM = 5,
    ABI_AT_PAGESZ = 6,
    ABI_AT_BASE = 7,
    ABI_AT_FLAGS = 8,
    ABI_AT_ENTRY = 9,
    ABI_AT_UID = 11,
    ABI_AT_EUID = 12,
    ABI_AT_GID = 13,
    ABI_AT_EGID = 14,
    ABI_AT_PLATFORM = 15,
    ABI_AT_HWCAP = 16,
    ABI_AT_CLKTCK = 17,
    ABI_AT_SECURE = 23,
    ABI_AT_RANDOM = 25,
    ABI_AT_HWCAP2 = 26,
    ABI_AT_EXECFN = 31,
};

/* AT_HWCAP: one bit for each letter of the ISA string. */
#define ABI_HWCAP_LETTER(letter) (1ul << ((letter) - 'a'))

#endif
