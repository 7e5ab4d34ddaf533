// SPDX-License-Identifier: MIT
/* A bump arena: allocation moves a mark, and everything above a mark is given back at once. Theory
 * in arena.c. One user at a time. */
#ifndef CAIRN_MM_ALLOC_ARENA_H
#define CAIRN_MM_ALLOC_ARENA_H

#include "mm/alloc/allocator.h"

struct arena_chunk;

struct arena {
    struct allocator backing;  /* [I] gives chunks; its ops are NULL when there is none */
    struct arena_chunk *first; /* [I] the caller's buffer, or NULL */
    struct arena_chunk *top;   /* [user] the chunk that is allocated from; NULL before the first */
    size_t next_bytes;         /* [user] size of the next chunk */
};

/* A point to go back to. */
struct arena_mark {
    struct arena_chunk *chunk;
    size_t used_bytes;
};

/** Begin an empty arena.
 *  @buffer: memory of the caller's to begin with, or NULL; it outlives the arena.
 *  @backing: gives more when that is used up; NULL: then allocations fail.
 *  @chunk_bytes: size of the first chunk from there; each is twice as large as the one before, up
 *  to ARENA_MAX_CHUNK. */
void arena_init(struct arena *arena, void *buffer, size_t buffer_bytes,
                const struct allocator *backing, size_t chunk_bytes);

#define ARENA_MAX_CHUNK (64ul << 10)

/** Give every chunk back. All that was allocated is gone. */
void arena_destroy(struct arena *arena);

/** Where the arena stands now. */
struct arena_mark arena_mark(const struct arena *arena);

/** Give back all that was allocated since the mark was taken. Marks taken later are void. */
void arena_release(struct arena *arena, struct arena_mark mark);

/** The arena behind the interface. Deallocating the block allocated last makes its bytes free;
 *  any other waits for arena_release(). */
struct allocator arena_allocator(struct arena *arena);

/** Bytes allocated, alignment included; and bytes that chunks hold in all. */
size_t arena_used_bytes(const struct arena *arena);
size_t arena_held_bytes(const struct arena *arena);

void arena_check(const struct arena *arena);

#endif
