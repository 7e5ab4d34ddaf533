// SPDX-License-Identifier: MIT
/* A bump arena: for much that lives equally long.
 *
 * Many allocations end together: all strings of an execve, all names of a walk. To give each back
 * by itself is work for nothing. An arena has a chunk of memory and a number, how much of it is
 * used. Allocation rounds the number up to the alignment and adds the size; nothing is searched
 * and no header is written. When the chunk is used up, a larger one is put on top:
 *
 *     top -> | below | used | size | blocks … free |
 *               |
 *               v
 *            | below = NULL | … the first chunk: the caller's buffer, or one from the backing |
 *
 * A mark is the top chunk and its number. To release a mark is to give back the chunks above it and
 * to set the number: the time depends on the chunks, not on the blocks. As chunks double in size,
 * their number is the logarithm of what they hold, and a search through them for the owner of a
 * pointer is short.
 *
 * Only the block allocated last can be given back or can grow by itself, for its end is the
 * number. So a buffer that grows at the top of an arena grows in place.
 *
 * Invariants: used <= size in each chunk; every live block lies below its chunk's `used`.
 * Locks: none; one user at a time.
 *
 * Source: D. Hanson, "Fast Allocation and Deallocation of Memory Based on Object Lifetimes",
 * Software: Practice and Experience, 1990. */
#include "mm/alloc/arena.h"

#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "mm/sanitize.h"

/* Stands at the start of its memory. */
struct arena_chunk {
    struct arena_chunk *below; /* [I] */
    size_t size_bytes;         /* [I] of bytes[] */
    size_t used_bytes;         /* [user] */
    _Alignas(16) char bytes[];
};

static struct layout chunk_layout(const struct arena_chunk *chunk)
{
    return (struct layout){sizeof(*chunk) + chunk->size_bytes, _Alignof(struct arena_chunk)};
}

static struct arena_chunk *make_chunk(void *memory, size_t len_bytes, struct arena_chunk *below)
{
    struct arena_chunk *chunk = memory;

    chunk->below = below;
    chunk->size_bytes = len_bytes - sizeof(*chunk);
    chunk->used_bytes = 0;
    sanitize_forbid(chunk->bytes, chunk->size_bytes);
    return chunk;
}

void arena_init(struct arena *arena, void *buffer, size_t buffer_bytes,
                const struct allocator *backing, size_t chunk_bytes)
{
    uint64_t start = align_up((uint64_t)buffer, _Alignof(struct arena_chunk));
    size_t lost_bytes = start - (uint64_t)buffer;

    *arena = (struct arena){.next_bytes = min_of(chunk_bytes, ARENA_MAX_CHUNK)};
    if (backing != NULL) {
        arena->backing = *backing;
    }
    if (buffer != NULL && buffer_bytes >= lost_bytes + sizeof(struct arena_chunk)) {
        arena->first = make_chunk((void *)start, buffer_bytes - lost_bytes, NULL);
        arena->top = arena->first;
    }
}

/* Give back the chunks above `chunk`. */
static void drop_chunks_above(struct arena *arena, const struct arena_chunk *chunk)
{
    while (arena->top != chunk) {
        struct arena_chunk *dropped = arena->top;

        arena->top = dropped->below;
        sanitize_allow(dropped->bytes, dropped->size_bytes);
        allocator_deallocate(arena->backing, dropped, chunk_layout(dropped));
    }
}

struct arena_mark arena_mark(const struct arena *arena)
{
    return (struct arena_mark){arena->top, arena->top == NULL ? 0 : arena->top->used_bytes};
}

void arena_release(struct arena *arena, struct arena_mark mark)
{
    drop_chunks_above(arena, mark.chunk);
    /* Less may be used than at the mark: a block from before it can have been given back. */
    if (mark.chunk != NULL && mark.used_bytes < mark.chunk->used_bytes) {
        sanitize_forbid(mark.chunk->bytes + mark.used_bytes,
                        mark.chunk->size_bytes - mark.used_bytes);
        mark.chunk->used_bytes = mark.used_bytes;
    }
}

void arena_destroy(struct arena *arena)
{
    drop_chunks_above(arena, arena->first);
    if (arena->first != NULL) {
        sanitize_allow(arena->first->bytes, arena->first->size_bytes);
        arena->first = NULL;
        arena->top = NULL;
    }
}

/* ---- Behind the interface -------------------------------------------------------------------- */

