// SPDX-License-Identifier: MIT
/* A tape of all writes of a simulated disk, and the states in which a power cut can leave it.
 *
 * What was written before a flush that completed is there. Of what was written since, a cut leaves
 * any part: the tests try the plain prefix, random selections of the writes, and random selections of their sectors of
 * 512 bytes, which is all that a disk does in one piece. */
#ifndef CAIRN_HOST_TAPE_H
#define CAIRN_HOST_TAPE_H

#include "tools/host/disk.h"
#include "tools/host/host.h"

struct tape;

struct tape_entry {
    bool is_flush;
    bool is_durable;   /* a write that needs no flush */
    unsigned promised; /* when it was issued */
    uint64_t sector;
    size_t len_bytes;
    uint8_t *bytes;
};

/** Record from now on. What the disk holds just now is the state before the first write. One tape for a
 *  disk; it takes the disk's filter. Exits the program without memory. */
struct tape *tape_start(struct host_disk *disk);

/** From here on every state must have what was promised up to this point: a number of the test's own, which
 *  only grows. Context: any thread. */
void tape_promise(struct tape *tape, unsigned promised);

/** Record no more. */
void tape_stop(struct tape *tape);

/** A tape that is not of a simulated disk: its entries are added one by one. @before: the disk, which is copied. */
struct tape *tape_new(const uint8_t *before, size_t size_bytes);
/** Takes over the bytes, which are malloc's. */
void tape_add_write(struct tape *tape, uint64_t sector, uint8_t *bytes, size_t len_bytes,
                    bool is_durable);
void tape_add_flush(struct tape *tape);

/** The writes and flushes on it. */
unsigned tape_length(const struct tape *tape);
/** One of them, 0 .. tape_length() - 1. */
const struct tape_entry *tape_entry(const struct tape *tape, unsigned index);
/** What had been promised when so many of them had been issued, and no more. */
unsigned tape_promised_at(const struct tape *tape, unsigned position);
/** The disk before the first. */
const uint8_t *tape_before(const struct tape *tape);

enum tape_cut {
    TAPE_PREFIX, /* all of the writes issued before */
    TAPE_SUBSET, /* some of those since the last flush */
    TAPE_TORN,   /* some sectors of those */
    TAPE_NR_CUTS,
};

struct tape_state {
    unsigned position; /* so many writes had been issued */
    unsigned promised; /* what must be there */
    enum tape_cut cut;
};

/** Make about nr states in `disk`, of the same size, and call judge for each: at every position when there
 *  are fewer, else spread over the tape; at each one a state of each kind of cut.
 *  @source: for the selections. The disk's cache is dropped before and after each. */
void tape_for_each_state(const struct tape *tape, struct host_disk *disk, unsigned nr,
                         struct host_random *source,
                         void (*judge)(struct host_disk *disk, const struct tape_state *state));

void tape_free(struct tape *tape);

#endif
