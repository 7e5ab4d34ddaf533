// SPDX-License-Identifier: MIT
/* Requests, with a reserve that always serves.
 *
 * Writing pages out is how memory is had back, so it must not need memory that may not be there:
 * requests come from a memory pool (mm/alloc/mempool.c), the slab cache first, then a reserve, and
 * when that is empty too the caller waits for one of its requests to complete, which they all do.
 * The pool's condition is met because the holder of a reserved request submits it before he waits
 * for anything. */
#include "drivers/block.h"
#include "kernel/base/assert.h"
#include "mm/alloc/heap.h"
#include "mm/alloc/mempool.h"
#include "mm/slab.h"

#define NR_RESERVED 8

SLAB_CACHE(block_request_cache, struct block_request, NULL);
FIXED_POOL(reserve, struct block_request, NR_RESERVED);
static struct mempool pool = MEMPOOL_INIT(pool, CACHE_ALLOCATOR(block_request_cache), reserve);

bool block_request_is_reserved(const struct block_request *request)
{
    return mempool_is_reserved(&pool, request);
}

struct block_request *block_request_alloc(void)
{
    struct block_request *request = allocator_allocate(
        mempool_allocator(&pool), LAYOUT_OF(struct block_request), ALLOC_KERNEL | ALLOC_RESERVE);

    assert(request != NULL); /* the pool waits until it has one */
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
    allocator_deallocate(mempool_allocator(&pool), request, LAYOUT_OF(struct block_request));
}
