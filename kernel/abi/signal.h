// SPDX-License-Identifier: MIT
/* Signals as Linux riscv64 has them: numbers, sigaction, siginfo, and the frame that a handler
 * runs on. */
#ifndef CAIRN_ABI_SIGNAL_H
#define CAIRN_ABI_SIGNAL_H

#include <stddef.h>
#include <stdint.h>

enum abi_signal {
    ABI_SIGHUP = 1,
    ABI_SIGINT = 2,
    ABI_SIGQUIT = 3,
    ABI_SIGILL = 4,
    ABI_SIGTRAP = 5,
    ABI_SIGABRT = 6,
    ABI_SIGBUS = 7,
    ABI_SIGFPE = 8,
    ABI_SIGKILL = 9,
    ABI_SIGUSR1 = 10,
    ABI_SIGSEGV = 11,
    ABI_SIGUSR2 = 12,
    ABI_SIGPIPE = 13,
    ABI_SIGALRM = 14,
    ABI_SIGTERM = 15,
    ABI_SIGSTKFLT = 16,
    ABI_SIGCHLD = 17,
    ABI_SIGCONT = 18,
    ABI_SIGSTOP = 19,
    ABI_SIGTSTP = 20,
    ABI_SIGTTIN = 21,
    ABI_SIGTTOU = 22,
    ABI_SIGURG = 23,
    ABI_SIGXCPU = 24,
    ABI_SIGXFSZ = 25,
    ABI_SIGVTALRM = 26,
    ABI_SIGPROF = 27,
    ABI_SIGWINCH = 28,
    ABI_SIGIO = 29,
    ABI_SIGPWR = 30,
    ABI_SIGSYS = 31,
    ABI_SIGRTMIN = 32, /* the kernel's; the C library keeps the first few for itself */
    ABI_NSIG = 64,     /* signals are 1 .. 64 */
};

#define ABI_SIG_DFL 0ul
#define ABI_SIG_IGN 1ul

enum abi_sa_flags {
    ABI_SA_NOCLDSTOP = 0x00000001,
    ABI_SA_NOCLDWAIT = 0x00000002,
    ABI_SA_SIGINFO = 0x00000004,
    ABI_SA_ONSTACK = 0x08000000,
    ABI_SA_RESTART = 0x10000000,
    ABI_SA_NODEFER = 0x40000000,
};
#define ABI_SA_RESETHAND 0x80000000u

struct abi_sigaction { /* riscv64 has no sa_restorer */
    uint64_t handler;
    uint64_t flags;
    uint64_t mask;
};

enum abi_sigprocmask { ABI_SIG_BLOCK = 0, ABI_SIG_UNBLOCK = 1, ABI_SIG_SETMASK = 2 };

/* si_code: who sent it. Positive codes are the kernel's own. */
enum abi_si_code {
    ABI_SI_USER = 0,
    ABI_SI_KERNEL = 0x80,
    ABI_SI_QUEUE = -1,
    ABI_SI_TIMER = -2,
    ABI_SI_TKILL = -6,

    ABI_ILL_ILLOPC = 1,
    ABI_FPE_INTDIV = 1,
    ABI_SEGV_MAPERR = 1,
    ABI_SEGV_ACCERR = 2,
    ABI_BUS_ADRALN = 1,
    ABI_BUS_ADRERR = 2,
    ABI_TRAP_BRKPT = 1,

    ABI_CLD_EXITED = 1,
    ABI_CLD_KILLED = 2,
    ABI_CLD_DUMPED = 3,
    ABI_CLD_TRAPPED = 4,
    ABI_CLD_STOPPED = 5,
    ABI_CLD_CONTINUED = 6,
};

struct abi_siginfo {
    int32_t si_signo;
    int32_t si_errno;
    int32_t si_code;
    int32_t padding;
    union {
        uint8_t bytes[112];
        struct { /* kill, sigqueue */
            int32_t pid;
            uint32_t uid;
            uint64_t value;
        } sender;
        struct { /* POSIX timers */
            int32_t id;
            int32_t overrun;
            uint64_t value;
        } timer;
        struct { /* SIGCHLD */
            int32_t pid;
            uint32_t uid;
            int32_t status;
            int32_t padding;
            int64_t utime;
            int64_t stime;
        } child;
        struct { /* SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP */
            uint64_t address;
        } fault;
    };
};
_Static_assert(sizeof(struct abi_siginfo) == 128, "siginfo_t");

enum abi_ss_flags { ABI_SS_ONSTACK = 1, ABI_SS_DISABLE = 2 };
#define ABI_SS_AUTODISARM 0x80000000u
#define ABI_MINSIGSTKSZ   2048

struct abi_stack {
    uint64_t sp;
    int32_t flags;
    int32_t padding;
    uint64_t size;
};

/* The registers of a machine context: pc first, then x1 to x31. */
struct abi_user_regs {
    uint64_t pc;
    uint64_t x[31];
};

/* The D extension's arm of the union of floating-point states, which is as large as the Q
 * extension's. */
struct abi_fp_state {
    uint64_t f[32];
    uint32_t fcsr;
    uint32_t padding;
    uint8_t reserved[264];
} __attribute__((aligned(16)));
_Static_assert(sizeof(struct abi_fp_state) == 528, "union __riscv_fp_state");

struct abi_sigcontext {
    struct abi_user_regs regs;
    struct abi_fp_state fp;
};

struct abi_ucontext {
    uint64_t flags;
    uint64_t link;
    struct abi_stack stack;
    uint64_t mask;
    uint8_t reserved[120]; /* room for sigset_t to grow to 1024 bits */
    struct abi_sigcontext context __attribute__((aligned(16)));
};
_Static_assert(offsetof(struct abi_ucontext, context) == 176, "ucontext_t");

struct abi_sigframe {
    struct abi_siginfo info;
    struct abi_ucontext context;
};

/* timer_create(2), and the notification it asks for. */
enum abi_sigev {
    ABI_SIGEV_SIGNAL = 0,
    ABI_SIGEV_NONE = 1,
    ABI_SIGEV_THREAD = 2,
    ABI_SIGEV_THREAD_ID = 4
};

struct abi_sigevent {
    uint64_t value;
    int32_t signo;
    int32_t notify;
    int32_t thread_id;
    uint8_t padding[44];
};
_Static_assert(sizeof(struct abi_sigevent) == 64, "sigevent_t");

#endif
