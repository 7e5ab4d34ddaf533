/* SPDX-License-Identifier: MIT
 *
 * Copies between kernel and user memory.
 *
 * Register contract: ordinary functions of the lp64 calling convention; sstatus.SUM is on only
 * inside them. The callers (port.c) have checked that the user range lies in the user half.
 *
 * An instruction that may touch user memory stands under USER, which enters it in the exception
 * table with the place to go on at. A page fault there first brings the page in (trap.c); only if
 * nothing can be brought in does the hart go on at that place. Bytes are counted exactly: a fault
 * inside a block of words goes on with the byte loop, which copies what there is and meets the
 * fault again at the first byte that cannot be reached; a fault in the byte loop ends the copy
 * with a2 bytes left.
 *
 * Both pointers are brought to 8-byte words. When they disagree modulo 8, words are read aligned
 * and shifted together: a misaligned access may cost a trap into the firmware. An aligned word
 * never crosses a page, so reading all of one that holds a wanted byte faults only where that byte
 * would.
 */
#include "kernel/arch/riscv64/offsets.h"

    .macro USER fixup, instruction:vararg
771:
    \instruction
    .pushsection .exceptions, "a"
    .balign 4
    .word 771b - .
    .word \fixup - .
    .popsection
    .endm

    /* Eight words at this offset of both pointers. */
    .macro COPY_64 offset
    USER copy_bytes, ld t1, \offset(a1)
    USER copy_bytes, ld t2, \offset + 8(a1)
    USER copy_bytes, ld t3, \offset + 16(a1)
    USER copy_bytes, ld t4, \offset + 24(a1)
    USER copy_bytes, ld t5, \offset + 32(a1)
    USER copy_bytes, ld a3, \offset + 40(a1)
    USER copy_bytes, ld a4, \offset + 48(a1)
    USER copy_bytes, ld a5, \offset + 56(a1)
    USER copy_bytes, sd t1, \offset(a0)
    USER copy_bytes, sd t2, \offset + 8(a0)
    USER copy_bytes, sd t3, \offset + 16(a0)
    USER copy_bytes, sd t4, \offset + 24(a0)
    USER copy_bytes, sd t5, \offset + 32(a0)
    USER copy_bytes, sd a3, \offset + 40(a0)
    USER copy_bytes, sd a4, \offset + 48(a0)
    USER copy_bytes, sd a5, \offset + 56(a0)
    .endm

    .text
    /* size_t user_copy(void *dst, const void *src, size_t len): the bytes not copied. */
    .globl user_copy
user_copy:
    lui t6, SSTATUS_SUM >> 12
    csrs sstatus, t6
    li t0, 16
    bltu a2, t0, copy_bytes
    andi t0, a0, 7
    beqz t0, 2f
    /* Bytes until dst is aligned. */
1:
    USER copy_done, lbu t1, 0(a1)
    USER copy_done, sb t1, 0(a0)
    addi a0, a0, 1
    addi a1, a1, 1
    addi a2, a2, -1
    andi t0, a0, 7
    bnez t0, 1b
2:
    andi t0, a1, 7
    bnez t0, copy_shifted

    li t0, 128
    bltu a2, t0, 4f
3:
    COPY_64 0
    COPY_64 64
    addi a0, a0, 128
    addi a1, a1, 128
    addi a2, a2, -128
    bgeu a2, t0, 3b
4:
    li t0, 64
    bltu a2, t0, copy_words
    COPY_64 0
    addi a0, a0, 64
    addi a1, a1, 64
    addi a2, a2, -64

copy_words:
    li t0, 8
    bltu a2, t0, copy_bytes
1:
    USER copy_bytes, ld t1, 0(a1)
    USER copy_bytes, sd t1, 0(a0)
    addi a0, a0, 8
    addi a1, a1, 8
    addi a2, a2, -8
    bgeu a2, t0, 1b

copy_bytes:
    beqz a2, copy_done
1:
    USER copy_done, lbu t1, 0(a1)
    USER copy_done, sb t1, 0(a0)
    addi a0, a0, 1
    addi a1, a1, 1
    addi a2, a2, -1
    bnez a2, 1b
copy_done:
    lui t6, SSTATUS_SUM >> 12
    csrc sstatus, t6
    mv a0, a2
    ret

    /* dst is aligned, src is t0 bytes behind a word: t3 = the word that holds src. */
