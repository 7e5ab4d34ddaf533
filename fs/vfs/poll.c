// SPDX-License-Identifier: MIT
/* Waiting for many files at once.
 *
 * Each round asks every file what is ready. In the first round a file also puts the caller on
 * the queues that it wakes when that changes (poll_add()), and the caller stays on them until
 * the end: so a change after the question is never missed. A woken waiter is marked; the caller
 * sleeps only while none of its waiters is, clears the marks, and asks again. The questions
 * themselves may sleep (a pipe's lock), which is why readiness isn't asked between "prepared to
 * block" and blocking.
 *
 * As soon as one file is ready nothing more is waited for, and with a deadline of 0 nothing ever
 * is: then no queue is touched, and a poll costs one call for each file.
 *
 * Waiters are kept in blocks: the first on the stack, more from the heap. A block never moves,
 * since queues point into it. */
#include "fs/vfs/poll.h"
#include "drivers/char.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/poll.h"
#include "kernel/base/port.h"
#include "kernel/sync/waitq.h"
#include "mm/kmalloc.h"

#define WAITERS_FIRST     8u
#define WAITERS_PER_BLOCK 64u

struct waiter_block {
    struct waiter_block *next;
    unsigned nr;
    struct waiter waiters[WAITERS_PER_BLOCK];
};

struct poll_table {
    struct poll_request request;
    unsigned nr_first;
    struct waiter first[WAITERS_FIRST];
    struct waiter_block *blocks; /* the newest first */
    int error;
};

/* Some place for one more waiter, or NULL. */
static struct waiter *next_waiter(struct poll_table *table)
{
    struct waiter_block *block = table->blocks;

    if (table->nr_first < WAITERS_FIRST) {
        return &table->first[table->nr_first++];
    }
    if (block == NULL || block->nr == WAITERS_PER_BLOCK) {
        /* A file may call from under its spinlock: no waiting for memory. */
        block = kmalloc(sizeof(*block), ALLOC_ATOMIC);
        if (block == NULL) {
            return NULL;
        }
        block->nr = 0;
        block->next = table->blocks;
        table->blocks = block;
    }
    return &block->waiters[block->nr++];
}

static void add_queue(struct poll_request *request, struct waitq *queue)
{
    struct poll_table *table = container_of(request, struct poll_table, request);
    struct waiter *waiter = next_waiter(table);

    if (waiter == NULL) {
        table->error = -ENOMEM;
        return;
    }
    waitq_add(queue, waiter, false);
}

static void table_init(struct poll_table *table)
{
    table->request.add = add_queue;
    table->nr_first = 0;
    table->blocks = NULL;
    table->error = 0;
}

static void table_destroy(struct poll_table *table)
{
    for (unsigned i = 0; i < table->nr_first; i++) {
        waitq_remove(&table->first[i]);
    }
    while (table->blocks != NULL) {
        struct waiter_block *block = table->blocks;

        for (unsigned i = 0; i < block->nr; i++) {
            waitq_remove(&block->waiters[i]);
        }
        table->blocks = block->next;
        kfree(block);
    }
}

static bool take_mark(struct waiter *waiter, bool clear)
{
    if (!atomic_load_explicit(&waiter->was_woken, memory_order_seq_cst)) {
        return false;
    }
    if (clear) {
        atomic_store_explicit(&waiter->was_woken, false, memory_order_seq_cst);
    }
    return true;
}

/* Whether any waiter is marked; with clear, all marks are taken away. */
static bool table_was_woken(struct poll_table *table, bool clear)
{
    bool result = false;

    for (unsigned i = 0; i < table->nr_first; i++) {
        result |= take_mark(&table->first[i], clear);
    }
    for (struct waiter_block *block = table->blocks; block != NULL; block = block->next) {
        for (unsigned i = 0; i < block->nr; i++) {
            result |= take_mark(&block->waiters[i], clear);
        }
    }
    return result;
}

static int table_wait(struct poll_table *table, uint64_t deadline_ns)
{
    int error = 0;

    while (error == 0) {
        port_block_prepare(PORT_BLOCK_INTERRUPTIBLE);
        if (table_was_woken(table, false)) {
            break;
        }
        error = port_block(deadline_ns);
    }
    port_block_cancel();
    (void)table_was_woken(table, true);
    return error;
}

static int ask_all(struct poll_item *items, unsigned nr, struct poll_request *request)
{
    int nr_ready = 0;

    for (unsigned i = 0; i < nr; i++) {
        struct poll_item *item = &items[i];

        if (likely(item->file != NULL)) {
            uint32_t ready = vfs_poll(item->file, request);

            item->ready = (uint16_t)(ready & (item->events | POLLERR | POLLHUP));
        }
        if (item->ready != 0) {
            nr_ready++;
            request = NULL; /* nobody will sleep: no more queues */
        }
    }
    return nr_ready;
}

int poll_items(struct poll_item *items, unsigned nr, uint64_t deadline_ns)
{
    struct poll_table table;
    int nr_ready;
    int error = 0;

    if (deadline_ns == 0) {
        return ask_all(items, nr, NULL);
    }
    table_init(&table);
    nr_ready = ask_all(items, nr, &table.request);
    while (nr_ready == 0 && error == 0) {
        if (table.error != 0) {
            error = table.error;
            break;
        }
        error = table_wait(&table, deadline_ns);
        nr_ready = ask_all(items, nr, NULL);
    }
    table_destroy(&table);
    if (nr_ready != 0 || error == -ETIMEDOUT) {
        return nr_ready;
    }
    return error == -ERESTARTSYS ? -ERESTARTNOHAND : error;
}
