// SPDX-License-Identifier: MIT
// TSAN
/* The journal alone, over a disk of numbered blocks: operations change some of them, and after a power cut
 * at any write all operations up to some point have happened and none behind it; none that was promised
 * is missing.
 *
 * Every write is recorded (tools/host/tape.h); each state is replayed and compared with the model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fs/cache/mapping.h"
#include "fs/journal/disk.h"
#include "fs/journal/journal.h"
#include "fs/vfs/inode.h"
#include "fs/vfs/super.h"
#include "kernel/abi/errno.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "mm/fault_inject.h"
#include "mm/test/machine.h"
#include "tools/host/disk.h"
#include "tools/host/tape.h"

#define MIB         (1ul << 20)
#define BLOCK       1024u
#define NR_FS       400u /* blocks of the file system */
#define RING_AT     500u /* the journal: two pieces that are not neighbours */
#define NR_JOURNAL  1024u
#define SPLIT       300u
#define NR_DISK     2000u
#define MAX_OPS     400u
#define MAX_CHANGES 6u

static struct host_random source;
static struct fs_type test_type = {.name = "test"};

static struct world {
    struct host_disk *disk;
    struct super super;
    struct journal *journal;
    struct tape *tape;
    unsigned nr_data_calls, nr_committed_calls;
} world;

/* ---- Model --------------------------------------------------------------------------------------- */

/* Operation i gives its number to some blocks. Block 0 is changed by each of them. */
static struct {
    uint32_t blocks[MAX_CHANGES];
    unsigned nr;
    uint32_t freed; /* revoked by it; 0: none */
} ops[MAX_OPS + 1];
static unsigned nr_ops;

/* What a block holds when the operations up to `last` have happened. */
static uint32_t model_of(uint32_t block, unsigned last)
{
    for (unsigned i = last; i > 0; i--) {
        for (unsigned j = 0; j < ops[i].nr; j++) {
            if (ops[i].blocks[j] == block) {
                return i;
            }
        }
    }
    return 0;
}

/* ---- The world ----------------------------------------------------------------------------------- */

static uint64_t place_of(uint64_t index)
{
    return index < SPLIT ? RING_AT + index : RING_AT + 100 + index;
}

static int map_ring(const struct journal_place *place, uint64_t index, uint64_t *disk_block)
{
    *disk_block = place_of(index);
    return 0;
}

static int note_data(void *arg)
{
    world.nr_data_calls++;
    return 0;
}

static void note_committed(void *arg, uint32_t number)
{
    world.nr_committed_calls++;
}

static const struct journal_ops test_ops = {.write_data = note_data, .committed = note_committed};

static struct journal_place place = {
    .super = &world.super,
    .block_bytes = BLOCK,
    .nr_blocks = NR_JOURNAL,
    .fs_blocks = NR_FS,
    .map = map_ring,
};

static void format(struct host_disk *disk)
{
    *(struct journal_disk_super *)(disk->bytes + place_of(0) * BLOCK) = (struct journal_disk_super){
        .header = {be32_of(JOURNAL_MAGIC), be32_of(JOURNAL_SUPER_V2), be32_of(0)},
        .block_size = be32_of(BLOCK),
        .nr_blocks = be32_of(NR_JOURNAL),
        .first = be32_of(1),
        .sequence = be32_of(0xfffffff0), /* numbers will go round */
        .nr_users = be32_of(1),
    };
}

static void use_disk(struct host_disk *disk)
{
    world.disk = disk;
    world.super = (struct super){.device = &disk->device,
                                 .type = &test_type,
                                 .times = time_format_of(1, INT64_MIN, INT64_MAX)};
    assert_int_equal(bdev_mapping(&disk->device, &world.super.metadata), 0);
}

static int begin(void **state)
{
    struct host_disk *disk = host_disk_new((uint64_t)NR_DISK * BLOCK / SECTOR_SIZE);

    nr_ops = 0;
    format(disk);
    use_disk(disk);
    assert_int_equal(journal_open(&place, &test_ops, &world.journal), 0);
    assert_int_equal(journal_start(world.journal), 0);
    world.tape = tape_start(disk);
    return 0;
}

