// SPDX-License-Identifier: MIT
/* What the benchmark programs share: a clock, a generator of random numbers, pinning, and the form of
 * a result. A program measures one thing once and prints lines `name<TAB>value`; tools/bench/mm runs
 * the programs of all subjects by turns, and makes the table. */
#ifndef CAIRN_TOOLS_BENCH_H
#define CAIRN_TOOLS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The compiler must not know what becomes of a pointer, nor leave out how it came to be. */
#define bench_keep(pointer) __asm__ volatile("" : "+r"(pointer) : : "memory")

static inline uint64_t bench_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* 64 well mixed bits. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
 * 2014 (SplitMix64). */
static inline uint64_t bench_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/** Keep the calling thread on one of the processors that the program may use: the index-th, counted
 *  around. */
void bench_pin(unsigned index);

/** Print one result. */
void bench_result(const char *name, double value);

/** Run work(index, arg) in nr_threads threads, each pinned, that begin together; with one thread, in
 *  the calling one. Returns the nanoseconds from the common start until the last has ended. */
uint64_t bench_run_threads(unsigned nr_threads, void (*work)(unsigned index, void *arg), void *arg);

/** From now on this program takes turns with others: bench_end_turn() prints the line "turn" and waits for a
 *  character from standard input. Before, it does nothing. */
void bench_take_turns(void);
void bench_end_turn(void);

/** The bytes of this process that are in memory now. */
uint64_t bench_resident_bytes(void);

/** Say why the benchmark can't go on, and end with status 1. */
void bench_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#ifdef __cplusplus
}
#endif

#endif
