// SPDX-License-Identifier: MIT
/* POSIX threads as the C library builds them upon clone, futex, TLS and tgkill. */
#include "abi.h"

#include <pthread.h>
#include <semaphore.h>

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

static void *add_one(void *arg)
{
    return (char *)arg + 1;
}

CASE(thread, join_returns_the_result)
{
    char base[4];
    EXPECT(join(start(add_one, base)) == base + 1);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static volatile long counter;

static void *count_locked(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&lock);
        counter = counter + 1;
        pthread_mutex_unlock(&lock);
    }
    return arg;
}

CASE(thread, mutex_excludes)
{
    pthread_t t[8];
    for (int i = 0; i < 8; i++)
        t[i] = start(count_locked, NULL);
    for (int i = 0; i < 8; i++)
        join(t[i]);
    EXPECT_EQ(counter, 16000);
}

static void *count_atomic(void *arg)
{
    for (int i = 0; i < 20000; i++)
        __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
    return arg;
}

CASE(thread, atomics_reach_every_hart)
{
    pthread_t t[6];
    for (int i = 0; i < 6; i++)
        t[i] = start(count_atomic, NULL);
    for (int i = 0; i < 6; i++)
        join(t[i]);
    EXPECT_EQ(counter, 120000);
}

static volatile int turn;

static void *ping_pong(void *arg)
{
    int me = *(int *)arg;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 300; i++) {
        while (turn != me)
            pthread_cond_wait(&cond, &lock);
        turn = !me;
        pthread_cond_broadcast(&cond);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

CASE(thread, condition_variables_hand_over)
{
    static int ids[] = {0, 1};
    pthread_t a = start(ping_pong, &ids[0]), b = start(ping_pong, &ids[1]);
    join(a);
    join(b);
    EXPECT_EQ(turn, 0);
}

static pthread_barrier_t barrier;
static volatile int phase_count[50];

static void *walk_phases(void *arg)
{
    for (int i = 0; i < 50; i++) {
        __atomic_fetch_add(&phase_count[i], 1, __ATOMIC_SEQ_CST);
        pthread_barrier_wait(&barrier);
        EXPECT_EQ(phase_count[i], 5);
    }
    return arg;
}

CASE(thread, barriers_hold_until_all_have_come)
{
    pthread_t t[5];
    pthread_barrier_init(&barrier, NULL, 5);
    for (int i = 0; i < 5; i++)
        t[i] = start(walk_phases, NULL);
    for (int i = 0; i < 5; i++)
        join(t[i]);
}

static __thread long own = 5;
static __thread char own_zero[5000];

static void *use_tls(void *arg)
{
    EXPECT_EQ(own, 5);
    EXPECT_EQ(own_zero[4999], 0);
    own = (long)arg;
    own_zero[4999] = 1;
    pthread_barrier_wait(&barrier);
    EXPECT_EQ(own, (long)arg);
    return NULL;
}

CASE(thread, thread_local_storage_is_private)
{
    pthread_t t[4];
    own = 9;
    pthread_barrier_init(&barrier, NULL, 4);
    for (long i = 0; i < 4; i++)
        t[i] = start(use_tls, (void *)(i + 100));
    for (int i = 0; i < 4; i++)
        join(t[i]);
    EXPECT_EQ(own, 9);
}

static void *fail_a_call(void *arg)
{
    for (int i = 0; i < 200; i++)
        EXPECT_ERR(close(-1), EBADF);
    return arg;
}

CASE(thread, errno_is_private)
{
    pthread_t t = start(fail_a_call, NULL);
    for (int i = 0; i < 200; i++) {
        errno = 0;
        EXPECT_ERR(open("missing", O_RDONLY), ENOENT);
    }
    join(t);
}

static void *tell_ids(void *arg)
{
    pid_t *tid = arg;
    EXPECT_EQ(syscall(SYS_getpid), getpid());
    *tid = (pid_t)syscall(SYS_gettid);
    pthread_barrier_wait(&barrier);
    return NULL;
}

CASE(thread, tids_differ_and_pid_is_common)
{
    enum { N = 10 };
    pthread_t t[N];
    pid_t tid[N];
    pthread_barrier_init(&barrier, NULL, N);
    for (int i = 0; i < N; i++)
        t[i] = start(tell_ids, &tid[i]);
    for (int i = 0; i < N; i++)
        join(t[i]);
    for (int i = 0; i < N; i++) {
        EXPECT(tid[i] != getpid());
        for (int j = 0; j < i; j++)
            EXPECT(tid[i] != tid[j]);
    }
}

static void *wait_at_barrier(void *arg)
{
    pthread_barrier_wait(&barrier);
    return arg;
}

CASE(thread, sixty_four_live_at_once)
{
    enum { N = 64 };
    pthread_t t[N];
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 64 * 1024);
    pthread_barrier_init(&barrier, NULL, N + 1);
    for (int i = 0; i < N; i++)
        EXPECT_EQ(pthread_create(&t[i], &attr, wait_at_barrier, NULL), 0);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < N; i++)
        join(t[i]);
}

