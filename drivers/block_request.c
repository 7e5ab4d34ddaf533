// SPDX-License-Identifier: MIT
/* Requests, with a reserve that always serves.
 *
 * Writing pages out is how memory is got back, so it must not need memory that may not be there.
 * When the slab cache has nothing, a request comes from a fixed reserve, and when that is empty
 * too the caller waits for one of them to complete, which they all do. (A memory pool, after
 * Linux's mempool.) */
#include "drivers/block.h"
#include "kernel/base/assert.h"
#include "kernel/base/once.h"
#include "mm/slab.h"

#define NR_RESERVED 8

SLAB_CACHE(block_request_cache, struct block_request, NULL);

static struct block_request reserve[NR_RESERVED];
static struct spinlock reserve_lock = SPINLOCK_INIT(LOCK_RANK_BLOCK, "block_reserve");
static struct list reserve_free = LIST_INIT(reserve_free); /* [reserve_lock] */
static struct waitq reserve_waitq = WAITQ_INIT(reserve_waitq);
static struct once reserve_once = ONCE_INIT("block_reserve", ONCE_RETRY);

static int fill_reserve(void *arg)
{
    for (unsigned i = 0; i < NR_RESERVED; i++) {
        list_push_back(&reserve_free, &reserve[i].node);
    }
    return 0;
}

bool block_request_is_reserved(const struct block_request *request)
{
    return request >= reserve && request < reserve + NR_RESERVED;
}

static struct block_request *take_reserved(void)
{
    struct block_request *request = NULL;
    uint64_t irq = spin_lock_irqsave(&reserve_lock);

    if (!list_is_empty(&reserve_free)) {
        request = list_first(&reserve_free, struct block_request, node);
        list_remove(&request->node);
    }
    spin_unlock_irqrestore(&reserve_lock, irq);
    return request;
}

struct block_request *block_request_alloc(void)
{
    struct block_request *request;

    debug_assert(port_may_sleep());
    request = slab_alloc(&block_request_cache, ALLOC_RESERVE | ALLOC_QUIET);
    if (request == NULL) {
        int error = once_get(&reserve_once, fill_reserve, NULL);

        assert(error == 0);
        waitq_wait_event(&reserve_waitq, (request = take_reserved()) != NULL);
    }
    /* The segments are the submitter's to fill: no need to clear a kilobyte for each request. */
    request->op = BLOCK_READ;
    request->is_fua = false;
    request->sector = 0;
    request->nr_segments = 0;
    request->done = NULL;
    request->owner = NULL;
    request->error = 0;
    request->nr_sectors = 0;
    request->merged = NULL;
    list_init(&request->node);
    return request;
}

void block_request_free(struct block_request *request)
{
    uint64_t irq;

    if (!block_request_is_reserved(request)) {
        slab_free(&block_request_cache, request);
        return;
    }
    irq = spin_lock_irqsave(&reserve_lock);
    list_push_back(&reserve_free, &request->node);
    spin_unlock_irqrestore(&reserve_lock, irq);
    waitq_wake_one(&reserve_waitq);
}
