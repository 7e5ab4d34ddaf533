// SPDX-License-Identifier: MIT
/* Signals sent and awaited: whom kill reaches and may reach, tgkill, sigtimedwait, alternate stacks. */
#include "abi.h"

#include <pthread.h>

static volatile sig_atomic_t count;
static volatile pid_t handler_tid;
static volatile uintptr_t handler_frame;

static void record(int sig)
{
    char here;
    (void)sig;
    handler_tid = (pid_t)syscall(SYS_gettid);
    handler_frame = (uintptr_t)&here;
    count++;
}

static pid_t sleeper(uid_t uid)
{
    struct gate ready;
    pid_t pid;
    gate_init(&ready);
    CHILD (pid) {
        if (uid != 0)
            become_user(uid, uid);
        gate_open(&ready);
        for (;;)
            pause();
    }
    close(ready.fd[1]);
    gate_wait(&ready);
    close(ready.fd[0]);
    return pid;
}

CASE(signal, kill_zero_only_asks)
{
    pid_t pid = sleeper(0);
    OK(kill(pid, 0));
    OK(kill(0, 0));
    OK(kill(getpid(), 0));
    OK(kill(pid, SIGKILL));
    EXPECT_KILLED(pid, SIGKILL);
    EXPECT_ERR(kill(pid, 0), ESRCH);
    EXPECT_ERR(kill(-pid, SIGTERM), ESRCH);
    EXPECT_ERR(kill(0x3ffffff, 0), ESRCH);
}

CASE(signal, kill_pid_zero_reaches_the_own_group)
{
    pid_t pid = sleeper(0);
    signal(SIGUSR1, record);
    OK(kill(0, SIGUSR1));
    EXPECT_EQ(count, 1);
    EXPECT_KILLED(pid, SIGUSR1);
}

CASE(signal, kill_needs_matching_user)
{
    NEED_ROOT();
    pid_t root = sleeper(0), same = sleeper(TEST_UID), other = sleeper(TEST_UID + 7), pid;
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        EXPECT_ERR(kill(root, SIGTERM), EPERM);
        EXPECT_ERR(kill(root, 0), EPERM);
        EXPECT_ERR(kill(other, SIGTERM), EPERM);
        EXPECT_ERR(syscall(SYS_tgkill, other, other, SIGTERM), EPERM);
        OK(kill(other, SIGCONT)); /* within a session anybody may continue anybody */
        OK(kill(same, SIGTERM));
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_KILLED(same, SIGTERM);
    OK(kill(root, SIGKILL));
    OK(kill(other, SIGKILL));
    EXPECT_KILLED(root, SIGKILL);
    EXPECT_KILLED(other, SIGKILL);
}

CASE(signal, kill_minus_one_reaches_all_that_it_may)
{
    NEED_ROOT();
    pid_t root = sleeper(0), a = sleeper(TEST_UID), b = sleeper(TEST_UID), pid;
    int status;
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        EXPECT_ERR(kill(root, 0), EPERM); /* only then is the next line harmless */
        OK(kill(-1, SIGTERM));
        _exit(5); /* the caller itself is left out */
    }
    EXPECT_EXIT(pid, 5);
    EXPECT_KILLED(a, SIGTERM);
    EXPECT_KILLED(b, SIGTERM);
    EXPECT_EQ(waitpid(root, &status, WNOHANG), 0);
    OK(kill(root, SIGKILL));
    EXPECT_KILLED(root, SIGKILL);
}

CASE(signal, tgkill_checks_group_and_thread)
{
    pid_t me = getpid(), child = sleeper(0);
    EXPECT_ERR(syscall(SYS_tgkill, me, child, 0), ESRCH); /* a thread of another group */
    EXPECT_ERR(syscall(SYS_tgkill, 0, me, SIGUSR1), EINVAL);
    EXPECT_ERR(syscall(SYS_tgkill, me, -1, SIGUSR1), EINVAL);
    EXPECT_ERR(syscall(SYS_tgkill, me, me, 65), EINVAL);
    OK(syscall(SYS_tgkill, me, me, 0));
    OK(syscall(SYS_tkill, me, 0));
    EXPECT_ERR(syscall(SYS_tkill, 0, 0), EINVAL);
    OK(syscall(SYS_tgkill, child, child, SIGKILL));
    EXPECT_KILLED(child, SIGKILL);
}

CASE(signal, queueinfo_cannot_forge_kernel_codes)
{
    siginfo_t si = {.si_signo = SIGUSR1, .si_code = SI_USER};
    pid_t child = sleeper(0);
    EXPECT_ERR(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &si), EPERM);
    si.si_code = SI_TKILL;
    EXPECT_ERR(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &si), EPERM);
    si.si_code = SI_QUEUE;
    OK(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &si));
    EXPECT_KILLED(child, SIGUSR1);
}

CASE(signal, sigtimedwait_takes_a_pending_signal)
{
    sigset_t set;
    siginfo_t si;
    struct timespec zero = {0, 0};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    EXPECT_ERR(sigtimedwait(&set, &si, &zero), EAGAIN);
    OK(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 77}));
    OK(raise(SIGUSR1));
    EXPECT_EQ(sigtimedwait(&set, &si, NULL), SIGUSR1);
    EXPECT_EQ(si.si_signo, SIGUSR1);
    EXPECT_EQ(sigtimedwait(&set, &si, &zero), SIGRTMIN);
    EXPECT_EQ(si.si_value.sival_int, 77);
    EXPECT_EQ(si.si_code, SI_QUEUE);
    EXPECT_ERR(sigtimedwait(&set, NULL, &zero), EAGAIN);
}

