// SPDX-License-Identifier: MIT
/* Vyukov's bounded queue in C11, written as one would for a program: the measure for the kernel's
 * ring. vyukov.c. */
#ifndef CAIRN_TOOLS_BENCH_VYUKOV_H
#define CAIRN_TOOLS_BENCH_VYUKOV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vyukov_cell {
    _Atomic size_t sequence;
    uint64_t value;
};

struct vyukov {
    struct vyukov_cell *cells;
    size_t mask;
    _Alignas(64) _Atomic size_t tail; /* where the next push goes */
    _Alignas(64) _Atomic size_t head; /* where the next pop comes from */
};

/** @nr_cells: a power of two. */
void vyukov_init(struct vyukov *queue, struct vyukov_cell *cells, size_t nr_cells);

/** Returns false when the queue is full, or empty. */
bool vyukov_push(struct vyukov *queue, uint64_t value);
bool vyukov_pop(struct vyukov *queue, uint64_t *value);

#endif
