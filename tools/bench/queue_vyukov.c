// SPDX-License-Identifier: MIT
/* Vyukov's queue in plain C11. */
#include "tools/bench/queue.h"
#include "tools/bench/vyukov.h"

static struct vyukov queue;
static struct vyukov_cell cells[QUEUE_CELLS];

static void start(void)
{
    vyukov_init(&queue, cells, QUEUE_CELLS);
}

static inline bool push(uint64_t value)
{
    return vyukov_push(&queue, value);
}

static inline bool pop(uint64_t *value)
{
    return vyukov_pop(&queue, value);
}

QUEUE_PROGRAM(start, push, pop)
