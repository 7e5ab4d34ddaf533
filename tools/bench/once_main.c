// SPDX-License-Identifier: MIT
/* What asking an initialised once cell costs: the kernel's (kernel/base/once.h) beside a plain load of
 * a flag, C11's acquire load, pthread_once() and call_once(). The names of the results are the
 * subjects. The smallest of several interleaved repetitions counts. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <threads.h>

#include "kernel/base/once.h"
#include "tools/bench/bench.h"
#include "tools/host/host.h"

enum { NR_GETS = 10000000, NR_REPETITIONS = 9 };

static struct once cell = ONCE_INIT("bench", ONCE_RETRY);
static pthread_once_t posix_once = PTHREAD_ONCE_INIT;
static once_flag c11_once = ONCE_FLAG_INIT;
static volatile uint32_t plain_flag;
static _Atomic uint32_t acquired_flag;
static uint64_t nr_initialised;

static int initialise(void *arg)
{
    (void)arg;
    nr_initialised++;
    return 0;
}

static void initialise_plainly(void)
{
    nr_initialised++;
}

/* One subject's loop: `get` is true when the thing is initialised. Unrolled, so that the loop's own
 * instructions don't hide what is measured. */
#define TIMED_LOOP(name, get)                                 \
    static double name(void)                                  \
    {                                                         \
        uint64_t start_ns = bench_now_ns();                   \
        for (unsigned i = 0; i < NR_GETS / 4; i++) {          \
            if (!(get) || !(get) || !(get) || !(get)) {       \
                bench_fail("once: not initialised: " #name);  \
            }                                                 \
        }                                                     \
        return (double)(bench_now_ns() - start_ns) / NR_GETS; \
    }

TIMED_LOOP(time_cairn, once_get(&cell, initialise, NULL) == 0)
TIMED_LOOP(time_plain, plain_flag == ONCE_DONE)
TIMED_LOOP(time_acquire, atomic_load_explicit(&acquired_flag, memory_order_acquire) == ONCE_DONE)
TIMED_LOOP(time_posix, pthread_once(&posix_once, initialise_plainly) == 0)
TIMED_LOOP(time_c11, (call_once(&c11_once, initialise_plainly), true))

static const struct {
    const char *name;
    double (*time)(void);
} subjects[] = {
    {"cairn", time_cairn},        {"plain-load", time_plain}, {"acquire-load", time_acquire},
    {"pthread_once", time_posix}, {"call_once", time_c11},
};

enum { NR_SUBJECTS = sizeof(subjects) / sizeof(subjects[0]) };

int main(int argc, char **argv)
{
    double best[NR_SUBJECTS];

    if (argc > 1) {
        printf("usage: %s\nMeasures once cells and prints lines `name<TAB>value`.\n", argv[0]);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    bench_pin(0);
    host_set_hart(0);
    plain_flag = ONCE_DONE;
    atomic_store(&acquired_flag, ONCE_DONE);
    for (unsigned repetition = 0; repetition < NR_REPETITIONS; repetition++) {
        for (unsigned i = 0; i < NR_SUBJECTS; i++) {
            double ns = subjects[i].time();
            best[i] = repetition == 0 || ns < best[i] ? ns : best[i];
        }
    }
    if (nr_initialised != 3) {
        bench_fail("once: initialised %llu times, not 3", (unsigned long long)nr_initialised);
    }
    for (unsigned i = 0; i < NR_SUBJECTS; i++) {
        bench_result(subjects[i].name, best[i]);
    }
    return 0;
}