static int stop_and_close(void)
{
    int error = journal_stop(world.journal);

    journal_close(world.journal);
    return error;
}

static int end(void **state)
{
    tape_free(world.tape);
    host_disk_forget_cache(world.disk);
    host_disk_free(world.disk);
    return 0;
}

/* The content of the disk is changed behind the cache. */
static void put_disk(const uint8_t *bytes)
{
    host_disk_forget_cache(world.disk);
    memcpy(world.disk->bytes, bytes, (size_t)NR_DISK * BLOCK);
    use_disk(world.disk);
}

static void write_block(uint32_t block, uint32_t number)
{
    struct meta_block meta;

    assert_int_equal(meta_read(&world.super, block, BLOCK, &meta), 0);
    journal_change(world.journal, &meta);
    /* Now and then a block looks like one of a journal. */
    put_be32(meta.data, number % 5 == 0 ? JOURNAL_MAGIC : number);
    put_be32((char *)meta.data + BLOCK - 4, number);
    meta_put(&meta);
}

static uint32_t on_disk(const struct host_disk *disk, uint64_t block)
{
    const uint8_t *bytes = disk->bytes + block * BLOCK;
    uint32_t number = get_be32(bytes + BLOCK - 4);

    assert_int_equal(get_be32(bytes), number != 0 && number % 5 == 0 ? JOURNAL_MAGIC : number);
    return number;
}

static void operate(void)
{
    unsigned number = ++nr_ops;

    assert_int_equal(journal_begin(world.journal, MAX_CHANGES + 2), 0);
    ops[number].nr = 1 + (unsigned)host_random_below(&source, MAX_CHANGES - 1);
    ops[number].blocks[0] = 0;
    write_block(0, number);
    for (unsigned i = 1; i < ops[number].nr; i++) {
        ops[number].blocks[i] = 1 + (uint32_t)host_random_below(&source, NR_FS / 2 - 1);
        write_block(ops[number].blocks[i], number);
    }
    journal_end(world.journal, MAX_CHANGES + 2);
}

static void promise(void)
{
    unsigned so_far = nr_ops;

    assert_int_equal(journal_commit_all(world.journal), 0);
    tape_promise(world.tape, so_far);
}

/* ---- Judging a state ------------------------------------------------------------------------------ */

static void replay(struct host_disk *disk)
{
    struct journal_replay_result result;
    struct host_disk *ours = world.disk;

    use_disk(disk);
    assert_int_equal(journal_replay(&place, &result), 0);
    use_disk(ours);
}

static void judge(struct host_disk *disk, const struct tape_state *state)
{
    unsigned last;

    replay(disk);
    last = on_disk(disk, 0);
    if (last < state->promised || last > nr_ops) {
        fail_msg("state %u: has operation %u, and %u was promised", state->position, last,
                 state->promised);
    }
    for (uint32_t block = 0; block < NR_FS / 2; block++) {
        if (on_disk(disk, block) != model_of(block, last)) {
            fail_msg("state %u: block %u is of operation %u, not %u, of %u", state->position, block,
                     on_disk(disk, block), model_of(block, last), last);
        }
    }
}

static void judge_states(unsigned nr,
                         void (*judge_one)(struct host_disk *disk, const struct tape_state *state))
{
    struct host_disk *disk = host_disk_new(world.disk->device.nr_sectors);

    tape_stop(world.tape);
    tape_for_each_state(world.tape, disk, nr, &source, judge_one);
    host_disk_free(disk);
}

/* ---- Cases ----------------------------------------------------------------------------------------- */

static void nothing_is_written_in_its_place_before_it_is_committed(void **state)
{
    operate();
    operate();
    assert_int_equal(meta_write_all(&world.super), 0);
    assert_int_equal(on_disk(world.disk, 0), 0);
    promise();
    assert_int_equal(on_disk(world.disk, 0), 0); /* only in the ring */
    assert_true(world.nr_data_calls > 0);
    assert_true(world.nr_committed_calls > 0);
    assert_int_equal(stop_and_close(), 0);
    for (uint32_t block = 0; block < NR_FS / 2; block++) {
        assert_int_equal(on_disk(world.disk, block), model_of(block, 2));
    }
}

