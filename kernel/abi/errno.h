// SPDX-License-Identifier: MIT
/* Error numbers of Linux (asm-generic): what a failed call returns, negated. The kernel uses the same
 * numbers inside, so that no error is ever translated on its way out. */
#ifndef CAIRN_ABI_ERRNO_H
#define CAIRN_ABI_ERRNO_H

#define EPERM        1
#define ENOENT       2
#define ESRCH        3
#define EINTR        4
#define EIO          5
#define ENXIO        6
#define E2BIG        7
#define ENOEXEC      8
#define EBADF        9
#define ECHILD       10
#define EAGAIN       11
#define ENOMEM       12
#define EACCES       13
#define EFAULT       14
#define ENOTBLK      15
#define EBUSY        16
#define EEXIST       17
#define EXDEV        18
#define ENODEV       19
#define ENOTDIR      20
#define EISDIR       21
#define EINVAL       22
#define ENFILE       23
#define EMFILE       24
#define ENOTTY       25
#define ETXTBSY      26
#define EFBIG        27
#define ENOSPC       28
#define ESPIPE       29
#define EROFS        30
#define EMLINK       31
#define EPIPE        32
#define EDOM         33
#define ERANGE       34
#define EDEADLK      35
#define ENAMETOOLONG 36
#define ENOLCK       37
#define ENOSYS       38
#define ENOTEMPTY    39
#define ELOOP        40
#define EBADR        53
#define ENODATA      61
#define ETIME        62
#define EPROTO       71
#define EOVERFLOW    75
#define ELIBBAD      80
#define EILSEQ       84
#define EUSERS       87
#define ENOTSOCK     88
#define EOPNOTSUPP   95
#define EAFNOSUPPORT 97
#define ETIMEDOUT    110
#define EALREADY     114
#define EINPROGRESS  115
#define ESTALE       116
#define EUCLEAN      117
#define EOWNERDEAD   130

/* Never seen by a program: how an interrupted call asks the signal code what to do next
 * (kernel/task/signal.c turns each into EINTR or a restart, as Linux does). */
#define ERESTARTSYS    512 /* restart if the handler has SA_RESTART */
#define ERESTARTNOINTR 513 /* restart always */
#define ERESTARTNOHAND 514 /* restart only if no handler ran */
#define ERESTART_RESTARTBLOCK \
    516 /* restart through restart_syscall(2) with what is left of the time */

#endif
