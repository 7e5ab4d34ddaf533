// SPDX-License-Identifier: MIT
/* uname(2), sysinfo(2), reboot(2), prctl(2), capget(2): small structures and commands about the
 * system as a whole. */
#ifndef CAIRN_ABI_UTSNAME_H
#define CAIRN_ABI_UTSNAME_H

#include <stdint.h>

struct abi_utsname {
    char sysname[65];
    char nodename[65];
    char release[65];
    char version[65];
    char machine[65];
    char domainname[65];
};

struct abi_sysinfo {
    int64_t uptime_sec;
    uint64_t loads[3]; /* scaled by 65536 */
    uint64_t totalram, freeram, sharedram, bufferram, totalswap, freeswap;
    uint16_t procs;
    uint16_t padding;
    uint64_t totalhigh, freehigh;
    uint32_t mem_unit;
};

#define ABI_REBOOT_MAGIC1    0xfee1deadu
#define ABI_REBOOT_MAGIC2    0x28121969u
#define ABI_REBOOT_MAGIC2A   0x05121996u
#define ABI_REBOOT_MAGIC2B   0x16041998u
#define ABI_REBOOT_MAGIC2C   0x20112000u
#define ABI_REBOOT_RESTART   0x01234567u
#define ABI_REBOOT_HALT      0xcdef0123u
#define ABI_REBOOT_CAD_ON    0x89abcdefu
#define ABI_REBOOT_CAD_OFF   0x00000000u
#define ABI_REBOOT_POWER_OFF 0x4321fedcu
#define ABI_REBOOT_RESTART2  0xa1b2c3d4u

enum abi_prctl {
    ABI_PR_SET_PDEATHSIG = 1,
    ABI_PR_GET_PDEATHSIG = 2,
    ABI_PR_GET_DUMPABLE = 3,
    ABI_PR_SET_DUMPABLE = 4,
    ABI_PR_GET_KEEPCAPS = 7,
    ABI_PR_SET_KEEPCAPS = 8,
    ABI_PR_SET_NAME = 15,
    ABI_PR_GET_NAME = 16,
    ABI_PR_CAPBSET_READ = 23,
    ABI_PR_CAPBSET_DROP = 24,
    ABI_PR_GET_SECUREBITS = 27,
    ABI_PR_SET_TIMERSLACK = 29,
    ABI_PR_GET_TIMERSLACK = 30,
    ABI_PR_SET_CHILD_SUBREAPER = 36,
    ABI_PR_GET_CHILD_SUBREAPER = 37,
    ABI_PR_SET_NO_NEW_PRIVS = 38,
    ABI_PR_GET_NO_NEW_PRIVS = 39,
    ABI_PR_SET_THP_DISABLE = 41,
    ABI_PR_GET_THP_DISABLE = 42,
    ABI_PR_CAP_AMBIENT = 47,
    ABI_PR_SET_VMA = 0x53564d41,
};

#define ABI_CAPABILITY_VERSION_1 0x19980330u
#define ABI_CAPABILITY_VERSION_2 0x20071026u
#define ABI_CAPABILITY_VERSION_3 0x20080522u
#define ABI_CAP_LAST             40

struct abi_cap_header {
    uint32_t version;
    int32_t pid;
};

struct abi_cap_data {
    uint32_t effective;
    uint32_t permitted;
    uint32_t inheritable;
};

enum abi_membarrier {
    ABI_MEMBARRIER_QUERY = 0,
    ABI_MEMBARRIER_GLOBAL = 1,
    ABI_MEMBARRIER_PRIVATE_EXPEDITED = 8,
    ABI_MEMBARRIER_REGISTER_PRIVATE_EXPEDITED = 16,
};

#endif
