// SPDX-License-Identifier: MIT
/* wait4(2), waitid(2), and the status word. */
#ifndef CAIRN_ABI_WAIT_H
#define CAIRN_ABI_WAIT_H

enum abi_wait_options {
    ABI_WNOHANG = 0x00000001,
    ABI_WSTOPPED = 0x00000002, /* WUNTRACED of wait4 */
    ABI_WEXITED = 0x00000004,
    ABI_WCONTINUED = 0x00000008,
    ABI_WNOWAIT = 0x01000000,
    ABI_WNOTHREAD = 0x20000000,
    ABI_WALL = 0x40000000,
};
#define ABI_WCLONE 0x80000000u

enum abi_waitid_type { ABI_P_ALL = 0, ABI_P_PID = 1, ABI_P_PGID = 2, ABI_P_PIDFD = 3 };

/* The status word: exit code << 8, or the signal that killed; 0x7f with the signal << 8 when
 * stopped. */
#define ABI_STATUS_EXITED(code)    (((code)&0xff) << 8)
#define ABI_STATUS_KILLED(signal)  ((signal)&0x7f)
#define ABI_STATUS_STOPPED(signal) (((signal) << 8) | 0x7f)
#define ABI_STATUS_CONTINUED       0xffff

#endif
