// SPDX-License-Identifier: MIT
/* Threads and the process around them: how both end, stop and fork, and which thread a signal reaches. */
#include "abi.h"

#include <pthread.h>

static pthread_t start(void *(*body)(void *), void *arg)
{
    pthread_t t;
    int err = pthread_create(&t, NULL, body, arg);
    if (err)
        FAIL("pthread_create: %s", abi_errno_name(err));
    return t;
}

static void *join(pthread_t t)
{
    void *result;
    EXPECT_EQ(pthread_join(t, &result), 0);
    return result;
}

static __thread long own = 5;
static volatile long counter;

static struct gate gate;

static void *exit_after_gate(void *arg)
{
    gate_wait(&gate);
    exit((int)(long)arg);
}

static void *sleep_long(void *arg)
{
    for (;;)
        pause();
    return arg;
}

CASE(thread, exit_of_any_ends_all)
{
    pid_t pid;
    gate_init(&gate);
    CHILD (pid) {
        for (int i = 0; i < 5; i++)
            start(sleep_long, NULL);
        start(exit_after_gate, (void *)23L);
        sleep_long(NULL);
    }
    gate_open(&gate);
    EXPECT_EXIT(pid, 23);
}

static void *spin(void *arg)
{
    for (;;)
        counter = counter + 1;
    return arg;
}

CASE(thread, exit_ends_spinning_threads)
{
    pid_t pid;
    CHILD (pid) {
        for (int i = 0; i < 4; i++)
            start(spin, NULL);
        sleep_ms(20);
        _exit(7);
    }
    EXPECT_EXIT(pid, 7);
}

CASE(thread, leader_may_leave_before_the_others)
{
    pid_t pid;
    gate_init(&gate);
    CHILD (pid) {
        start(exit_after_gate, (void *)31L);
        pthread_exit(NULL);
    }
    sleep_ms(20);
    EXPECT_EQ(waitpid(pid, NULL, WNOHANG), 0); /* the process lives on */
    gate_open(&gate);
    EXPECT_EXIT(pid, 31);
}

static void *return_null(void *arg)
{
    return arg ? NULL : NULL;
}

CASE(thread, last_thread_out_ends_the_process_with_zero)
{
    pid_t pid;
    CHILD (pid) {
        start(return_null, NULL);
        pthread_exit(NULL);
    }
    EXPECT_EXIT(pid, 0);
}

static void *crash(void *arg)
{
    *(volatile char *)arg = 1;
    return NULL;
}

CASE(thread, fatal_signal_in_one_kills_all)
{
    pid_t pid;
    CHILD (pid) {
        start(sleep_long, NULL);
        start(crash, BAD);
        sleep_long(NULL);
    }
    EXPECT_KILLED(pid, SIGSEGV);
}

CASE(thread, stop_stops_and_continue_continues_all)
{
    struct shared {
        volatile long a, b;
    } *s = map_shared_page();
    pid_t pid;
    int status;
    CHILD (pid) {
        start(sleep_long, NULL);
        for (;;)
            s->a++;
    }
    while (s->a == 0)
        sleep_ms(1);
    OK(kill(pid, SIGSTOP));
    EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
    EXPECT(WIFSTOPPED(status));
    long seen = s->a;
    sleep_ms(30);
    EXPECT_EQ(s->a, seen);
    OK(kill(pid, SIGCONT));
    while (s->a == seen)
        sleep_ms(1);
    OK(kill(pid, SIGKILL));
    EXPECT_KILLED(pid, SIGKILL);
}

static void *fork_and_count(void *arg)
{
    pid_t pid;
    CHILD (pid) {
        EXPECT_EQ(syscall(SYS_gettid), getpid());
        EXPECT_EQ(own, 77);
        _exit(3);
    }
    EXPECT_EXIT(pid, 3);
    return arg;
}

static void *set_and_fork(void *arg)
{
    own = 77;
    return fork_and_count(arg);
}

CASE(thread, fork_takes_only_the_caller_along)
{
    start(sleep_long, NULL);
    join(start(set_and_fork, NULL));
}

static void *reap_it(void *arg)
{
    EXPECT_EXIT(*(pid_t *)arg, 12);
    return NULL;
}

CASE(thread, any_thread_may_reap_the_process_children)
{
    pid_t pid;
    CHILD (pid) {
        _exit(12);
    }
    join(start(reap_it, &pid));
    EXPECT_ERR(waitpid(pid, NULL, 0), ECHILD);
}

static volatile pthread_t handler_thread;
static volatile sig_atomic_t handled;

static void note_thread(int sig)
{
    (void)sig;
    handler_thread = pthread_self();
    handled = 1;
}

static void *wait_for_gate(void *arg)
{
    gate_wait(&gate);
    return arg;
}

CASE(thread, pthread_kill_reaches_that_thread)
{
    gate_init(&gate);
    on_signal(SIGUSR1, note_thread, SA_RESTART);
    pthread_t a = start(wait_for_gate, NULL), b = start(wait_for_gate, NULL);
    EXPECT_EQ(pthread_kill(b, SIGUSR1), 0);
    while (!handled)
        sleep_ms(1);
    EXPECT(pthread_equal(handler_thread, b));
    gate_open(&gate);
    gate_open(&gate);
    join(a);
    join(b);
}

CASE(thread, cancellation_ends_a_sleeping_read)
{
    gate_init(&gate);
    pthread_t t = start(wait_for_gate, NULL);
    EXPECT_EQ(pthread_cancel(t), 0);
    EXPECT(join(t) == PTHREAD_CANCELED);
}
