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
    CHILD (pid) {
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
