// SPDX-License-Identifier: MIT
/* futex by raw calls: the comparison, waking, time-outs, bit sets, requeueing and robust lists. */
#include "abi.h"

#include <linux/futex.h>
#include <sched.h>

static long futex(volatile void *word, int op, unsigned val, const void *timeout, volatile void *w2,
                  unsigned val3)
{
    return syscall(SYS_futex, word, op, val, timeout, w2, val3);
}

static volatile uint32_t word;

/* A shared page for children: the futex words and how many of them were woken. */
struct table {
    volatile uint32_t a, b;
    volatile int woken;
};

/* A child that waits on t->a (with a bit set, if not 0) and then counts itself as woken. */
static pid_t waiter(struct table *t, unsigned bits)
{
    pid_t pid;
    CHILD (pid) {
        if (bits)
            OK(futex(&t->a, FUTEX_WAIT_BITSET, 0, NULL, NULL, bits));
        else
            OK(futex(&t->a, FUTEX_WAIT, 0, NULL, NULL, 0));
        __atomic_fetch_add(&t->woken, 1, __ATOMIC_SEQ_CST);
    }
    wait_until_asleep(pid);
    return pid;
}

/* Wake until n in total have been woken: waiters may not have fallen asleep yet. */
static void wake_in_total(volatile void *at, int n)
{
    int got = 0;
    while (got < n) {
        long r = OK(futex(at, FUTEX_WAKE, (unsigned)(n - got), NULL, NULL, 0));
        got += (int)r;
        if (r == 0)
            sleep_ms(2);
    }
}

