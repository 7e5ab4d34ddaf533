// SPDX-License-Identifier: MIT
/* Replaying a journal: after a power cut, what had been promised is put where it belongs.
 *
 * A journal is a ring of blocks behind a super block of its own. Whoever changes metadata writes the
 * changed blocks here first, a transaction at a time, and only when a commit block has followed them
 * to the disk may they go to their own places:
 *
 *     | super | descriptor 7 | copy | copy | commit 7 | descriptor 8 | copy | revoke 8 | (cut off)
 *       start ─^  "500, 12"                             "500"                "300"
 *
 * So after a cut each transaction is there whole, or its commit block is missing and it never happened.
 * The ring is walked three times:
 *
 *     scan      up to the first block that is not of the expected transaction: where the commits end
 *     revoke    collect "copies of block 300 up to transaction 8 are void": the block was freed, and may
 *               have become a file's data, which is not journaled and must not be written over
 *     replay    write every copy that is not void to its place, the oldest first
 *
 * Then all of it is made durable, and only then is the journal marked as empty. A cut in the middle
 * of that starts it again from the beginning, with the same result.
 *
 * A copy that happened to begin with the magic number has zeros there and a flag in its tag, for no
 * block of a log may look like a descriptor without being one.
 *
 * Nothing in the ring is believed. The walk goes once round at most; a tag that leads outside the
 * file system ends the replay before anything was written, since the second walk checks them all.
 *
 * Source: jbd2's format (disk.h); S. Tweedie, "Journaling the Linux ext2fs Filesystem" (1998). */
#include "drivers/block.h"
#include "fs/cache/mapping.h"
#include "fs/journal/disk.h"
#include "fs/journal/journal.h"
#include "fs/vfs/inode.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/base/radix.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

enum pass { PASS_SCAN, PASS_REVOKE, PASS_REPLAY };

struct replay {
    const struct journal_place *place;
    struct journal_replay_result *result;
    enum pass pass;
    uint32_t first, end;   /* the ring's blocks */
    uint32_t start;        /* where the log begins in it */
    uint32_t sequence;     /* of the first transaction */
    uint32_t nr_committed; /* transactions; known after the scan */
    uint32_t position;     /* the walk's: the next block */
    uint32_t nr_left;      /* blocks until the walk has gone round */
    uint32_t transaction;  /* the walk's: the number of the transaction that it is in */
    struct radix
        revoked; /* block → number of the last transaction that revokes it, and HAS_NUMBER */
};

#define HAS_NUMBER (1ull << 32) /* an entry of a radix tree is not NULL */

static int damaged(const struct replay *replay, const char *what, unsigned long long value)
{
    pr_err("journal: %s: %s %llu: not replayed", replay->place->super->device->name, what, value);
    return -EUCLEAN;
}

/* ---- Blocks of the ring ---------------------------------------------------------------------- */

static int read_block(const struct journal_place *place, uint64_t index, struct meta_block *meta)
{
    uint64_t disk_block;
    int error = place->map(place, index, &disk_block);

    return error != 0 ? error : meta_read(place->super, disk_block, place->block_bytes, meta);
}

/* Where the walk goes on: -ENOENT when it has gone round. */
static int next_position(struct replay *replay, uint32_t *position)
{
    if (replay->nr_left == 0) {
        return -ENOENT;
    }
    replay->nr_left--;
    *position = replay->position;
    replay->position++;
    if (replay->position == replay->end) {
        replay->position = replay->first;
    }
    return 0;
}

/* ---- Revoked blocks -------------------------------------------------------------------------- */

static struct radix_node *alloc_node(void *context)
{
    return kmalloc(sizeof(struct radix_node), ALLOC_KERNEL);
}

static void free_node(void *context, struct radix_node *node)
{
    kfree(node);
}

/* The walk goes forward, so the last transaction to revoke a block is the one that stays. */
static int note_revoked(struct replay *replay, uint32_t block)
{
    void *entry = (void *)(uintptr_t)(replay->transaction | HAS_NUMBER);
    int error = radix_insert(&replay->revoked, block, entry);

    if (error == -EEXIST) {
        (void)radix_replace(&replay->revoked, block, entry);
        error = 0;
    }
    return error;
}

/* Numbers of transactions wrap around: the distance tells which is later. */
static bool is_revoked(const struct replay *replay, uint32_t block)
{
    const void *entry = radix_lookup(&replay->revoked, block);

    return entry != NULL && (int32_t)((uint32_t)(uintptr_t)entry - replay->transaction) >= 0;
}