static void *bump(struct arena_chunk *chunk, struct layout layout)
{
    uint64_t start = (uint64_t)chunk->bytes;
    uint64_t block = align_up(start + chunk->used_bytes, layout.align_bytes);

    if (block - start > chunk->size_bytes ||
        layout.size_bytes > chunk->size_bytes - (block - start)) {
        return NULL;
    }
    chunk->used_bytes = block - start + layout.size_bytes;
    sanitize_allow((void *)block, layout.size_bytes);
    return (void *)block;
}

static void *arena_allocate(void *object, struct layout layout, enum alloc_flags flags)
{
    struct arena *arena = object;
    void *block = arena->top == NULL ? NULL : bump(arena->top, layout);
    struct layout chunk;
    void *memory;

    if (block != NULL) {
        return block;
    }
    /* Room for the block wherever the chunk begins; the sums can't wrap around, for a layout is at
     * most half of the address space. */
    if (arena->backing.ops == NULL ||
        layout_make(max_of(arena->next_bytes,
                           sizeof(struct arena_chunk) + layout.size_bytes + layout.align_bytes),
                    _Alignof(struct arena_chunk), &chunk) != 0) {
        return NULL;
    }
    memory = allocator_allocate(arena->backing, chunk, flags);
    if (memory == NULL) {
        return NULL;
    }
    arena->top = make_chunk(memory, chunk.size_bytes, arena->top);
    arena->next_bytes = min_of(arena->next_bytes * 2, ARENA_MAX_CHUNK);
    return bump(arena->top, layout);
}

/* The chunk in whose used part a block lies, or NULL. */
static struct arena_chunk *chunk_of(const struct arena *arena, const void *memory)
{
    struct arena_chunk *chunk = arena->top;

    while (chunk != NULL && (uint64_t)memory - (uint64_t)chunk->bytes >= chunk->used_bytes) {
        chunk = chunk->below;
    }
    return chunk;
}

static bool arena_owns(void *object, const void *memory)
{
    return chunk_of(object, memory) != NULL;
}

static bool is_last(const struct arena_chunk *chunk, const char *memory, struct layout layout)
{
    return memory + layout.size_bytes == chunk->bytes + chunk->used_bytes;
}

static int arena_deallocate(void *object, void *memory, struct layout layout)
{
    struct arena_chunk *chunk = chunk_of(object, memory);

    if (chunk == NULL ||
        layout.size_bytes > chunk->used_bytes - (size_t)((char *)memory - chunk->bytes)) {
        return -EINVAL;
    }
    if (is_last(chunk, memory, layout)) {
        chunk->used_bytes -= layout.size_bytes;
    }
    sanitize_forbid(memory, layout.size_bytes);
    return 0;
}

static bool arena_resize(void *object, void *memory, struct layout layout, size_t new_size_bytes)
{
    struct arena_chunk *chunk = chunk_of(object, memory);
    size_t start_bytes = (size_t)((char *)memory - chunk->bytes);

    if (new_size_bytes <= layout.size_bytes && !is_last(chunk, memory, layout)) {
        return true;
    }
    if (!is_last(chunk, memory, layout) || new_size_bytes > chunk->size_bytes - start_bytes) {
        return false;
    }
    chunk->used_bytes = start_bytes + new_size_bytes;
    sanitize_forbid(memory, layout.size_bytes);
    sanitize_allow(memory, new_size_bytes);
    return true;
}

static void arena_ops_check(void *object)
{
    arena_check(object);
}

static const struct allocator_ops arena_ops = {
    .allocate = arena_allocate,
    .deallocate = arena_deallocate,
    .resize = arena_resize,
    .owns = arena_owns,
    .check = arena_ops_check,
};

struct allocator arena_allocator(struct arena *arena)
{
    return (struct allocator){&arena_ops, arena, "arena"};
}

/* ---- Looking --------------------------------------------------------------------------------- */

size_t arena_used_bytes(const struct arena *arena)
{
    size_t used_bytes = 0;

    for (const struct arena_chunk *chunk = arena->top; chunk != NULL; chunk = chunk->below) {
        used_bytes += chunk->used_bytes;
    }
    return used_bytes;
}

size_t arena_held_bytes(const struct arena *arena)
{
    size_t held_bytes = 0;

    for (const struct arena_chunk *chunk = arena->top; chunk != NULL; chunk = chunk->below) {
        held_bytes += chunk->size_bytes;
    }
    return held_bytes;
}

void arena_check(const struct arena *arena)
{
    const struct arena_chunk *lowest = NULL;

    for (const struct arena_chunk *chunk = arena->top; chunk != NULL; chunk = chunk->below) {
        assert((uint64_t)chunk % _Alignof(struct arena_chunk) == 0);
        assert(chunk->used_bytes <= chunk->size_bytes);
        lowest = chunk;
    }
    assert(arena->first == NULL || lowest == arena->first);
}
