// SPDX-License-Identifier: MIT
/* The firmware's calls: an ecall with the extension in a7, the function in a6, arguments in a0 to
 * a5; error and value come back in a0 and a1, everything else is kept.
 *
 * The extensions that Cairn cannot do without (TIME or Sstc, IPI, RFENCE, HSM) are all in SBI 0.3,
 * which every OpenSBI since 2020 has. The console falls back to the one legacy call that still
 * matters, so that the first lines are seen everywhere. */
#include "kernel/arch/riscv64/sbi.h"

struct sbi_result sbi_call(unsigned long extension, unsigned long function, unsigned long a0,
                           unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4)
{
    register unsigned long reg_a0 __asm__("a0") = a0;
    register unsigned long reg_a1 __asm__("a1") = a1;
    register unsigned long reg_a2 __asm__("a2") = a2;
    register unsigned long reg_a3 __asm__("a3") = a3;
    register unsigned long reg_a4 __asm__("a4") = a4;
    register unsigned long reg_a6 __asm__("a6") = function;
    register unsigned long reg_a7 __asm__("a7") = extension;

    __asm__ volatile("ecall"
                     : "+r"(reg_a0), "+r"(reg_a1)
                     : "r"(reg_a2), "r"(reg_a3), "r"(reg_a4), "r"(reg_a6), "r"(reg_a7)
                     : "memory");
    return (struct sbi_result){(long)reg_a0, (long)reg_a1};
}

bool sbi_has(enum sbi_extension extension)
{
    struct sbi_result result = sbi_call(SBI_EXT_BASE, 3, extension, 0, 0, 0, 0);

    return result.error == 0 && result.value != 0;
}

uint64_t sbi_version(void)
{
    return (uint64_t)sbi_call(SBI_EXT_BASE, 0, 0, 0, 0, 0, 0).value;
}

void sbi_set_timer(uint64_t ticks)
{
    sbi_call(SBI_EXT_TIME, 0, ticks, 0, 0, 0, 0);
}

void sbi_send_ipi(uint64_t mask, uint64_t base)
{
    sbi_call(SBI_EXT_IPI, 0, mask, base, 0, 0, 0);
}

void sbi_remote_fence_i(uint64_t mask, uint64_t base)
{
    sbi_call(SBI_EXT_RFENCE, 0, mask, base, 0, 0, 0);
}

void sbi_remote_sfence(uint64_t mask, uint64_t base, uint64_t start, uint64_t size_bytes)
{
    sbi_call(SBI_EXT_RFENCE, 1, mask, base, start, size_bytes, 0);
}

void sbi_remote_sfence_asid(uint64_t mask, uint64_t base, uint64_t start, uint64_t size_bytes,
                            uint64_t asid)
{
    sbi_call(SBI_EXT_RFENCE, 2, mask, base, start, size_bytes, asid);
}

long sbi_hart_start(uint64_t hart_id, phys_t entry, uint64_t opaque)
{
    return sbi_call(SBI_EXT_HSM, 0, hart_id, entry.addr, opaque, 0, 0).error;
}

void sbi_console_write(const char *text, size_t len_bytes)
{
    for (size_t i = 0; i < len_bytes; i++) {
        if (text[i] == '\n') {
            sbi_call(SBI_EXT_LEGACY_PUTCHAR, 0, '\r', 0, 0, 0, 0);
        }
        sbi_call(SBI_EXT_LEGACY_PUTCHAR, 0, (unsigned char)text[i], 0, 0, 0, 0);
    }
}

void sbi_system_reset(bool reboot, bool is_failure)
{
    sbi_call(SBI_EXT_RESET, 0, reboot ? 1 : 0, is_failure ? 1 : 0, 0, 0, 0);
}
