// SPDX-License-Identifier: MIT
/* A disk with a cache keeps what was written before a completed flush. Of the writes since then a power cut keeps any
 * part; and of each of them any sectors, since a sector of 512 bytes is what a disk writes whole.
 *
 *     position  0    1    2    3    4    5        at position 5, F at 2 makes W0 and W1 durable;
 *               W0   W1   F    W3   W4            W3 and W4 are pending
 *
 * At each position we make the *prefix* (all that was issued is there), the prefix with its last write *torn*, and some
 * *subsets* of the pending writes, of which some are torn. `base` is the disk with everything that is durable,
 * and goes forward with the tape; an image is made from it by putting some pending writes on top.
 *
 * Many of these are equal: a subset may choose all. A state is known by a hash, the sum over its sectors of a hash of
 * place and content; sums are kept up to date as sectors change, so nothing is hashed twice. */
#include "tools/crash/states.h"

#include <stdlib.h>
#include <string.h>

#include "tools/crash/image.h"
#include "tools/crash/memory.h"
#include "tools/host/tape.h"

#define ALL_SECTORS UINT64_MAX

struct maker {
    const struct tape *tape;
    const struct state_plan *plan;
    struct image *image, *base;
    uint64_t base_sum, sum; /* of what differs from the tape's beginning */
    unsigned flushed;       /* base has the durable writes before this one */
    struct host_random random;
    uint64_t *seen; /* hash table of sums, 0 for none */
    size_t nr_seen, nr_room;
};

/* ---- Hashes -------------------------------------------------------------------------------------- */

static uint64_t sector_hash(uint64_t sector, const uint8_t *bytes)
{
    uint64_t hash = (sector + 1) * 0x9e3779b97f4a7c15ull;

    for (unsigned i = 0; i < SECTOR_SIZE; i += 8) {
        uint64_t word;

        memcpy(&word, bytes + i, sizeof(word));
        hash = (hash ^ word) * 0xff51afd7ed558ccdull;
        hash ^= hash >> 32;
    }
    return hash;
}

/* Whether the sum is new; it is remembered. */
static bool remember(struct maker *maker, uint64_t sum)
{
    size_t at;

    if (2 * maker->nr_seen >= maker->nr_room) {
        uint64_t *old = maker->seen;
        size_t nr_old = maker->nr_room;

        maker->nr_room = nr_old != 0 ? 2 * nr_old : 1024;
        maker->nr_seen = 0;
        maker->seen = must_have(calloc(maker->nr_room, sizeof(*maker->seen)));
        for (size_t i = 0; i < nr_old; i++) {
            (void)(old[i] != 0 && remember(maker, old[i]));
        }
        free(old);
    }
    sum += sum == 0;
    at = sum & (maker->nr_room - 1);
    while (maker->seen[at] != 0 && maker->seen[at] != sum) {
        at = (at + 1) & (maker->nr_room - 1);
    }
    if (maker->seen[at] == sum) {
        return false;
    }
    maker->seen[at] = sum;
    maker->nr_seen++;
    return true;
}

/* ---- Making one ---------------------------------------------------------------------------------- */

/* Write the sectors that a bit of `which` stands for; bit 63 is for all from the 63rd on. */
static void apply(struct image *image, uint64_t *sum, const struct tape_entry *entry,
                  uint64_t which)
{
    for (size_t i = 0; i < entry->len_bytes / SECTOR_SIZE; i++) {
        uint64_t sector = entry->sector + i;
        uint8_t *at = image->bytes + sector * SECTOR_SIZE;

        if ((which >> (i < 63 ? i : 63) & 1) != 0) {
            *sum -= sector_hash(sector, at);
            memcpy(at, entry->bytes + i * SECTOR_SIZE, SECTOR_SIZE);
            *sum += sector_hash(sector, at);
        }
    }
}

/* What of the index-th write, which is pending, is on the disk. */
static uint64_t choose(struct maker *maker, const struct state *state, unsigned index,
                       unsigned odds)
{
    if (tape_entry(maker->tape, index)->is_durable || state->kind == STATE_PREFIX) {
        return ALL_SECTORS;
    }
    if (state->kind == STATE_TORN) {
        return index + 1 == state->position ? host_random_next(&maker->random) : ALL_SECTORS;
    }
    if (host_random_below(&maker->random, 8) >= odds) {
        return 0;
    }
    return host_random_below(&maker->random, 6) == 0 ? host_random_next(&maker->random)
                                                     : ALL_SECTORS;
}