static int walk_revoke(struct replay *replay, const struct meta_block *meta)
{
    const struct journal_disk_revoke *revoke = meta->data;
    uint32_t nr_bytes = be32_get(revoke->nr_bytes);
    uint32_t nr;
    int error = 0;

    if (replay->pass != PASS_REVOKE) {
        return 0;
    }
    if (nr_bytes < sizeof(*revoke) || nr_bytes > meta->len_bytes) {
        return damaged(replay, "a revoke block's length is", nr_bytes);
    }
    nr = (nr_bytes - (uint32_t)sizeof(*revoke)) / (uint32_t)sizeof(revoke->blocks[0]);
    for (uint32_t i = 0; i < nr && error == 0; i++) {
        error = note_revoked(replay, be32_get(revoke->blocks[i]));
    }
    return error;
}

/* ---- Copies ---------------------------------------------------------------------------------- */

/* Put the copy at this place of the ring where it belongs. */
static int put_copy(struct replay *replay, uint32_t position, uint32_t block, bool is_escaped)
{
    const struct journal_place *place = replay->place;
    struct meta_block copy, target;
    int error = read_block(place, position, &copy);

    if (error != 0) {
        return error;
    }
    error = meta_new(place->super, block, place->block_bytes, &target);
    if (error == 0) {
        memcpy(target.data, copy.data, place->block_bytes);
        if (is_escaped) {
            put_be32(target.data, JOURNAL_MAGIC);
        }
        meta_mark_dirty(&target);
        meta_put(&target);
        replay->result->nr_blocks++;
    }
    meta_put(&copy);
    return error;
}

static int walk_copy(struct replay *replay, const struct journal_disk_tag *tag)
{
    uint32_t block = be32_get(tag->block);
    uint32_t position;
    int error = next_position(replay, &position);

    if (error != 0 || replay->pass == PASS_SCAN) {
        return error;
    }
    if (block >= replay->place->fs_blocks) {
        return damaged(replay, "a copy belongs outside the file system, in block", block);
    }
    if (replay->pass == PASS_REVOKE) {
        return 0;
    }
    if (is_revoked(replay, block)) {
        replay->result->nr_revoked++;
        return 0;
    }
    return put_copy(replay, position, block, (be16_get(tag->flags) & JOURNAL_TAG_ESCAPED) != 0);
}

/* A descriptor names the places of the copies that follow it. */
static int walk_descriptor(struct replay *replay, const struct meta_block *meta)
{
    uint32_t offset = sizeof(struct journal_disk_header);
    uint16_t flags = 0;
    int error = 0;

    while (error == 0 && (flags & JOURNAL_TAG_LAST) == 0 &&
           offset + sizeof(struct journal_disk_tag) <= meta->len_bytes) {
        const struct journal_disk_tag *tag =
            (const struct journal_disk_tag *)((const char *)meta->data + offset);

        flags = be16_get(tag->flags);
        error = walk_copy(replay, tag);
        offset += (uint32_t)sizeof(*tag);
        offset += (flags & JOURNAL_TAG_SAME_UUID) != 0 ? 0 : JOURNAL_UUID_BYTES;
    }
    return error;
}

/* ---- The walk -------------------------------------------------------------------------------- */

/* One block and what belongs to it. Returns 0, -ENOENT where the log ends, or why it cannot go on. */
static int walk_block(struct replay *replay)
{
    const struct journal_disk_header *header;
    struct meta_block meta;
    uint32_t position;
    int error = next_position(replay, &position);

    if (error == 0) {
        error = read_block(replay->place, position, &meta);
    }
    if (error != 0) {
        return error;
    }
    header = meta.data;
    error = -ENOENT;
    if (be32_get(header->magic) == JOURNAL_MAGIC &&
        be32_get(header->sequence) == replay->transaction) {
        switch (be32_get(header->type)) {
        case JOURNAL_DESCRIPTOR: error = walk_descriptor(replay, &meta); break;
        case JOURNAL_REVOKE: error = walk_revoke(replay, &meta); break;
        case JOURNAL_COMMIT:
            replay->transaction++;
            error = 0;
            break;
        default: break;
        }
    }
    meta_put(&meta);
    return error;
}

