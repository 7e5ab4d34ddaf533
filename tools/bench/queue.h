// SPDX-License-Identifier: MIT
/* The workloads of a bounded queue of 1,024 words, as a macro: each queue_*.c defines how its queue is
 * set up, pushed to and popped from, and QUEUE_PROGRAM() makes a program of it, so that what a library
 * gives as inline functions is inlined into the loops here as it would be in its users' code.
 *
 *   pair        push and pop, by one thread: nanoseconds for both
 *   1p1c, 2p2c  producers and consumers in threads of their own for a while: millions of values a
 *               second
 *
 * A thread that finds the queue full or empty gives the processor away after a few looks: there may be
 * more threads than processors. */
#ifndef CAIRN_TOOLS_BENCH_QUEUE_H
#define CAIRN_TOOLS_BENCH_QUEUE_H

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "tools/bench/bench.h"

#ifdef __cplusplus
#include <atomic>
using std::atomic_fetch_add;
using std::atomic_load;
using std::atomic_store;
typedef std::atomic<uint64_t> queue_count;
#else
#include <stdatomic.h>
typedef _Atomic uint64_t queue_count;
#endif

#define QUEUE_NS 200000000ull

enum { QUEUE_CELLS = 1024, QUEUE_PAIRS = 200000, QUEUE_REPETITIONS = 20 };

static inline void queue_rest(unsigned *nr_looks)
{
    if (++*nr_looks % 64 == 0) {
        sched_yield();
    }
}

/* clang-format off */
#define QUEUE_PROGRAM(start, push, pop)                                                            \
    static double time_pair(void)                                                                  \
    {                                                                                              \
        uint64_t start_ns = bench_now_ns();                                                        \
        uint64_t sum = 0;                                                                          \
        for (uint64_t i = 0; i < QUEUE_PAIRS; i++) {                                               \
            uint64_t value = 0;                                                                    \
            if (!push(i) || !pop(&value)) {                                                        \
                bench_fail("queue: a value got lost");                                             \
            }                                                                                      \
            sum += value;                                                                          \
        }                                                                                          \
        if (sum != (uint64_t)QUEUE_PAIRS * (QUEUE_PAIRS - 1) / 2) {                                \
            bench_fail("queue: the values are not those that were pushed");                        \
        }                                                                                          \
        return (double)(bench_now_ns() - start_ns) / QUEUE_PAIRS;                                  \
    }                                                                                              \
    static void transfer(unsigned index, void *arg)                                                \
    {                                                                                              \
        queue_count *nr_popped = (queue_count *)arg;                                                \
        uint64_t end_ns = bench_now_ns() + QUEUE_NS;                                               \
        uint64_t nr_done = 0;                                                                      \
        unsigned nr_looks = 0;                                                                     \
        for (uint64_t i = 1; i % 256 != 0 || bench_now_ns() < end_ns; i++) {                       \
            uint64_t value = i;                                                                    \
            if (index % 2 == 0 ? push(i) : pop(&value)) {                                          \
                nr_done++;                                                                         \
            } else {                                                                               \
                queue_rest(&nr_looks);                                                             \
            }                                                                                      \
        }                                                                                          \
        if (index % 2 != 0) {                                                                      \
            atomic_fetch_add(nr_popped, nr_done);                                                  \
        }                                                                                          \
    }                                                                                              \
    static double millions_a_second(unsigned nr_threads)                                           \
    {                                                                                              \
        static queue_count nr_popped;                                                               \
        atomic_store(&nr_popped, 0);                                                               \
        (void)bench_run_threads(nr_threads, transfer, (void *)&nr_popped);                         \
        return (double)atomic_load(&nr_popped) * 1000 / QUEUE_NS;                                  \
    }                                                                                              \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        double pair_ns = 1e9;                                                                      \
        if (argc > 1) {                                                                            \
            printf("usage: %s\nMeasures a queue and prints lines `name<TAB>value`.\n", argv[0]);   \
            return strcmp(argv[1], "--help") == 0 ? 0 : 2;                                         \
        }                                                                                          \
        bench_pin(0);                                                                              \
        start();                                                                                   \
        for (unsigned i = 0; i < QUEUE_REPETITIONS; i++) {                                         \
            double ns = time_pair();                                                               \
            pair_ns = ns < pair_ns ? ns : pair_ns;                                                 \
        }                                                                                          \
        bench_result("pair", pair_ns);                                                             \
        bench_result("1p1c", millions_a_second(2));                                                \
        bench_result("2p2c", millions_a_second(4));                                                \
        return 0;                                                                                  \
    }
/* clang-format on */

#endif
