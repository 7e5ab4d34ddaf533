/* SPDX-License-Identifier: MIT
 *
 * Accesses to kernel addresses that may not be there: for backtraces, which follow pointers that
 * may be rubbish, and for tests that expect a fault. Ordinary functions that return 1, or 0 after
 * a fault. The lowest bit of their entries in the exception table says that they may fault at any
 * address, not only at a user's.
 */
    .macro PROBE fixup, instruction:vararg
771:
    \instruction
    .pushsection .exceptions, "a"
    .balign 4
    .word 771b - .
    .word \fixup - . + 1
    .popsection
    .endm

    .text
    .globl probe_read
probe_read:
    PROBE probe_failed, ld t0, 0(a0)
    sd t0, 0(a1)
    li a0, 1
    ret

    .globl probe_write
probe_write:
    PROBE probe_failed, sd a1, 0(a0)
    li a0, 1
    ret

    /* The fault comes at the address called, with ra pointing behind the call: the trap handler
     * looks that up instead. */
    .globl probe_execute
probe_execute:
    addi sp, sp, -16
    sd ra, 8(sp)
    jalr a0
    PROBE 1f, nop
    ld ra, 8(sp)
    addi sp, sp, 16
    li a0, 1
    ret
1:
    ld ra, 8(sp)
    addi sp, sp, 16
probe_failed:
    li a0, 0
    ret
