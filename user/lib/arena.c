// SPDX-License-Identifier: MIT
// An arena is a list of chunks; the newest is filled from its start. A request too big for a chunk
// gets one of its own. Allocation is a bump of an offset, and freeing is the list.
#include "user/lib/arena.h"

#include "user/lib/tool.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_LEN = 2048 };

struct chunk {
    struct chunk *next;
    size_t used, cap;
    alignas(max_align_t) char data[];
};

struct arena {
    struct chunk *newest;
    unsigned nr_refs;
};

struct arena *arena_create(void)
{
    struct arena *arena = xcalloc(1, sizeof(*arena));

    arena->nr_refs = 1;
    return arena;
}

struct arena *arena_get(struct arena *arena)
{
    arena->nr_refs++;
    return arena;
}

void arena_put(struct arena *arena)
{
    if (!arena || --arena->nr_refs > 0)
        return;
    while (arena->newest) {
        struct chunk *chunk = arena->newest;

        arena->newest = chunk->next;
        free(chunk);
    }
    free(arena);
}

void *arena_alloc(struct arena *arena, size_t len_bytes)
{
    size_t len = (len_bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct chunk *chunk = arena->newest;
    void *memory;

    if (!chunk || chunk->cap - chunk->used < len) {
        size_t cap = len > CHUNK_LEN ? len : CHUNK_LEN;

        chunk = xmalloc(sizeof(*chunk) + cap);
        chunk->used = 0;
        chunk->cap = cap;
        chunk->next = arena->newest;
        arena->newest = chunk;
    }
    memory = chunk->data + chunk->used;
    chunk->used += len;
    return memset(memory, 0, len);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len_bytes)
{
    char *copy = arena_alloc(arena, len_bytes + 1);

    memcpy(copy, text, len_bytes);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}