CASE(signal, sigtimedwait_times_out_and_refuses_bad_times)
{
    sigset_t set;
    struct timespec brief = {0, 20000000}, bad = {0, 1000000000}, negative = {-1, 0};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    int64_t before = now_ns(CLOCK_MONOTONIC);
    EXPECT_ERR(sigtimedwait(&set, NULL, &brief), EAGAIN);
    EXPECT(now_ns(CLOCK_MONOTONIC) - before >= 20000000);
    EXPECT_ERR(sigtimedwait(&set, NULL, &bad), EINVAL);
    EXPECT_ERR(sigtimedwait(&set, NULL, &negative), EINVAL);
}

CASE(signal, sigwait_is_woken_by_another_process)
{
    sigset_t set;
    siginfo_t si;
    pid_t pid, parent = getpid();
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    CHILD (pid) {
        wait_until_asleep(parent);
        OK(kill(parent, SIGUSR1));
    }
    EXPECT_EQ(sigwaitinfo(&set, &si), SIGUSR1);
    EXPECT_EQ(si.si_pid, pid);
    EXPECT_EXIT(pid, 0);
}

CASE(signal, sigtimedwait_is_interrupted_by_other_handlers)
{
    sigset_t set;
    on_signal(SIGALRM, record, SA_RESTART);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    tick_every(20);
    EXPECT_ERR(sigwaitinfo(&set, NULL), EINTR);
}

CASE(signal, handler_runs_on_the_alternate_stack)
{
    enum { SIZE = 65536 };
    uintptr_t stack = (uintptr_t)malloc(SIZE);
    stack_t ss = {.ss_sp = (void *)stack, .ss_size = SIZE}, old;
    OK(sigaltstack(&ss, &old));
    EXPECT_EQ(old.ss_flags, SS_DISABLE);
    on_signal(SIGUSR1, record, SA_ONSTACK);
    OK(raise(SIGUSR1));
    EXPECT(handler_frame >= stack && handler_frame < stack + SIZE);
    on_signal(SIGUSR1, record, 0);
    OK(raise(SIGUSR1));
    EXPECT(handler_frame < stack || handler_frame >= stack + SIZE);
    OK(sigaltstack(NULL, &old));
    EXPECT((uintptr_t)old.ss_sp == stack && old.ss_size == SIZE && old.ss_flags == 0);
    ss.ss_flags = SS_DISABLE;
    OK(sigaltstack(&ss, NULL));
    on_signal(SIGUSR1, record, SA_ONSTACK);
    OK(raise(SIGUSR1));
    EXPECT(handler_frame < stack || handler_frame >= stack + SIZE);
    EXPECT_EQ(count, 3);
}

static void inspect_altstack(int sig)
{
    stack_t ss, other = {.ss_sp = malloc(65536), .ss_size = 65536};
    (void)sig;
    OK(sigaltstack(NULL, &ss));
    EXPECT_EQ(ss.ss_flags, SS_ONSTACK);
    EXPECT_ERR(sigaltstack(&other, NULL), EPERM);
    count++;
}

CASE(signal, alternate_stack_in_use_cannot_be_changed)
{
    stack_t ss = {.ss_sp = malloc(65536), .ss_size = 65536};
    OK(sigaltstack(&ss, NULL));
    on_signal(SIGUSR1, inspect_altstack, SA_ONSTACK);
    OK(raise(SIGUSR1));
    EXPECT_EQ(count, 1);
    OK(sigaltstack(NULL, &ss));
    EXPECT_EQ(ss.ss_flags, 0);
}

CASE(signal, sigaltstack_refusals)
{
    stack_t tiny = {.ss_sp = malloc(65536), .ss_size = 512};
    stack_t odd = {.ss_sp = malloc(65536), .ss_size = 65536, .ss_flags = 0x40};
    EXPECT_ERR(sigaltstack(&tiny, NULL), ENOMEM);
    EXPECT_ERR(sigaltstack(&odd, NULL), EINVAL);
}

CASE(signal, nested_handlers_share_the_alternate_stack)
{
    enum { SIZE = 65536 };
    uintptr_t stack = (uintptr_t)malloc(SIZE);
    stack_t ss = {.ss_sp = (void *)stack, .ss_size = SIZE};
    OK(sigaltstack(&ss, NULL));
    on_signal(SIGUSR1, record, SA_ONSTACK);
    on_signal(SIGUSR2, record, SA_ONSTACK);
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    OK(sigprocmask(SIG_BLOCK, &set, &old));
    OK(raise(SIGUSR1));
    OK(raise(SIGUSR2));
    OK(sigprocmask(SIG_SETMASK, &old, NULL)); /* both frames are built, one above the other */
    EXPECT_EQ(count, 2);
}

struct waiter {
    volatile pid_t tid;
    struct gate ready, end;
};

static void *wait_in_thread(void *arg)
{
    struct waiter *w = arg;
    sigset_t set;
    w->tid = (pid_t)syscall(SYS_gettid);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    gate_open(&w->ready);
    gate_wait(&w->end);
    return NULL;
}

CASE(signal, to_the_process_goes_to_a_thread_that_does_not_block_it)
{
    struct waiter w;
    pthread_t t;
    sigset_t set;
    gate_init(&w.ready);
    gate_init(&w.end);
    on_signal(SIGUSR1, record, SA_RESTART);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    EXPECT_EQ(pthread_create(&t, NULL, wait_in_thread, &w), 0);
    gate_wait(&w.ready);
    OK(kill(getpid(), SIGUSR1));
    while (!count)
        sleep_ms(1);
    EXPECT_EQ(handler_tid, w.tid);
    OK(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1)); /* to this thread: stays blocked */
    OK(sigpending(&set));
    EXPECT(sigismember(&set, SIGUSR1));
    EXPECT_EQ(count, 1);
    gate_open(&w.end);
    pthread_join(t, NULL);
}
