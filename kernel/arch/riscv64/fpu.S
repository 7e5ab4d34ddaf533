/* SPDX-License-Identifier: MIT
 *
 * The FPU's registers to memory and back: the only instructions of the kernel that touch it, so
 * this file alone says that the hart has F and D. The caller turns sstatus.FS on and off around
 * them.
 */
    .attribute arch, "rv64imafdc"
    .text
    /* void fpu_save(struct fpu_state *state) */
    .globl fpu_save
fpu_save:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fsd f\n, 8*\n(a0)
    .endr
    frcsr t0
    sw t0, 256(a0)
    ret

    /* void fpu_load(const struct fpu_state *state) */
    .globl fpu_load
fpu_load:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fld f\n, 8*\n(a0)
    .endr
    lw t0, 256(a0)
    fscsr t0
    ret