CASE(thread, five_hundred_in_a_row)
{
    char base[2];
    for (int i = 0; i < 500; i++)
        EXPECT(join(start(add_one, base)) == base + 1);
}

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
    CHILD(pid)
    {
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
    CHILD(pid)
    {
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
    CHILD(pid)
    {
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
    CHILD(pid)
    {
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
    CHILD(pid)
    {
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
    CHILD(pid)
    {
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
    CHILD(pid)
    {
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
    CHILD(pid)
    {
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

static pthread_mutex_t robust;

static void *die_holding(void *arg)
{
    EXPECT_EQ(pthread_mutex_lock(&robust), 0);
    return arg;
}

CASE(thread, robust_mutex_survives_its_owner)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attr);
    join(start(die_holding, NULL));
    EXPECT_EQ(pthread_mutex_lock(&robust), EOWNERDEAD);
    EXPECT_EQ(pthread_mutex_consistent(&robust), 0);
    EXPECT_EQ(pthread_mutex_unlock(&robust), 0);
    EXPECT_EQ(pthread_mutex_lock(&robust), 0);
}

CASE(thread, robust_shared_mutex_survives_a_killed_process)
{
    pthread_mutex_t *m = map_shared_page();
    pthread_mutexattr_t attr;
    struct gate held;
    pid_t pid;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(m, &attr);
    gate_init(&held);
    CHILD(pid)
    {
        pthread_mutex_lock(m);
        gate_open(&held);
        for (;;)
            pause();
    }
    gate_wait(&held);
    EXPECT_EQ(pthread_mutex_trylock(m), EBUSY);
    OK(kill(pid, SIGKILL));
    EXPECT_EQ(pthread_mutex_lock(m), EOWNERDEAD);
    EXPECT_KILLED(pid, SIGKILL);
}

CASE(thread, timed_lock_and_wait_time_out)
{
    struct timespec ts;
    pthread_mutex_lock(&lock);
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_nsec += 30000000;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    EXPECT_EQ(pthread_mutex_timedlock(&lock, &ts), ETIMEDOUT);
    EXPECT_EQ(pthread_cond_timedwait(&cond, &lock, &ts), ETIMEDOUT);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    EXPECT(now.tv_sec > ts.tv_sec || (now.tv_sec == ts.tv_sec && now.tv_nsec >= ts.tv_nsec));
}

static sem_t items;

static void *post_items(void *arg)
{
    for (int i = 0; i < 500; i++)
        sem_post(&items);
    return arg;
}

CASE(thread, semaphores_count)
{
    sem_init(&items, 0, 0);
    pthread_t a = start(post_items, NULL), b = start(post_items, NULL);
    for (int i = 0; i < 1000; i++)
        EXPECT_EQ(sem_wait(&items), 0);
    join(a);
    join(b);
    EXPECT_ERR(sem_trywait(&items), EAGAIN);
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static volatile long left, right;

static void *write_pair(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        pthread_rwlock_wrlock(&rwlock);
        left = left + 1;
        right = right + 1;
        pthread_rwlock_unlock(&rwlock);
    }
    return arg;
}

static void *read_pair(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        pthread_rwlock_rdlock(&rwlock);
        EXPECT_EQ(left, right);
        pthread_rwlock_unlock(&rwlock);
    }
    return arg;
}

CASE(thread, rwlock_keeps_readers_from_half_writes)
{
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        t[i] = start(i & 1 ? write_pair : read_pair, NULL);
    for (int i = 0; i < 4; i++)
        join(t[i]);
    EXPECT_EQ(left, 2000);
}

static void *map_and_unmap(void *arg)
{
    for (int i = 0; i < 100; i++) {
        size_t len = page_size() * 4;
        char *p = map_anon(len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
        for (size_t j = 0; j < len; j += page_size()) {
            EXPECT_EQ(p[j], 0);
            p[j] = (char)(long)arg;
        }
        for (size_t j = 0; j < len; j += page_size())
            EXPECT_EQ(p[j], (char)(long)arg);
        OK(mprotect(p, page_size(), PROT_READ));
        OK(munmap(p, len));
    }
    return NULL;
}

CASE(thread, all_may_map_and_unmap_at_once)
{
    pthread_t t[6];
    for (long i = 0; i < 6; i++)
        t[i] = start(map_and_unmap, (void *)(i + 1));
    for (int i = 0; i < 6; i++)
        join(t[i]);
}

static void *open_and_close(void *arg)
{
    for (int i = 0; i < 200; i++) {
        int fd = (int)OK(open("/dev/null", O_WRONLY));
        EXPECT_EQ(write(fd, "x", 1), 1);
        OK(close(fd));
    }
    return arg;
}

CASE(thread, all_may_open_and_close_at_once)
{
    pthread_t t[6];
    int lowest = (int)OK(dup(0));
    OK(close(lowest));
    for (int i = 0; i < 6; i++)
        t[i] = start(open_and_close, NULL);
    for (int i = 0; i < 6; i++)
        join(t[i]);
    EXPECT_EQ(dup(0), lowest); /* none was left behind */
}
