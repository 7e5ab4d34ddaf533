// SPDX-License-Identifier: MIT
/* Memory for the harness, which ends without it. */
#ifndef CAIRN_TOOLS_CRASH_MEMORY_H
#define CAIRN_TOOLS_CRASH_MEMORY_H

#include <stdio.h>
#include <stdlib.h>

static inline void *must_have(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "crash: no memory\n");
        exit(2);
    }
    return memory;
}

/** Room for one more after nr of an array. @nr_room: what it has, and has then. Returns the array. */
static inline void *grow(void *array, size_t size_bytes, unsigned nr, unsigned *nr_room)
{
    if (nr < *nr_room) {
        return array;
    }
    *nr_room = 2 * nr + 8;
    return must_have(realloc(array, *nr_room * size_bytes));
}

#endif
