// SPDX-License-Identifier: MIT
// bench: installing, masking, sending and catching signals.
#include "user/bench/bench.h"

#include <signal.h>
#include <setjmp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NR_CALLS = 500 };

static void do_nothing(int sig)
{
    (void)sig;
}

static void install(int sig, void (*handler)(int))
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = handler;
    NEED(sigaction(sig, &action, NULL));
}

BENCH(signal, install, "install a handler")
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = do_nothing;
    BENCH_LOOP(b, NR_CALLS, NEED(sigaction(SIGUSR1, &action, NULL)));
}

BENCH(signal, catch, "kill oneself and catch it")
{
    pid_t me = getpid();

    install(SIGUSR1, do_nothing);
    BENCH_LOOP(b, NR_CALLS, NEED(kill(me, SIGUSR1)));
}

BENCH(signal, mask, "sigprocmask")
{
    sigset_t one;

    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    BENCH_LOOP(b, NR_CALLS, NEED(sigprocmask(SIG_BLOCK, &one, NULL)));
}

BENCH(signal, pending, "a blocked signal sent, then taken by sigwait")
{
    pid_t me = getpid();
    sigset_t one;
    int got;

    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    NEED(sigprocmask(SIG_BLOCK, &one, NULL));
    BENCH_LOOP(b, NR_CALLS, (NEED(kill(me, SIGUSR1)), sigwait(&one, &got)));
}

BENCH(signal, ignored, "kill oneself with an ignored signal")
{
    pid_t me = getpid();

    install(SIGUSR1, SIG_IGN);
    BENCH_LOOP(b, NR_CALLS, NEED(kill(me, SIGUSR1)));
}

/* The handler steps over the faulting store by leaving through siglongjmp. */
static sigjmp_buf after_fault;

static void leave_fault(int sig)
{
    (void)sig;
    siglongjmp(after_fault, 1);
}

BENCH(signal, catch_fault, "a store to a read-only page, SIGSEGV caught, left by siglongjmp")
{
    volatile char *page = mmap(NULL, BENCH_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        bench_fail(__FILE__, __LINE__, "mmap");
    install(SIGSEGV, leave_fault);
    while (bench_round(b)) {
        volatile unsigned turn = 0;
        bench_start(b);
        if (sigsetjmp(after_fault, 1) == 0 || ++turn < NR_CALLS)
            *page = 1;
        bench_stop(b, NR_CALLS);
    }
}
