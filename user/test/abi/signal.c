// SPDX-License-Identifier: MIT
/* Signals caught by handlers: information, masks, flags, queueing and order. */
#include "abi.h"

#include <setjmp.h>
#include <ucontext.h>

static volatile sig_atomic_t count, depth, deepest, seen_code, seen_pid, seen_uid, seen_value;
static volatile sig_atomic_t order[16], nr_order;

static void record(int sig)
{
    if (nr_order < 16)
        order[nr_order++] = sig;
    count++;
}

static void record_info(int sig, siginfo_t *si, void *uc)
{
    (void)uc;
    record(sig);
    seen_code = si->si_code;
    seen_pid = si->si_pid;
    seen_uid = (int)si->si_uid;
    seen_value = si->si_value.sival_int;
}

static void on_info(int sig, int flags)
{
    struct sigaction sa = {.sa_sigaction = record_info, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&sa.sa_mask);
    OK(sigaction(sig, &sa, NULL));
}

static void block(int sig)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sig);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
}

static void unblock_all(void)
{
    sigset_t set;
    sigemptyset(&set);
    OK(sigprocmask(SIG_SETMASK, &set, NULL));
}

static bool is_blocked(int sig)
{
    sigset_t set;
    OK(sigprocmask(SIG_BLOCK, NULL, &set));
    return sigismember(&set, sig) == 1;
}

static bool is_pending(int sig)
{
    sigset_t set;
    OK(sigpending(&set));
    return sigismember(&set, sig) == 1;
}

CASE(signal, handler_runs_before_kill_to_oneself_returns)
{
    on_signal(SIGUSR1, record, 0);
    for (int i = 1; i <= 100; i++) {
        OK(kill(getpid(), SIGUSR1));
        EXPECT_EQ(count, i);
    }
}

CASE(signal, siginfo_of_kill_names_the_sender)
{
    pid_t pid;
    on_info(SIGUSR1, 0);
    block(SIGUSR1);
    CHILD (pid) {
        OK(kill(getppid(), SIGUSR1));
    }
    EXPECT_EXIT(pid, 0);
    unblock_all();
    EXPECT_EQ(count, 1);
    EXPECT_EQ(seen_code, SI_USER);
    EXPECT_EQ(seen_pid, pid);
    EXPECT_EQ(seen_uid, getuid());
}

CASE(signal, siginfo_of_tgkill_and_sigqueue)
{
    on_info(SIGUSR1, 0);
    OK(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1));
    EXPECT_EQ(seen_code, SI_TKILL);
    EXPECT_EQ(seen_pid, getpid());
    OK(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 1234}));
    EXPECT_EQ(seen_code, SI_QUEUE);
    EXPECT_EQ(seen_value, 1234);
    EXPECT_EQ(seen_pid, getpid());
    EXPECT_EQ(count, 2);
}

CASE(signal, blocked_is_pending_until_unblocked)
{
    on_signal(SIGUSR1, record, 0);
    block(SIGUSR1);
    OK(raise(SIGUSR1));
    OK(getpid());
    EXPECT_EQ(count, 0);
    EXPECT(is_pending(SIGUSR1));
    unblock_all(); /* delivered before this returns */
    EXPECT_EQ(count, 1);
    EXPECT(!is_pending(SIGUSR1));
}

CASE(signal, standard_signals_collapse_while_pending)
{
    on_signal(SIGUSR1, record, 0);
    block(SIGUSR1);
    for (int i = 0; i < 5; i++)
        OK(kill(getpid(), SIGUSR1));
    unblock_all();
    EXPECT_EQ(count, 1);
}

static volatile sig_atomic_t values[32];

static void record_value(int sig, siginfo_t *si, void *uc)
{
    (void)sig;
    (void)uc;
    values[count++] = si->si_value.sival_int;
}

CASE(signal, realtime_signals_queue_in_order)
{
    struct sigaction sa = {.sa_sigaction = record_value, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGRTMIN + 1, &sa, NULL));
    block(SIGRTMIN + 1);
    for (int i = 0; i < 20; i++)
        OK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i}));
    unblock_all();
    EXPECT_EQ(count, 20);
    for (int i = 0; i < 20; i++)
        EXPECT_EQ(values[i], i);
}

CASE(signal, lower_realtime_number_is_delivered_first)
{
    static const int sent[] = {3, 1, 2, 0};
    struct sigaction sa = {.sa_handler = record};
    sigfillset(&sa.sa_mask); /* one at a time */
    for (int i = 0; i < 4; i++) {
        OK(sigaction(SIGRTMIN + i, &sa, NULL));
        block(SIGRTMIN + i);
    }
    for (int i = 0; i < 4; i++)
        OK(sigqueue(getpid(), SIGRTMIN + sent[i], (union sigval){0}));
    unblock_all();
    EXPECT_EQ(nr_order, 4);
    for (int i = 0; i < 4; i++)
        EXPECT_EQ(order[i], SIGRTMIN + i);
}