CASE(futex, wait_on_another_value_is_eagain)
{
    word = 5;
    EXPECT_ERR(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
    EXPECT_ERR(futex(&word, FUTEX_WAIT_PRIVATE, 4, NULL, NULL, 0), EAGAIN);
    EXPECT_ERR(futex(&word, FUTEX_WAIT_BITSET, 4, NULL, NULL, ~0u), EAGAIN);
}

CASE(futex, wake_without_waiters_returns_zero)
{
    EXPECT_EQ(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
    EXPECT_EQ(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 0);
}

CASE(futex, relative_timeout)
{
    struct timespec ts = {0, 20000000};
    int64_t before = now_ns(CLOCK_MONOTONIC);
    EXPECT_ERR(futex(&word, FUTEX_WAIT, 0, &ts, NULL, 0), ETIMEDOUT);
    EXPECT(now_ns(CLOCK_MONOTONIC) - before >= 20000000);
    EXPECT(ts.tv_sec == 0 && ts.tv_nsec == 20000000);
}

CASE(futex, bitset_timeout_is_absolute)
{
    struct timespec ts = {1, 0};
    EXPECT_ERR(futex(&word, FUTEX_WAIT_BITSET, 0, &ts, NULL, ~0u), ETIMEDOUT);
    OK(clock_gettime(CLOCK_MONOTONIC, &ts));
    ts.tv_nsec += 20000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_nsec -= 1000000000;
        ts.tv_sec++;
    }
    EXPECT_ERR(futex(&word, FUTEX_WAIT_BITSET, 0, &ts, NULL, ~0u), ETIMEDOUT);
    EXPECT(now_ns(CLOCK_MONOTONIC) >= (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
    OK(clock_gettime(CLOCK_REALTIME, &ts));
    EXPECT_ERR(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &ts, NULL, ~0u),
               ETIMEDOUT);
}

CASE(futex, bad_arguments)
{
    struct timespec bad = {0, 1000000000}, negative = {-1, 0};
    EXPECT_ERR(futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0), EINVAL);
    EXPECT_ERR(futex(&word, FUTEX_WAIT, 0, &negative, NULL, 0), EINVAL);
    EXPECT_ERR(futex((char *)&word + 1, FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
    EXPECT_ERR(futex((char *)&word + 2, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
    EXPECT_ERR(futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
    EXPECT_ERR(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
    EXPECT_ERR(futex(&word, 99, 0, NULL, NULL, 0), ENOSYS);
    for (int i = 0; i < BAD_POINTERS; i++) {
        uintptr_t at = (uintptr_t)bad_pointer(i);
        EXPECT_ERR(futex((void *)at, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
        EXPECT_ERR(futex(&word, FUTEX_WAIT, 0, (void *)at, NULL, 0), EFAULT);
    }
}

CASE(futex, wake_reaches_shared_waiters_across_fork)
{
    struct table *t = map_shared_page();
    pid_t pid = waiter(t, 0);
    wake_in_total(&t->a, 1);
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(t->woken, 1);
}

CASE(futex, wake_through_another_mapping_of_the_same_file)
{
    size_t page = page_size();
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(ftruncate(fd, (off_t)page));
    struct table *t = OK_MAP(mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    struct table *u = OK_MAP(mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    pid_t pid = waiter(t, 0);
    wake_in_total(&u->a, 1);
    EXPECT_EXIT(pid, 0);
}

CASE(futex, private_memory_of_two_processes_is_two_futexes)
{
    pid_t pid;
    static struct table own;
    CHILD (pid) {
        struct timespec ts = {0, 100000000};
        EXPECT_ERR(futex(&own.a, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0), ETIMEDOUT);
    }
    wait_until_asleep(pid);
    EXPECT_EQ(futex(&own.a, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
    EXPECT_EXIT(pid, 0);
}

CASE(futex, wake_counts_and_limits)
{
    enum { N = 4 };
    struct table *t = map_shared_page();
    pid_t pids[N];
    for (int i = 0; i < N; i++)
        pids[i] = waiter(t, 0);
    wake_in_total(&t->a, 1);
    while (t->woken < 1)
        sleep_ms(1);
    sleep_ms(20);
    EXPECT_EQ(t->woken, 1);
    wake_in_total(&t->a, N - 1);
    for (int i = 0; i < N; i++)
        EXPECT_EXIT(pids[i], 0);
    EXPECT_EQ(futex(&t->a, FUTEX_WAKE, INT_MAX, NULL, NULL, 0), 0);
}

CASE(futex, bitset_wake_chooses)
{
    struct table *t = map_shared_page();
    pid_t one = waiter(t, 1), two = waiter(t, 2);
    long woken = 0;
    while (woken == 0) {
        woken = OK(futex(&t->a, FUTEX_WAKE_BITSET, INT_MAX, NULL, NULL, 2));
        sleep_ms(2);
    }
    EXPECT_EQ(woken, 1);
    EXPECT_EXIT(two, 0);
    EXPECT_EQ(waitpid(one, NULL, WNOHANG), 0);
    EXPECT_EQ(futex(&t->a, FUTEX_WAKE_BITSET, INT_MAX, NULL, NULL, 4), 0);
    wake_in_total(&t->a, 1);
    EXPECT_EXIT(one, 0);
}

CASE(futex, requeue_moves_waiters)
{
    enum { N = 3 };
    struct table *t = map_shared_page();
    pid_t pids[N];
    for (int i = 0; i < N; i++)
        pids[i] = waiter(t, 0);
    EXPECT_ERR(futex(&t->a, FUTEX_CMP_REQUEUE, 1, (void *)1L, &t->b, 7), EAGAIN);
    long moved = 0;
    while (moved < N) {
        /* wake none, move all; each call says how many it touched */
        moved += OK(futex(&t->a, FUTEX_CMP_REQUEUE, 0, (void *)(long)INT_MAX, &t->b, 0));
        if (moved < N)
            sleep_ms(2);
    }
    EXPECT_EQ(moved, N);
    EXPECT_EQ(futex(&t->a, FUTEX_WAKE, INT_MAX, NULL, NULL, 0), 0);
    EXPECT_EQ(t->woken, 0);
    EXPECT_EQ(futex(&t->b, FUTEX_WAKE, INT_MAX, NULL, NULL, 0), N);
    for (int i = 0; i < N; i++)
        EXPECT_EXIT(pids[i], 0);
}

CASE(futex, wake_op_changes_the_second_word)
{
    struct table *t = map_shared_page();
    pid_t pid = waiter(t, 0);
    t->b = 10;
    long woken = 0;
    for (int i = 0; woken == 0; i++) {
        t->b = 10;
        woken = OK(futex(&t->a, FUTEX_WAKE_OP, 1, NULL, &t->b,
                         FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 10)));
        sleep_ms(2);
    }
    EXPECT_EQ(woken, 1);
    EXPECT_EQ(t->b, 15);
    EXPECT_EXIT(pid, 0);
}

static void *robust_head[3]; /* list, futex_offset, pending */

CASE(futex, robust_list_is_stored_and_told)
{
    void *head = NULL;
    size_t len = 0;
    EXPECT_ERR(syscall(SYS_set_robust_list, robust_head, 5), EINVAL);
    OK(syscall(SYS_set_robust_list, robust_head, sizeof(robust_head)));
    OK(syscall(SYS_get_robust_list, 0, &head, &len));
    EXPECT(head == robust_head);
    EXPECT_EQ(len, sizeof(robust_head));
    EXPECT_ERR(syscall(SYS_get_robust_list, 0x3ffffff, &head, &len), ESRCH);
    EXPECT_ERR(syscall(SYS_get_robust_list, 0, BAD, &len), EFAULT);
}

struct robust_node {
    struct robust_node *next;
    volatile uint32_t lock;
};

CASE(futex, dead_owner_is_marked_and_a_waiter_woken)
{
    struct table *t = map_shared_page();
    struct robust_node *node = (struct robust_node *)((char *)t + 256);
    struct gate held;
    pid_t pid;
    gate_init(&held);
    CHILD (pid) {
        struct {
            struct robust_node *list;
            long offset;
            struct robust_node *pending;
        } head = {node, offsetof(struct robust_node, lock), NULL};
        node->next = (struct robust_node *)&head;
        node->lock = (uint32_t)getpid() | FUTEX_WAITERS;
        OK(syscall(SYS_set_robust_list, &head, sizeof(head)));
        gate_open(&held);
        for (;;)
            pause();
    }
    gate_wait(&held);
    pid_t killer;
    CHILD (killer) {
        wait_until_asleep(getppid());
        OK(kill(pid, SIGKILL));
    }
    uint32_t seen;
    while (!((seen = node->lock) & FUTEX_OWNER_DIED))
        futex(&node->lock, FUTEX_WAIT, seen, NULL, NULL, 0);
    EXPECT_EQ(node->lock & FUTEX_TID_MASK, 0);
    EXPECT_EXIT(killer, 0);
    EXPECT_KILLED(pid, SIGKILL);
}

CASE(futex, circular_or_wild_robust_list_is_survived)
{
    for (int i = 0; i < 2; i++) {
        pid_t pid;
        CHILD (pid) {
            struct robust_node node = {&node, 0}; /* never leads back to the head */
            struct {
                struct robust_node *list;
                long offset;
                struct robust_node *pending;
            } head = {i ? BAD : &node, offsetof(struct robust_node, lock), NULL};
            OK(syscall(SYS_set_robust_list, &head, sizeof(head)));
        }
        EXPECT_EXIT(pid, 0);
    }
}

CASE(futex, wait_is_woken_by_unlock_store_without_loss)
{
    /* the classic three-state mutex, from two processes: a lost wake-up would hang */
    struct table *t = map_shared_page();
    pid_t pids[3];
    for (int p = 0; p < 3; p++) {
        CHILD (pids[p]) {
            for (int i = 0; i < 1000; i++) {
                uint32_t c = 0;
                if (!__atomic_compare_exchange_n(&t->a, &c, 1, 0, __ATOMIC_SEQ_CST,
                                                 __ATOMIC_SEQ_CST)) {
                    while (__atomic_exchange_n(&t->a, 2, __ATOMIC_SEQ_CST) != 0)
                        futex(&t->a, FUTEX_WAIT, 2, NULL, NULL, 0);
                }
                t->woken++;
                if (i % 16 == 0)
                    sched_yield();
                if (__atomic_exchange_n(&t->a, 0, __ATOMIC_SEQ_CST) == 2)
                    futex(&t->a, FUTEX_WAKE, 1, NULL, NULL, 0);
            }
        }
    }
    for (int p = 0; p < 3; p++)
        EXPECT_EXIT(pids[p], 0);
    EXPECT_EQ(t->woken, 3000);
}
