/* SPDX-License-Identifier: MIT
 *
 * The first instructions of every hart.
 *
 * Register contract. OpenSBI enters _start on the boot hart and secondary_start on every other, in
 * supervisor mode with paging off and interrupts off: a0 = the hart's id; a1 = the device tree's
 * physical address on the boot hart. From here to the high half, code is position independent and
 * uses no stack.
 *
 * OpenSBI before 1.2 marks a hart as started before it stores where; a hart that looks in between
 * comes to _start, the default. So the boot hart is the first one that comes to _start, a later
 * one goes on as if it had come to secondary_start, and every secondary hart finds its thread by
 * its id, whatever a1 says.
 *
 * Idea: one early page table serves every hart for the few instructions that lead into the high
 * half. It maps
 *   - the gigabyte that this code runs in to itself, so that the instruction after the write of
 *     satp can be fetched;
 *   - the image at its link address, by 2 MiB leaves, with all rights;
 *   - the first 128 GiB of physical memory at the direct map.
 * kernel_map.c then builds the final table, with exact rights and without the identity part. The
 * early table stays for the secondary harts, which pass through it in the same way.
 */
#include "kernel/arch/riscv64/offsets.h"

#define SATP_SV39 8
#define LEAF_RWX 0xef /* dirty, accessed, global, X, W, R, valid */
#define LEAF_RW 0xe7
#define TABLE 0x01
#define GIB_SHIFT 30
#define MIB2 (2 << 20)

    .section .text.entry, "ax"
    .globl _start
_start:
    csrr s2, time /* the boot's first moment: the log reports what came after */
    lla t0, boot_hart_came
    li t1, 1
    amoadd.w t1, t1, (t0)
    bnez t1, secondary_start
    csrw sie, zero
    mv s0, a0
    mv s1, a1

    /* Zeroed data, the early tables among them. */
    lla t0, _bss_start
    lla t1, _bss_end
1:
    sd zero, 0(t0)
    sd zero, 8(t0)
    sd zero, 16(t0)
    sd zero, 24(t0)
    addi t0, t0, 32
    bltu t0, t1, 1b

    lla s3, early_root

    /* Identity: the gigabyte of this code. */
    lla t0, _start
    srli t1, t0, GIB_SHIFT
    slli t2, t1, GIB_SHIFT - 2
    ori t2, t2, LEAF_RWX
    slli t1, t1, 3
    add t1, t1, s3
    sd t2, 0(t1)

    /* Direct map: 128 leaves of a gigabyte from entry 256 on. */
    li t1, 256 * 8
    add t1, t1, s3
    li t2, LEAF_RW
    li t3, 1 << (GIB_SHIFT - 2)
    li t4, 128
1:
    sd t2, 0(t1)
    add t2, t2, t3
    addi t1, t1, 8
    addi t4, t4, -1
    bnez t4, 1b

    /* The image, from the top-level entry of its link address. */
    lla t1, early_image
    srli t2, t1, 2
    ori t2, t2, TABLE
    ld t3, link_address
    srli t4, t3, GIB_SHIFT
    andi t4, t4, 511
    slli t4, t4, 3
    add t4, t4, s3
    sd t2, 0(t4)
    srli t4, t3, 21
    andi t4, t4, 511
    slli t4, t4, 3
    add t1, t1, t4
    srli t2, t0, 2
    ori t2, t2, LEAF_RWX
    lla t3, _kernel_end
    li t4, MIB2
    li t6, MIB2 >> 2 /* the same in an entry's frame field */
    mv t5, t0
1:
    sd t2, 0(t1)
    addi t1, t1, 8
    add t2, t2, t6
    add t5, t5, t4
    bltu t5, t3, 1b

    lla t1, 2f
    jal zero, enter_high_half
2:
    /* In the high half: from here on the world is as C knows it. */
    ld t1, link_address
    lla t0, kernel_image_offset
    sub t1, s4, t1
    sd t1, 0(t0)
    lla t0, boot_time_start
    sd s2, 0(t0)
    lla tp, boot_thread
    lla sp, boot_stack + STACK_SIZE
    csrw sscratch, zero
    lla t0, trap_entry
    csrw stvec, t0
#ifdef CAIRN_KASAN
    call kasan_map_early
#endif
    mv a0, s0
    mv a1, s1
    li s0, 0 /* the end of every backtrace */
    li ra, 0
    call kernel_main
3:
    wfi
    j 3b

/* Turn paging on with the early table and go on at t1's link address. Returns the image's physical
 * address in s4. */
enter_high_half:
    lla s4, _start
    lla t2, early_root
    srli t2, t2, 12
    li t3, SATP_SV39
    slli t3, t3, 60
    or t2, t2, t3
    ld t3, link_address
    sub t1, t1, s4
    add t1, t1, t3
    sfence.vma
    csrw satp, t2
    sfence.vma
    jr t1

    .globl secondary_start
secondary_start:
    csrw sie, zero
    /* secondary_boots: pairs of an id and a thread, which is 0 while the pair is not valid
     * (hart.c). */
1:
    lla t0, secondary_boots
    li t1, ENTRY_MAX_HARTS
2:
    ld s1, 8(t0)
    beqz s1, 3f
    fence r, rw
    ld t2, 0(t0)
    beq t2, a0, 4f
3:
    addi t0, t0, 16
    addi t1, t1, -1
    bnez t1, 2b
    j 1b
4:
    lla t1, 2f
    j enter_high_half
2:
    mv tp, s1
    ld sp, THREAD_KERNEL_SP(tp)
    csrw sscratch, zero
    lla t0, trap_entry
    csrw stvec, t0
    lla t0, kernel_satp
    ld t0, 0(t0)
    csrw satp, t0
    sfence.vma
    lwu a0, THREAD_HART(tp)
    li s0, 0
    li ra, 0
    call secondary_main
3:
    wfi
    j 3b

    .balign 8
link_address:
    .dword _start

    .data
    .balign 4
boot_hart_came: /* not zeroed data: that is cleared by the first to come, after the look */
    .word 0

    .section .early_tables, "aw", @nobits
    .balign 4096
early_root:
    .zero 4096
early_image:
    .zero 4096
