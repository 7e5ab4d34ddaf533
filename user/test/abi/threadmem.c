// SPDX-License-Identifier: MIT
/* Threads that share memory which is taken away: what munmap, mprotect and fork have done when they
 * return holds for every thread, whichever hart it runs on and whatever that hart remembers. */
#include "abi.h"

#include <pthread.h>
#include <setjmp.h>

enum { NR_THREADS = 3, NR_ROUNDS = 150 };

static pthread_t threads[NR_THREADS];
static volatile long *page;
static long gone;    /* atomic: the last round whose page is unmapped */
static long is_over; /* atomic */
static long nr_seen; /* atomic: accesses that went well, so that main does not outrun the threads */
static __thread sigjmp_buf back;

static long get(long *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void set(long *word, long value)
{
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static void jump_back(int sig)
{
    siglongjmp(back, sig);
}

static void start_all(void *(*body)(void *))
{
    on_signal(SIGSEGV, jump_back, SA_NODEFER);
    for (long i = 0; i < NR_THREADS; i++) {
        int err = pthread_create(&threads[i], NULL, body, (void *)i);
        if (err)
            FAIL("pthread_create: %s", abi_errno_name(err));
    }
}

static void join_all(void)
{
    set(&is_over, 1);
    for (int i = 0; i < NR_THREADS; i++)
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
}

/* Give the threads the time for an access each, but not for ever: they may not be running. */
static void let_threads_look(void)
{
    long seen = get(&nr_seen);
    int64_t end = now_ns(CLOCK_MONOTONIC) + 2000000;
    while (get(&nr_seen) < seen + NR_THREADS && now_ns(CLOCK_MONOTONIC) < end)
        sched_yield();
}

/* A page holds the number of its round for as long as it can be read. */
static void *read_what_is_there(void *arg)
{
    while (!get(&is_over)) {
        long gone_before = get(&gone);
        if (sigsetjmp(back, 0) == 0) {
            long round = page[0];
            if (round <= gone_before)
                FAIL("a thread read %ld after the page of round %ld was unmapped", round,
                     gone_before);
            __atomic_fetch_add(&nr_seen, 1, __ATOMIC_SEQ_CST);
        }
    }
    return arg;
}

CASE(thread, unmapped_pages_are_gone_for_all)
{
    size_t len = page_size();
    char *fresh = map_anon((NR_ROUNDS + 1) * len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    page = (long *)fresh;
    OK(mprotect(fresh, len, PROT_NONE)); /* not a hole yet, or a thread's stack would take it */
    start_all(read_what_is_there);
    for (long round = 1; round <= NR_ROUNDS; round++) {
        *(long *)(fresh + (size_t)round * len) = round;
        EXPECT(mremap(fresh + (size_t)round * len, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, page) ==
               page);
        let_threads_look();
        OK(munmap((void *)page, len));
        set(&gone, round);
    }
    join_all();
}

static void *count_in_page(void *arg)
{
    volatile long *mine = page + (long)arg;
    while (!get(&is_over)) {
        if (sigsetjmp(back, 0) == 0) {
            *mine = *mine + 1;
            __atomic_fetch_add(&nr_seen, 1, __ATOMIC_SEQ_CST);
        }
    }
    return arg;
}

CASE(thread, pages_made_read_only_are_so_for_all)
{
    size_t len = page_size();
    page = map_anon(len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    start_all(count_in_page);
    for (int round = 0; round < NR_ROUNDS; round++) {
        long before[NR_THREADS];
        let_threads_look();
        OK(mprotect((void *)page, len, PROT_READ));
        for (int i = 0; i < NR_THREADS; i++)
            before[i] = page[i];
        if (round % 8 == 0)
            sleep_ms(1);
        for (int i = 0; i < NR_THREADS; i++)
            EXPECT_EQ(page[i], before[i]);
        OK(mprotect((void *)page, len, PROT_READ | PROT_WRITE));
    }
    join_all();
}

/* Each thread counts on one page and then on another: so the first count is never behind. */
static void *count_on_two_pages(void *arg)
{
    volatile long *first = page + (long)arg;
    volatile long *second = first + page_size() / sizeof(long);
    while (!get(&is_over)) {
        *first = *first + 1;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        *second = *second + 1;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    return arg;
}

CASE(thread, fork_copies_memory_at_one_moment)
{
    size_t len = 2 * page_size(), nr = page_size() / sizeof(long);
    page = map_anon(len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    start_all(count_on_two_pages);
    for (int round = 0; round < NR_ROUNDS / 3; round++) {
        pid_t pid;
        CHILD (pid) {
            for (int i = 0; i < NR_THREADS; i++) {
                long first = page[i], second = page[(long)nr + i];
                EXPECT(first == second || first == second + 1);
                page[i] = -1; /* nobody but the child sees this */
            }
        }
        EXPECT_EXIT(pid, 0);
    }
    join_all();
    for (int i = 0; i < NR_THREADS; i++)
        EXPECT_EQ(page[i], page[(long)nr + i]);
}
