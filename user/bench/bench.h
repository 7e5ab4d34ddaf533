// SPDX-License-Identifier: MIT
/* How an operation of the benchmark is written and measured.
 *
 * Time is the riscv64 `time` counter. Under `qemu -icount shift=0` it counts instructions, one a
 * nanosecond, whoever executes them: program, C library or kernel. It ticks every 100 of them; so an
 * operation is repeated until a *round* is long against a tick, and short against the kernel's own
 * timer interrupt. The cheapest of several rounds is the figure: the first one pays for cold caches,
 * and one that an interrupt fell into is dearer than its neighbours.
 *
 * An operation is one function, and registers itself:
 *
 *     BENCH(memory, fault_anon, "page fault, anonymous")
 *     {
 *         while (bench_round(b)) {
 *             char *page = ...;              // preparing is not measured
 *             bench_start(b);
 *             ...                            // n operations
 *             bench_stop(b, n);
 *         }
 *     }
 *
 * and BENCH_LOOP is the usual case of one statement n times, without the loop's own cost. Each
 * operation runs in a process of its own, in an empty directory of its own, which is removed
 * afterwards. NEED() ends it with words when a call fails; then it has no figure.
 *
 * An operation that waits for a device is measured within bench_keep_busy(): see busy.c. */
#ifndef CAIRN_USER_BENCH_H
#define CAIRN_USER_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench {
    double best;      /* instructions of one operation, in the cheapest round so far; 0: none */
    double less;      /* taken off: what a round's operations do besides the one meant */
    unsigned nr_done; /* rounds */
    uint64_t spent;   /* instructions in all of them */
    uint64_t start;
    uint64_t idle_start; /* see busy.c */
};

struct bench_op {
    const char *family;
    const char *name;
    const char *title; /* what one operation is */
    const char *file;
    int line;
    void (*run)(struct bench *b);
};

#define BENCH(fam, nm, words)                                                                \
    static void bench_##fam##_##nm(struct bench *b);                                         \
    static const struct bench_op op_##fam##_##nm = {#fam,     #nm,      words,               \
                                                    __FILE__, __LINE__, bench_##fam##_##nm}; \
    static const struct bench_op *const ref_##fam##_##nm                                     \
        __attribute__((section("bench_ops"), used)) = &op_##fam##_##nm;                      \
    static void bench_##fam##_##nm(struct bench *b)

/** Shall there be another round? At least MIN_ROUNDS, then as many as the time allows. */
bool bench_round(struct bench *b);

/** The measured part of a round begins. */
void bench_start(struct bench *b);

/** The measured part ends; it was nr operations. */
void bench_stop(struct bench *b, unsigned nr);

/** A round whose figure is a count of something else than instructions. */
void bench_count(struct bench *b, uint64_t count);

/** What one turn of the loop in BENCH_LOOP costs by itself, in instructions. */
double bench_loop_cost(void);

/** Measure statement, nr times a round. */
#define BENCH_LOOP(b, nr, statement)                     \
    do {                                                 \
        (b)->less += bench_loop_cost();                  \
        while (bench_round(b)) {                         \
            bench_start(b);                              \
            for (unsigned turn = 0; turn < (nr); turn++) \
                statement;                               \
            bench_stop(b, nr);                           \
        }                                                \
    } while (0)

/** From now on a process of the lowest priority uses what time is left over, and counts it, so that
 *  rounds can leave it out. Context: once in an operation, before the first round. */
void bench_keep_busy(void);

/** Instructions that the process of bench_keep_busy has used; 0 without one. */
uint64_t bench_idle(void);

/** End this operation without a figure, and say why. */
_Noreturn void bench_fail(const char *file, int line, const char *text);

/** The call must not fail (give -1); the value is the call's. */
#define NEED(call) bench_need(__FILE__, __LINE__, #call, (long)(call))
long bench_need(const char *file, int line, const char *text, long result);

/** mmap() of len bytes of anonymous private memory, in small pages. */
char *bench_map(size_t len);

/** The file name in the current directory, of len bytes, written and closed. */
void bench_make_file(const char *name, size_t len);

/** A child that runs body(argument) until killed, or until the body returns; pid. */
int bench_child(void (*body)(void *), void *argument);

/** Kill the child and wait for it. */
void bench_end_child(int pid);

extern const char *bench_self; /* path of this program */

enum { BENCH_PAGE = 4096 };

#endif