copy_shifted:
    slli t1, t0, 3  /* shift the first word right by this */
    neg t2, t1      /* and the second left by 64 minus this: shifts use the low 6 bits */
    sub a3, a1, t0
    li t0, 8
    USER copy_bytes, ld t3, 0(a3)
1:
    USER copy_bytes, ld t4, 8(a3)
    srl t3, t3, t1
    sll t5, t4, t2
    or t3, t3, t5
    USER copy_bytes, sd t3, 0(a0)
    mv t3, t4
    addi a3, a3, 8
    addi a0, a0, 8
    addi a1, a1, 8
    addi a2, a2, -8
    bgeu a2, t0, 1b
    j copy_bytes

    /* size_t user_clear(void *dst, size_t len): the bytes not cleared. */
    .globl user_clear
user_clear:
    lui t6, SSTATUS_SUM >> 12
    csrs sstatus, t6
    mv a2, a1
    li t0, 16
    bltu a2, t0, clear_bytes
1:
    andi t1, a0, 7
    beqz t1, 2f
    USER clear_done, sb zero, 0(a0)
    addi a0, a0, 1
    addi a2, a2, -1
    j 1b
2:
    li t0, 64
    bltu a2, t0, clear_words
3:
    USER clear_bytes, sd zero, 0(a0)
    USER clear_bytes, sd zero, 8(a0)
    USER clear_bytes, sd zero, 16(a0)
    USER clear_bytes, sd zero, 24(a0)
    USER clear_bytes, sd zero, 32(a0)
    USER clear_bytes, sd zero, 40(a0)
    USER clear_bytes, sd zero, 48(a0)
    USER clear_bytes, sd zero, 56(a0)
    addi a0, a0, 64
    addi a2, a2, -64
    bgeu a2, t0, 3b
clear_words:
    li t0, 8
    bltu a2, t0, clear_bytes
4:
    USER clear_bytes, sd zero, 0(a0)
    addi a0, a0, 8
    addi a2, a2, -8
    bgeu a2, t0, 4b
clear_bytes:
    beqz a2, clear_done
5:
    USER clear_done, sb zero, 0(a0)
    addi a0, a0, 1
    addi a2, a2, -1
    bnez a2, 5b
clear_done:
    csrc sstatus, t6
    mv a0, a2
    ret

    /* ssize_t user_copy_string(char *dst, const char *src, size_t size): copies up to and with the
     * NUL, at most size bytes. Returns the length without the NUL; size when there is no NUL in
     * it; -1 on a fault. */
    .globl user_copy_string
user_copy_string:
    lui t6, SSTATUS_SUM >> 12
    csrs sstatus, t6
    mv t0, a0
    add t2, a0, a2
    beqz a2, 2f
1:
    USER string_fault, lbu t1, 0(a1)
    sb t1, 0(a0)
    beqz t1, 2f
    addi a0, a0, 1
    addi a1, a1, 1
    bltu a0, t2, 1b
2:
    csrc sstatus, t6
    sub a0, a0, t0
    ret
string_fault:
    csrc sstatus, t6
    li a0, -1
    ret

    /* Atomic operations on a user word, for futexes and robust lists: a0 = address, results
     * through a2. int user_cmpxchg_u32(uint32_t *address, uint32_t expected, uint32_t *old,
     * uint32_t new): 0, or -1 on a fault. */
    .globl user_cmpxchg_u32
user_cmpxchg_u32:
    lui t6, SSTATUS_SUM >> 12
    csrs sstatus, t6
    sext.w a1, a1
1:
    USER word_fault, lr.w.aqrl t0, (a0)
    bne t0, a1, 2f
    USER word_fault, sc.w.rl t1, a3, (a0)
    bnez t1, 1b
    fence rw, rw
2:
    csrc sstatus, t6
    sw t0, 0(a2)
    li a0, 0
    ret
word_fault:
    csrc sstatus, t6
    li a0, -1
    ret

    /* int user_load_u32(const uint32_t *address, uint32_t *value): one atomic load; 0, or -1 on a
     * fault. */
    .globl user_load_u32
user_load_u32:
    lui t6, SSTATUS_SUM >> 12
    csrs sstatus, t6
    USER word_fault, lw t0, 0(a0)
    csrc sstatus, t6
    sw t0, 0(a1)
    li a0, 0
    ret