static void check_mask_inside(int sig)
{
    EXPECT(is_blocked(sig));
    EXPECT(is_blocked(SIGUSR2)); /* from sa_mask */
    EXPECT(is_blocked(SIGTERM)); /* as before */
    EXPECT(!is_blocked(SIGHUP));
    count++;
}

CASE(signal, handler_mask_is_old_plus_sa_mask_plus_itself)
{
    struct sigaction sa = {.sa_handler = check_mask_inside};
    sigemptyset(&sa.sa_mask);
    sigaddset(&sa.sa_mask, SIGUSR2);
    OK(sigaction(SIGUSR1, &sa, NULL));
    block(SIGTERM);
    OK(raise(SIGUSR1));
    EXPECT_EQ(count, 1);
    EXPECT(!is_blocked(SIGUSR1) && !is_blocked(SIGUSR2));
    EXPECT(is_blocked(SIGTERM));
}

static void raise_again(int sig)
{
    depth++;
    if (depth > deepest)
        deepest = depth;
    if (++count < 4)
        raise(sig);
    depth--;
}

CASE(signal, is_blocked_inside_its_own_handler)
{
    on_signal(SIGUSR1, raise_again, 0);
    OK(raise(SIGUSR1));
    EXPECT_EQ(count, 4);
    EXPECT_EQ(deepest, 1);
}

CASE(signal, sa_nodefer_lets_it_nest)
{
    on_signal(SIGUSR1, raise_again, SA_NODEFER);
    OK(raise(SIGUSR1));
    EXPECT_EQ(count, 4);
    EXPECT_EQ(deepest, 4);
}

static void raise_usr2(int sig)
{
    record(sig);
    raise(SIGUSR2);
    record(-sig);
}

CASE(signal, other_signals_nest)
{
    on_signal(SIGUSR1, raise_usr2, 0);
    on_signal(SIGUSR2, record, 0);
    OK(raise(SIGUSR1));
    EXPECT_EQ(nr_order, 3);
    EXPECT_EQ(order[0], SIGUSR1);
    EXPECT_EQ(order[1], SIGUSR2);
    EXPECT_EQ(order[2], -SIGUSR1);
}

CASE(signal, sa_resethand_restores_the_default)
{
    struct sigaction sa;
    on_signal(SIGUSR1, record, (int)SA_RESETHAND);
    OK(raise(SIGUSR1));
    EXPECT_EQ(count, 1);
    OK(sigaction(SIGUSR1, NULL, &sa));
    EXPECT(sa.sa_handler == SIG_DFL);
}

CASE(signal, ignoring_discards_what_is_pending)
{
    block(SIGUSR1);
    OK(raise(SIGUSR1));
    EXPECT(is_pending(SIGUSR1));
    signal(SIGUSR1, SIG_IGN);
    EXPECT(!is_pending(SIGUSR1));
    signal(SIGUSR1, SIG_DFL);
    unblock_all(); /* nothing left to kill us */
}

CASE(signal, sigaction_reports_the_previous)
{
    struct sigaction sa = {.sa_handler = record, .sa_flags = SA_RESTART | SA_NODEFER}, old;
    sigemptyset(&sa.sa_mask);
    sigaddset(&sa.sa_mask, SIGHUP);
    OK(sigaction(SIGUSR1, &sa, &old));
    EXPECT(old.sa_handler == SIG_DFL);
    OK(sigaction(SIGUSR1, NULL, &old));
    EXPECT(old.sa_handler == record);
    EXPECT_EQ(old.sa_flags & (SA_RESTART | SA_NODEFER | SA_SIGINFO), SA_RESTART | SA_NODEFER);
    EXPECT(sigismember(&old.sa_mask, SIGHUP) && !sigismember(&old.sa_mask, SIGINT));
}

CASE(signal, kill_and_stop_cannot_be_caught_ignored_or_blocked)
{
    struct sigaction sa = {.sa_handler = record};
    EXPECT_ERR(sigaction(SIGKILL, &sa, NULL), EINVAL);
    EXPECT_ERR(sigaction(SIGSTOP, &sa, NULL), EINVAL);
    sa.sa_handler = SIG_IGN;
    EXPECT_ERR(sigaction(SIGKILL, &sa, NULL), EINVAL);
    OK(sigaction(SIGKILL, NULL, &sa)); /* asking is allowed */
    block(SIGKILL);
    block(SIGSTOP);
    EXPECT(!is_blocked(SIGKILL) && !is_blocked(SIGSTOP));
}