/* The scan ends where the log does; the other walks behind the last commit that it found. */
static int walk(struct replay *replay, enum pass pass)
{
    uint32_t end = replay->sequence + replay->nr_committed;
    int error = 0;

    replay->pass = pass;
    replay->position = replay->start;
    replay->nr_left = replay->end - replay->first;
    replay->transaction = replay->sequence;
    while (error == 0 && (pass == PASS_SCAN || replay->transaction != end)) {
        error = walk_block(replay);
    }
    if (pass == PASS_SCAN && error == -ENOENT) {
        replay->nr_committed = replay->transaction - replay->sequence;
        return 0;
    }
    return error == -ENOENT ? damaged(replay, "the log changed while it was read, in transaction",
                                      replay->transaction)
                            : error;
}

/* ---- Begin and end --------------------------------------------------------------------------- */

static int check_super(struct replay *replay, const struct journal_disk_super *disk)
{
    const struct journal_place *place = replay->place;
    uint32_t type = be32_get(disk->header.type);
    uint32_t unknown = be32_get(disk->feature_incompat) & ~(uint32_t)JOURNAL_INCOMPAT_REVOKE;

    if (be32_get(disk->header.magic) != JOURNAL_MAGIC ||
        (type != JOURNAL_SUPER_V1 && type != JOURNAL_SUPER_V2)) {
        return damaged(replay, "there is no journal: its first block has the magic number",
                       be32_get(disk->header.magic));
    }
    if (be32_get(disk->block_size) != place->block_bytes) {
        return damaged(replay, "the journal's block size is", be32_get(disk->block_size));
    }
    if (type == JOURNAL_SUPER_V2 && (unknown != 0 || be32_get(disk->feature_ro_compat) != 0)) {
        pr_err("journal: %s: needs features 0x%x that are not known: not replayed",
               place->super->device->name, unknown | be32_get(disk->feature_ro_compat));
        return -EINVAL;
    }
    replay->first = be32_get(disk->first);
    replay->end = be32_get(disk->nr_blocks);
    replay->start = be32_get(disk->start);
    replay->sequence = be32_get(disk->sequence);
    if (replay->end > place->nr_blocks || replay->first == 0 || replay->first >= replay->end) {
        return damaged(replay, "the journal's last block is", replay->end);
    }
    if (replay->start != 0 && (replay->start < replay->first || replay->start >= replay->end)) {
        return damaged(replay, "the log begins at block", replay->start);
    }
    return 0;
}

static int make_durable(struct super *super)
{
    int error = meta_write_all(super);

    return error != 0 ? error : block_flush(super->device);
}

/* The number goes on, so that what still lies in the ring is of no transaction to come. */
static int mark_empty(struct replay *replay, struct meta_block *meta)
{
    struct journal_disk_super *disk = meta->data;
    int error;

    disk->start = be32_of(0);
    disk->sequence = be32_of(replay->sequence + replay->nr_committed + 1);
    disk->error = be32_of(0); /* from here on the file system's own super block knows */
    meta_mark_dirty(meta);
    error = meta_write_sync(meta);
    return error != 0 ? error : block_flush(replay->place->super->device);
}

static int replay_log(struct replay *replay)
{
    int error = walk(replay, PASS_SCAN);

    if (error == 0) {
        error = walk(replay, PASS_REVOKE);
    }
    if (error == 0) {
        error = walk(replay, PASS_REPLAY);
    }
    return error != 0 ? error : make_durable(replay->place->super);
}

int journal_replay(const struct journal_place *place, struct journal_replay_result *result)
{
    struct replay replay = {.place = place, .result = result};
    struct meta_block meta;
    int error = read_block(place, 0, &meta);

    *result = (struct journal_replay_result){0};
    if (error != 0) {
        pr_err("journal: %s: its first block cannot be read: error %d", place->super->device->name,
               error);
        return error;
    }
    radix_init(&replay.revoked, alloc_node, free_node, NULL);
    error = check_super(&replay, meta.data);
    if (error == 0) {
        result->had_error = be32_get(((struct journal_disk_super *)meta.data)->error) != 0;
    }
    if (error == 0 && (replay.start != 0 || result->had_error)) {
        error = replay.start != 0 ? replay_log(&replay) : 0;
        if (error == 0) {
            error = mark_empty(&replay, &meta);
        }
        if (error != 0 && error != -EUCLEAN) {
            pr_err("journal: %s: replaying it failed: error %d", place->super->device->name, error);
        }
    }
    if (error == 0) {
        result->nr_transactions = replay.nr_committed;
    }
    radix_destroy(&replay.revoked);
    meta_put(&meta);
    return error;
}
