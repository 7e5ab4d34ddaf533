// SPDX-License-Identifier: MIT
/* boost::lockfree::queue with a fixed capacity. */
#include <boost/lockfree/queue.hpp>

#include "tools/bench/queue.h"

static boost::lockfree::queue<uint64_t, boost::lockfree::capacity<QUEUE_CELLS>> queue;

static void start()
{
}

static inline bool push(uint64_t value)
{
    return queue.bounded_push(value);
}

static inline bool pop(uint64_t *value)
{
    return queue.pop(*value);
}

QUEUE_PROGRAM(start, push, pop)
