// SPDX-License-Identifier: MIT
/* Calls into the firmware. Source: RISC-V Supervisor Binary Interface Specification, v1.0. */
#ifndef CAIRN_ARCH_SBI_H
#define CAIRN_ARCH_SBI_H

#include "kernel/base/types.h"

enum sbi_extension {
    SBI_EXT_LEGACY_PUTCHAR = 0x01,
    SBI_EXT_BASE = 0x10,
    SBI_EXT_TIME = 0x54494d45,
    SBI_EXT_IPI = 0x735049,
    SBI_EXT_RFENCE = 0x52464e43,
    SBI_EXT_HSM = 0x48534d,
    SBI_EXT_RESET = 0x53525354,
};

struct sbi_result {
    long error; /* 0 or negative, the specification's numbers */
    long value;
};

struct sbi_result sbi_call(unsigned long extension, unsigned long function, unsigned long a0,
                           unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4);

/** Whether the firmware has an extension. */
bool sbi_has(enum sbi_extension extension);

/** The specification's version that the firmware keeps: major << 24 | minor. */
uint64_t sbi_version(void);

void sbi_set_timer(uint64_t ticks);

/* Harts are named by a mask of 64 physical ids that starts at `base`. */
void sbi_send_ipi(uint64_t mask, uint64_t base);
void sbi_remote_fence_i(uint64_t mask, uint64_t base);
void sbi_remote_sfence(uint64_t mask, uint64_t base, uint64_t start, uint64_t size_bytes);
void sbi_remote_sfence_asid(uint64_t mask, uint64_t base, uint64_t start, uint64_t size_bytes,
                            uint64_t asid);

/** Start a stopped hart at a physical address, with `opaque` in a1. Returns 0 or a negative SBI
 *  error. */
long sbi_hart_start(uint64_t hart_id, phys_t entry, uint64_t opaque);

/** Write to the firmware's console. Context: any. */
void sbi_console_write(const char *text, size_t len_bytes);

/** Ask for the machine's end; returns only if the firmware cannot. */
void sbi_system_reset(bool reboot, bool is_failure);

#endif
