// SPDX-License-Identifier: MIT
/* What assembly knows of C's structures. thread.c asserts every one of them. */
#ifndef CAIRN_ARCH_OFFSETS_H
#define CAIRN_ARCH_OFFSETS_H

/* struct trap_frame: register xN lies at 8 * N. */
#define FRAME_PC      256
#define FRAME_STATUS  264
#define FRAME_CAUSE   272
#define FRAME_VALUE   280
#define FRAME_ORIG_A0 288
#define FRAME_SYSCALL 296
#define FRAME_SIZE    304

/* struct thread */
#define THREAD_KERNEL_SP    0
#define THREAD_USER_SP      8
#define THREAD_HART         16
#define THREAD_NEED_RESCHED 24 /* and, in the upper half of the word, work */
#define THREAD_SAVED        56

/* sstatus */
#define SSTATUS_SIE      (1 << 1)
#define SSTATUS_SPIE     (1 << 5)
#define SSTATUS_SPP      (1 << 8)
#define SSTATUS_FS_SHIFT 13
#define SSTATUS_FS       (3 << 13)
#define SSTATUS_FS_CLEAN (2 << 13)
#define SSTATUS_SUM      (1 << 18)

/* scause */
#define CAUSE_INTERRUPT  (1ul << 63)
#define CAUSE_USER_ECALL 8

/* A kernel stack is KERNEL_STACK_SIZE bytes aligned to twice that: this bit of an address is 0
 * inside it and 1 in as many bytes below it. */
#ifdef CAIRN_KASAN
#define STACK_BIT 15
#else
#define STACK_BIT 14
#endif
#define STACK_SIZE (1 << STACK_BIT)

/* MAX_HARTS, for entry.S */
#define ENTRY_MAX_HARTS 8

#endif