CASE(signal, bad_arguments_are_einval)
{
    uint64_t set = 0;
    unsigned char action[64] = {0};
    EXPECT_ERR(syscall(SYS_rt_sigaction, 65, action, NULL, 8), EINVAL);
    EXPECT_ERR(syscall(SYS_rt_sigaction, 0, action, NULL, 8), EINVAL);
    EXPECT_ERR(syscall(SYS_rt_sigaction, SIGUSR1, NULL, action, 4), EINVAL);
    EXPECT_ERR(syscall(SYS_rt_sigprocmask, 77, &set, NULL, 8), EINVAL);
    EXPECT_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 16), EINVAL);
    EXPECT_ERR(syscall(SYS_rt_sigpending, &set, 16), EINVAL);
    EXPECT_ERR(syscall(SYS_rt_sigsuspend, &set, 4), EINVAL);
    EXPECT_ERR(kill(getpid(), 65), EINVAL);
    EXPECT_ERR(kill(getpid(), -1), EINVAL);
}

CASE(signal, sigsuspend_swaps_the_mask_and_restores_it)
{
    sigset_t none;
    on_signal(SIGUSR1, record, 0);
    block(SIGUSR1);
    OK(raise(SIGUSR1));
    sigemptyset(&none);
    EXPECT_ERR(sigsuspend(&none), EINTR);
    EXPECT_EQ(count, 1);
    EXPECT(is_blocked(SIGUSR1));
}

static sigjmp_buf jump;

static void jump_out(int sig)
{
    siglongjmp(jump, sig);
}

CASE(signal, siglongjmp_out_of_a_handler_restores_the_mask)
{
    on_signal(SIGUSR1, jump_out, 0);
    for (int i = 0; i < 10; i++) {
        if (sigsetjmp(jump, 1) == 0) {
            raise(SIGUSR1);
            FAIL("raise returned");
        }
        EXPECT(!is_blocked(SIGUSR1));
    }
}

static void edit_saved_mask(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;
    (void)sig;
    (void)si;
    EXPECT(!sigismember(&uc->uc_sigmask, SIGUSR1));
    EXPECT(sigismember(&uc->uc_sigmask, SIGTERM));
    sigaddset(&uc->uc_sigmask, SIGHUP);
}

CASE(signal, saved_mask_in_the_context_is_what_returns)
{
    struct sigaction sa = {.sa_sigaction = edit_saved_mask, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGUSR1, &sa, NULL));
    block(SIGTERM);
    OK(raise(SIGUSR1));
    EXPECT(is_blocked(SIGHUP) && is_blocked(SIGTERM) && !is_blocked(SIGUSR1));
}

CASE(signal, fork_inherits_handlers)
{
    pid_t pid;
    on_signal(SIGUSR1, record, 0);
    CHILD (pid) {
        OK(raise(SIGUSR1));
        EXPECT_EQ(count, 1);
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(count, 0);
}

CASE(signal, interrupts_a_busy_loop)
{
    on_signal(SIGALRM, record, 0);
    tick_every(5);
    while (count < 10)
        ;
}

CASE(signal, registers_survive_ten_thousand_handlers)
{
    on_signal(SIGUSR1, record, 0);
    volatile uint64_t start = 0x123456789abcdefULL;
    uint64_t a = start, b = a * 3, c = b ^ a, d = c + 7, e = d * 5, f = e ^ c;
    pid_t me = getpid();
    for (int i = 0; i < 10000; i++) {
        syscall(SYS_kill, me, SIGUSR1);
        a += b;
        b ^= c;
        c += d;
        d ^= e;
        e += f;
        f ^= a;
    }
    EXPECT_EQ(count, 10000);
    uint64_t a2 = start, b2 = a2 * 3, c2 = b2 ^ a2, d2 = c2 + 7, e2 = d2 * 5, f2 = e2 ^ c2;
    for (int i = 0; i < 10000; i++) {
        a2 += b2;
        b2 ^= c2;
        c2 += d2;
        d2 ^= e2;
        e2 += f2;
        f2 ^= a2;
    }
    EXPECT(a == a2 && b == b2 && c == c2 && d == d2 && e == e2 && f == f2);
}

CASE(signal, many_senders_lose_no_queued_signal)
{
    enum { SENDERS = 4, EACH = 50 };
    pid_t pids[SENDERS], target = getpid();
    struct sigaction sa = {.sa_handler = record};
    OK(sigaction(SIGRTMIN + 2, &sa, NULL));
    for (int i = 0; i < SENDERS; i++) {
        CHILD (pids[i]) {
            for (int j = 0; j < EACH; j++)
                OK(sigqueue(target, SIGRTMIN + 2, (union sigval){.sival_int = j}));
        }
    }
    for (int i = 0; i < SENDERS; i++)
        EXPECT_EXIT(pids[i], 0);
    EXPECT_EQ(count, SENDERS * EACH);
}