static void a_power_cut_anywhere_loses_nothing_that_was_promised(void **state)
{
    for (unsigned i = 0; i < 250; i++) {
        operate();
        if (host_random_below(&source, 8) == 0) {
            promise();
        }
    }
    promise();
    assert_int_equal(stop_and_close(), 0);
    judge_states(100000, judge);
}

/* More than the ring holds, so that it goes round and checkpoints happen in between. */
static void the_ring_goes_round_and_round(void **state)
{
    while (nr_ops < MAX_OPS) {
        operate();
        promise();
    }
    assert_true(tape_length(world.tape) > NR_JOURNAL);
    assert_int_equal(stop_and_close(), 0);
    judge_states(1000, judge);
}

static void a_freed_block_is_never_replayed_over_its_new_content(void **state)
{
    struct journal_replay_result result;
    struct meta_block meta;
    uint8_t *saved = malloc((size_t)NR_DISK * BLOCK);

    for (unsigned round = 0; round < 2;
         round++) { /* the copy is in the ring; in an older transaction, too */
        operate();
        assert_int_equal(journal_begin(world.journal, 4), 0);
        write_block(250, 9);
        journal_end(world.journal, 4);
        promise();
    }
    assert_int_equal(journal_begin(world.journal, 4), 0);
    write_block(250, 10);
    journal_revoke(world.journal, 250);
    journal_end(world.journal, 4);
    promise();
    memset(world.disk->bytes + 250 * BLOCK, 0xda, BLOCK); /* a file's from now on */
    memcpy(saved, world.disk->bytes, (size_t)NR_DISK * BLOCK);
    operate();
    assert_int_equal(stop_and_close(), 0);
    assert_int_equal(world.disk->bytes[250 * BLOCK + 7], 0xda);
    put_disk(saved); /* or the power went before that */
    assert_int_equal(journal_replay(&place, &result), 0);
    assert_true(result.nr_revoked >= 2);
    assert_int_equal(world.disk->bytes[250 * BLOCK + 7], 0xda);
    put_disk(saved);
    free(saved);
    assert_int_equal(journal_replay(&place, &result), 0);
    assert_int_equal(journal_open(&place, &test_ops, &world.journal), 0);
    assert_int_equal(journal_start(world.journal), 0); /* metadata once more */
    assert_int_equal(journal_begin(world.journal, 4), 0);
    assert_int_equal(meta_new(&world.super, 250, BLOCK, &meta), 0);
    meta_put(&meta);
    write_block(250, 11);
    journal_end(world.journal, 4);
    assert_int_equal(stop_and_close(), 0);
    assert_int_equal(on_disk(world.disk, 250), 11);
}

static int fail_writes(struct host_disk *disk, const struct block_request *request)
{
    return request->op == BLOCK_READ ? 0 : -EIO;
}

static void a_journal_that_cannot_be_written_says_so(void **state)
{
    operate();
    promise();
    operate();
    tape_stop(world.tape);
    world.disk->filter = fail_writes;
    machine_listen();
    assert_int_equal(journal_commit_all(world.journal), -EIO);
    assert_true(machine_said("a transaction could not be written"));
    assert_int_equal(journal_begin(world.journal, 1), -EROFS);
    assert_true((world.super.flags & SUPER_RDONLY) != 0);
    world.disk->filter = NULL;
    assert_int_equal(stop_and_close(), -EIO);
    host_disk_forget_cache(world.disk);
    judge(world.disk, &(struct tape_state){.promised = 1}); /* the ring still has it */
    use_disk(world.disk);
}

static void an_operation_fails_before_it_begins_or_not_at_all(void **state)
{
    bool has_failed = false;

    for (unsigned nth = 1; nth < 40; nth++) {
        int error;

        fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, nth, false);
        error = journal_begin(world.journal, 100 + 2 * nth);
        (void)fault_inject_disarm();
        has_failed |= error != 0;
        assert_true(error == 0 || error == -ENOMEM);
        if (error == 0) {
            journal_end(world.journal, 100 + 2 * nth);
        }
    }
    assert_true(has_failed);
    assert_int_equal(journal_commit_all(world.journal), 0); /* with nothing in it */
    assert_int_equal(stop_and_close(), 0);
}