static void make_image(struct maker *maker, const struct state *state)
{
    unsigned odds;

    maker->random.state = maker->plan->seed * 1000003 + state->number;
    odds = 2 + (unsigned)host_random_below(&maker->random, 6);
    image_copy(maker->image, maker->base);
    maker->sum = maker->base_sum;
    for (unsigned i = maker->flushed; i < state->position; i++) {
        const struct tape_entry *entry = tape_entry(maker->tape, i);

        if (!entry->is_flush) {
            apply(maker->image, &maker->sum, entry, choose(maker, state, i, odds));
        }
    }
}

/* ---- All of them --------------------------------------------------------------------------------- */

static unsigned count_pending(const struct maker *maker, unsigned position)
{
    unsigned nr = 0;

    for (unsigned i = maker->flushed; i < position; i++) {
        nr += tape_entry(maker->tape, i)->is_flush || tape_entry(maker->tape, i)->is_durable ? 0
                                                                                             : 1;
    }
    return nr;
}

/* How many states a position has: the prefix; torn, if the last write has more than a sector; subsets. */
static unsigned nr_states_at(const struct maker *maker, unsigned position, unsigned nr_pending)
{
    const struct tape_entry *last = position != 0 ? tape_entry(maker->tape, position - 1) : NULL;
    bool can_tear = last != NULL && !last->is_flush && last->len_bytes > SECTOR_SIZE;

    return nr_pending == 0 ? 1 : 1 + can_tear + (nr_pending > 1 ? maker->plan->nr_subsets : 0);
}

static enum state_kind kind_of(const struct maker *maker, unsigned position, unsigned index)
{
    const struct tape_entry *last = position != 0 ? tape_entry(maker->tape, position - 1) : NULL;

    if (index == 0) {
        return STATE_PREFIX;
    }
    return index == 1 && !last->is_flush && last->len_bytes > SECTOR_SIZE ? STATE_TORN
                                                                          : STATE_SUBSET;
}

static bool visit_position(struct maker *maker, unsigned position,
                           bool (*judge)(const struct state *state, void *arg), void *arg)
{
    unsigned nr_pending = count_pending(maker, position);
    unsigned nr = nr_states_at(maker, position, nr_pending);

    for (unsigned i = 0; i < nr; i++) {
        struct state state = {
            .number = position * STATES_AT_ONCE + i,
            .kind = kind_of(maker, position, i),
            .position = position,
            .nr_pending = nr_pending,
            .mark = tape_promised_at(maker->tape, position),
        };

        if (maker->plan->only >= 0 && state.number != (unsigned)maker->plan->only) {
            continue;
        }
        make_image(maker, &state);
        if ((remember(maker, maker->sum ^ (state.mark * 0x9e3779b97f4a7c15ull)) ||
             maker->plan->only >= 0) &&
            !judge(&state, arg)) {
            return false;
        }
    }
    return true;
}

/* Everything issued before is durable. */
static void go_forward(struct maker *maker, unsigned position)
{
    for (; maker->flushed < position; maker->flushed++) {
        const struct tape_entry *entry = tape_entry(maker->tape, maker->flushed);

        if (!entry->is_flush) {
            apply(maker->base, &maker->base_sum, entry, ALL_SECTORS);
        }
    }
}

/* Positions are taken evenly: the n-th is the first at which position * wanted / all reaches n. */
static bool is_taken(const struct maker *maker, unsigned position)
{
    const struct state_plan *plan = maker->plan;
    uint64_t nr = tape_length(maker->tape) + 1ull;
    uint64_t nr_wanted = plan->nr_positions != 0 && plan->nr_positions < nr ? plan->nr_positions
                                                                            : nr;
    uint64_t index = position * nr_wanted / nr;

    if (plan->only >= 0) {
        return position == (unsigned)plan->only / STATES_AT_ONCE;
    }
    return (position == 0 || index != (position - 1) * nr_wanted / nr) &&
           (plan->nr_shares < 2 || index % plan->nr_shares == plan->share);
}

void states_for_each(const struct tape *tape, const struct state_plan *plan, struct image *image,
                     struct image *base, bool (*judge)(const struct state *state, void *arg),
                     void *arg)
{
    struct maker maker = {.tape = tape, .plan = plan, .image = image, .base = base};

    image_fill(base, tape_before(tape));
    for (unsigned position = 0; position <= tape_length(tape); position++) {
        if (is_taken(&maker, position) && !visit_position(&maker, position, judge, arg)) {
            break;
        }
        if (position < tape_length(tape) && tape_entry(tape, position)->is_flush &&
            !plan->ignores_flush) {
            go_forward(&maker, position);
        }
    }
    free(maker.seen);
}
