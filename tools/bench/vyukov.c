// SPDX-License-Identifier: MIT
/* The algorithm and nothing else: no batches, no hooks for tests. A cell's sequence number says whose
 * turn it is: p for the producer of position p, p + 1 for its consumer, p + size a lap later.
 *
 * Source: D. Vyukov, "Bounded MPMC queue", 1024cores.net, 2010. */
#include "tools/bench/vyukov.h"

void vyukov_init(struct vyukov *queue, struct vyukov_cell *cells, size_t nr_cells)
{
    queue->cells = cells;
    queue->mask = nr_cells - 1;
    for (size_t i = 0; i < nr_cells; i++) {
        atomic_init(&cells[i].sequence, i);
    }
    atomic_init(&queue->tail, 0);
    atomic_init(&queue->head, 0);
}

bool vyukov_push(struct vyukov *queue, uint64_t value)
{
    size_t position = atomic_load_explicit(&queue->tail, memory_order_relaxed);

    for (;;) {
        struct vyukov_cell *cell = &queue->cells[position & queue->mask];
        size_t sequence = atomic_load_explicit(&cell->sequence, memory_order_acquire);
        if (sequence == position) {
            if (atomic_compare_exchange_weak_explicit(&queue->tail, &position, position + 1,
                                                      memory_order_relaxed, memory_order_relaxed)) {
                cell->value = value;
                atomic_store_explicit(&cell->sequence, position + 1, memory_order_release);
                return true;
            }
        } else if ((intptr_t)(sequence - position) < 0) {
            return false;
        } else {
            position = atomic_load_explicit(&queue->tail, memory_order_relaxed);
        }
    }
}

bool vyukov_pop(struct vyukov *queue, uint64_t *value)
{
    size_t position = atomic_load_explicit(&queue->head, memory_order_relaxed);

    for (;;) {
        struct vyukov_cell *cell = &queue->cells[position & queue->mask];
        size_t sequence = atomic_load_explicit(&cell->sequence, memory_order_acquire);
        if (sequence == position + 1) {
            if (atomic_compare_exchange_weak_explicit(&queue->head, &position, position + 1,
                                                      memory_order_relaxed, memory_order_relaxed)) {
                *value = cell->value;
                atomic_store_explicit(&cell->sequence, position + queue->mask + 1,
                                      memory_order_release);
                return true;
            }
        } else if ((intptr_t)(sequence - (position + 1)) < 0) {
            return false;
        } else {
            position = atomic_load_explicit(&queue->head, memory_order_relaxed);
        }
    }
}