static void a_stopped_journal_can_be_started_again(void **state)
{
    for (unsigned round = 0; round < 3; round++) {
        operate();
        assert_int_equal(journal_stop(world.journal), 0);
        assert_int_equal(journal_begin(world.journal, 1), -EROFS);
        assert_int_equal(on_disk(world.disk, 0), nr_ops);
        assert_int_equal(journal_start(world.journal), 0);
    }
    operate();
    assert_int_equal(stop_and_close(), 0);
    assert_int_equal(on_disk(world.disk, 0), nr_ops);
}

static void opening_fails_as_a_whole(void **state)
{
    unsigned nth;

    assert_int_equal(stop_and_close(), 0);
    for (nth = 1;; nth++) {
        uint64_t nr_failed;
        int error;

        fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, nth, false);
        error = journal_open(&place, &test_ops, &world.journal);
        nr_failed = fault_inject_disarm();
        assert_true(error == 0 || error == -ENOMEM);
        if (error == 0) {
            journal_close(world.journal);
        }
        if (nr_failed == 0) {
            break;
        }
    }
    assert_true(nth > 3);
}

/* ---- Many at once ---------------------------------------------------------------------------------- */

#define NR_THREADS 4u

/* Each has blocks of its own, and they change them together. */
static void work(unsigned index, void *arg)
{
    struct host_random random = {.state = source.state + index};

    for (unsigned i = 1; i <= 150; i++) {
        assert(journal_begin(world.journal, 8) == 0);
        for (unsigned j = 0; j < 4; j++) {
            struct meta_block meta;

            assert(meta_read(&world.super, 200 + index * 4 + j, BLOCK, &meta) == 0);
            journal_change(world.journal, &meta);
            put_be32((char *)meta.data + 8, i);
            meta_put(&meta);
            if (j == 1) {
                port_yield();
            }
        }
        journal_end(world.journal, 8);
        if (host_random_below(&random, 4) == 0) {
            assert(journal_commit_all(world.journal) == 0);
        }
    }
}

static void check_groups(const struct host_disk *disk, uint32_t wanted)
{
    for (uint32_t i = 0; i < NR_THREADS * 4; i++) {
        uint32_t first = get_be32(disk->bytes + (200 + i / 4 * 4) * BLOCK + 8);

        assert_int_equal(get_be32(disk->bytes + (200 + i) * BLOCK + 8), first);
        assert_true(wanted == 0 || first == wanted);
    }
}

static void many_operate_and_commit_at_once(void **state)
{
    host_disk_set_async(world.disk, 8, 20);
    host_run_threads(NR_THREADS, work, NULL);
    assert_int_equal(stop_and_close(), 0);
    host_disk_set_async(world.disk, 0, 0);
    check_groups(world.disk, 150);
}

static void judge_groups(struct host_disk *disk, const struct tape_state *state)
{
    replay(disk);
    check_groups(disk, 0);
}

/* However operations meet the closing off of transactions, each is in one of them as a whole. */
static void an_operation_is_in_one_transaction(void **state)
{
    host_run_threads(NR_THREADS, work, NULL);
    assert_int_equal(stop_and_close(), 0);
    judge_states(300, judge_groups);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_written_in_its_place_before_it_is_committed),
        TEST(a_power_cut_anywhere_loses_nothing_that_was_promised),
        TEST(the_ring_goes_round_and_round),
        TEST(a_freed_block_is_never_replayed_over_its_new_content),
        TEST(a_journal_that_cannot_be_written_says_so),
        TEST(an_operation_fails_before_it_begins_or_not_at_all),
        TEST(a_stopped_journal_can_be_started_again),
        TEST(opening_fails_as_a_whole),
        TEST(many_operate_and_commit_at_once),
        TEST(an_operation_is_in_one_transaction),
    };

    host_random_init(&source);
    machine_start(64 * MIB);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
