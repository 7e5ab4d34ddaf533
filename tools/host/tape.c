// SPDX-License-Identifier: MIT
/* The tape is an array of writes in the order in which they were issued; a flush is an entry, too. States are made
 * going forward: `base` is the disk as it was at the last flush, and a state is base and some of the writes since.
 *
 * A discard is a write of bytes that nobody has given: a cut may find all, some or none of it done. */
#include "tools/host/tape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/base/atomic.h"
#include "mm/page.h"

struct tape {
    struct host_disk *disk;
    uint8_t *before;
    size_t size_bytes;
    struct tape_entry *entries; /* [disk->lock] */
    unsigned nr, nr_room;       /* [disk->lock] */
    _Atomic unsigned promised;
};

static void *must_have(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "tape: no memory\n");
        exit(1);
    }
    return memory;
}

static uint8_t *copy_segments(const struct block_request *request, size_t *len_bytes)
{
    uint8_t *bytes = must_have(malloc((size_t)request->nr_sectors * SECTOR_SIZE));

    *len_bytes = 0;
    for (uint32_t i = 0; i < request->nr_segments; i++) {
        const struct block_segment *segment = &request->segments[i];

        memcpy(bytes + *len_bytes, (char *)page_address(segment->page) + segment->offset_bytes,
               segment->len_bytes);
        *len_bytes += segment->len_bytes;
    }
    return bytes;
}

static void add_entry(struct tape *tape, const struct tape_entry *entry)
{
    if (tape->nr == tape->nr_room) {
        tape->nr_room = tape->nr_room != 0 ? 2 * tape->nr_room : 256;
        tape->entries = must_have(realloc(tape->entries, tape->nr_room * sizeof(*entry)));
    }
    tape->entries[tape->nr] = *entry;
    tape->entries[tape->nr++].promised = load_relaxed(&tape->promised);
}

void tape_add_write(struct tape *tape, uint64_t sector, uint8_t *bytes, size_t len_bytes,
                    bool is_durable)
{
    add_entry(tape, &(struct tape_entry){.is_durable = is_durable,
                                         .sector = sector,
                                         .bytes = bytes,
                                         .len_bytes = len_bytes});
}

void tape_add_flush(struct tape *tape)
{
    add_entry(tape, &(struct tape_entry){.is_flush = true});
}

static void add_discard(struct tape *tape, const struct block_request *request)
{
    size_t len_bytes = (size_t)request->nr_sectors * SECTOR_SIZE;
    uint8_t *bytes = must_have(malloc(len_bytes));

    memset(bytes, HOST_DISK_DISCARDED, len_bytes);
    tape_add_write(tape, request->sector, bytes, len_bytes, false);
}

/* The block layer makes a durable write two requests, since this disk knows only FLUSH. */
static int record(struct host_disk *disk, const struct block_request *request)
{
    struct tape *tape = disk->filter_arg;

    if (request->op == BLOCK_FLUSH) {
        tape_add_flush(tape);
    } else if (request->op == BLOCK_WRITE) {
        size_t len_bytes;
        uint8_t *bytes = copy_segments(request, &len_bytes);

        tape_add_write(tape, request->sector, bytes, len_bytes, false);
    } else if (request->op == BLOCK_DISCARD) {
        add_discard(tape, request);
    }
    return 0;
}

struct tape *tape_new(const uint8_t *before, size_t size_bytes)
{
    struct tape *tape = must_have(calloc(1, sizeof(*tape)));

    tape->size_bytes = size_bytes;
    tape->before = must_have(malloc(size_bytes));
    memcpy(tape->before, before, size_bytes);
    return tape;
}

struct tape *tape_start(struct host_disk *disk)
{
    struct tape *tape = tape_new(disk->bytes, disk->device.nr_sectors * SECTOR_SIZE);

    tape->disk = disk;
    disk->filter_arg = tape;
    disk->filter = record;
    return tape;
}

void tape_promise(struct tape *tape, unsigned promised)
{
    store_relaxed(&tape->promised, promised);
}

void tape_stop(struct tape *tape)
{
    tape->disk->filter = NULL;
    tape->disk->filter_arg = NULL;
}

unsigned tape_length(const struct tape *tape)
{
    return tape->nr;
}

const struct tape_entry *tape_entry(const struct tape *tape, unsigned index)
{
    return &tape->entries[index];
}

/* A cut may come at any time before the next one is issued, so the last such time counts. */
unsigned tape_promised_at(const struct tape *tape, unsigned position)
{
    return position < tape->nr ? tape->entries[position].promised : load_relaxed(&tape->promised);
}

const uint8_t *tape_before(const struct tape *tape)
{
    return tape->before;
}

static void apply(const struct tape_entry *entry, uint8_t *bytes)
{
    if (!entry->is_flush) {
        memcpy(bytes + entry->sector * SECTOR_SIZE, entry->bytes, entry->len_bytes);
    }
}

static void apply_torn(const struct tape_entry *entry, uint8_t *bytes, struct host_random *source)
{
    for (size_t at = 0; at < entry->len_bytes; at += SECTOR_SIZE) {
        if (host_random_below(source, 2) == 0) {
            memcpy(bytes + entry->sector * SECTOR_SIZE + at, entry->bytes + at, SECTOR_SIZE);
        }
    }
}

static void make_state(const struct tape *tape, struct host_disk *disk, const uint8_t *base,
                       unsigned flushed, const struct tape_state *state, struct host_random *source)
{
    host_disk_forget_cache(disk);
    memcpy(disk->bytes, base, tape->size_bytes);
    for (unsigned i = flushed; i < state->position; i++) {
        if (state->cut == TAPE_TORN) {
            apply_torn(&tape->entries[i], disk->bytes, source);
        } else if (state->cut == TAPE_PREFIX || host_random_below(source, 2) == 0) {
            apply(&tape->entries[i], disk->bytes);
        }
    }
}

void tape_for_each_state(const struct tape *tape, struct host_disk *disk, unsigned nr,
                         struct host_random *source,
                         void (*judge)(struct host_disk *disk, const struct tape_state *state))
{
    unsigned step = 1 + TAPE_NR_CUTS * tape->nr / (nr + 1);
    uint8_t *base = must_have(malloc(tape->size_bytes));
    unsigned flushed = 0; /* base has the writes before this one */

    memcpy(base, tape->before, tape->size_bytes);
    for (unsigned i = 0; i <= tape->nr; i++) {
        struct tape_state state = {
            .position = i,
            .promised = tape_promised_at(tape, i),
        };

        for (unsigned cut = 0; cut < TAPE_NR_CUTS && (i % step == 0 || i == tape->nr); cut++) {
            state.cut = cut;
            make_state(tape, disk, base, flushed, &state, source);
            judge(disk, &state);
            host_disk_forget_cache(disk);
        }
        if (i < tape->nr && tape->entries[i].is_flush) {
            for (; flushed < i; flushed++) {
                apply(&tape->entries[flushed], base);
            }
        }
    }
    free(base);
}

void tape_free(struct tape *tape)
{
    for (unsigned i = 0; i < tape->nr; i++) {
        free(tape->entries[i].bytes);
    }
    free(tape->entries);
    free(tape->before);
    free(tape);
}
