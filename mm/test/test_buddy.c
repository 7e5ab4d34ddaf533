// SPDX-License-Identifier: MIT
/* The buddy system against a shadow that knows of every frame whose it is; the structure checks
 * itself after each random step. No memory stands behind the frames: a buddy works on pages
 * alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "mm/buddy.h"
#include "tools/host/host.h"

enum { NR_FRAMES = 1200, NR_STEPS = 1000000, MAX_LIVE = 256 };
#define FIRST_FRAME 0x803f3ul /* odd, so that the region's edges are not aligned */

static struct host_random source;
static struct {
    struct page pages[NR_FRAMES];
    struct page_block blocks[NR_FRAMES / PAGE_BLOCK_FRAMES + 2];
    uint8_t tags[NR_FRAMES];
} meta;
static struct page *const pages = meta.pages;
static struct buddy buddy;

struct block {
    struct page *page;
    unsigned order;
};

static void make_buddy(void)
{
    memset(&meta, 0, sizeof(meta));
    assert_true(buddy_meta_bytes(FIRST_FRAME, NR_FRAMES) <= sizeof(meta));
    buddy_init(&buddy, FIRST_FRAME, NR_FRAMES, &meta);
}

static uint64_t frame_of(const struct page *page)
{
    return FIRST_FRAME + (uint64_t)(page - pages);
}

/* ---- The shadow ------------------------------------------------------------------------------ */

/* What the test knows of each frame, and of each page block; the buddy is compared with it after
 * every step. A small region, so that its walk is short: two whole page blocks that can become one
 * block of order 10, and two that are cut by the region's edges. */
static struct {
    bool is_taken[NR_FRAMES];
    struct block live[MAX_LIVE];
    size_t nr_live;
    uint64_t nr_taken, nr_given;
    bool is_isolated[NR_FRAMES / PAGE_BLOCK_FRAMES + 2];
} shadow;

static void mark(size_t index, uint64_t nr, bool is_taken)
{
    assert_true(index + nr <= NR_FRAMES);
    for (size_t i = index; i < index + nr; i++) {
        assert_int_equal(shadow.is_taken[i], !is_taken);
        shadow.is_taken[i] = is_taken;
    }
    shadow.nr_taken += is_taken ? nr : -nr;
}

static void note_live(struct page *page, unsigned order)
{
    assert_true(shadow.nr_live < MAX_LIVE);
    shadow.live[shadow.nr_live++] = (struct block){page, order};
}

static struct block take_live(size_t index)
{
    struct block block = shadow.live[index];

    shadow.live[index] = shadow.live[--shadow.nr_live];
    return block;
}

static size_t block_of_index(size_t index)
{
    return (FIRST_FRAME % PAGE_BLOCK_FRAMES + index) / PAGE_BLOCK_FRAMES;
}

static bool touches_isolated(size_t index, uint64_t nr)
{
    return shadow.is_isolated[block_of_index(index)] ||
           shadow.is_isolated[block_of_index(index + nr - 1)];
}

static void step_alloc(void)
{
    /* Mostly small blocks, as in life. */
    unsigned order = (unsigned)host_random_below(&source, 1 + host_random_below(&source, 11));
    enum frame_type type = host_random_below(&source, 4) == 0 ? FRAMES_UNMOVABLE : FRAMES_MOVABLE;
    struct page *page;

    if (shadow.nr_live == MAX_LIVE || (page = buddy_alloc_block(&buddy, order, type)) == NULL) {
        return;
    }
    assert_int_equal(frame_of(page) % (1ul << order), 0);
    assert_int_equal(page_order(page), order);
    assert_false(touches_isolated((size_t)(page - pages), 1ul << order));
    mark((size_t)(page - pages), 1ul << order, true);
    note_live(page, order);
    shadow.nr_given++;
}

static void step_free(void)
{
    struct block block;

    if (shadow.nr_live != 0) {
        block = take_live(host_random_below(&source, shadow.nr_live));
        mark((size_t)(block.page - pages), 1ul << block.order, false);
        assert_int_equal(buddy_free_block(&buddy, block.page, block.order, NULL), BUDDY_OK);
    }
}

/* Single frames in a batch, given back at once in part. */
static void step_hot(void)
{
    struct page *batch[32];
    enum frame_type type = host_random_below(&source, 2) == 0 ? FRAMES_UNMOVABLE : FRAMES_MOVABLE;
    unsigned nr = buddy_take_hot(&buddy, batch, 32, type);

    for (unsigned i = 0; i < nr; i++) {
        assert_int_equal(batch[i]->kind, PAGE_HOT);
        assert_false(shadow.is_taken[batch[i] - pages]);
        assert_false(touches_isolated((size_t)(batch[i] - pages), 1));
    }
    buddy_check(&buddy);
    buddy_return_hot(&buddy, batch, nr);
}

static void step_isolate(void)
{
    uint64_t block = host_random_below(&source, buddy.nr_page_blocks);

    if (shadow.is_isolated[block]) {
        assert_false(buddy_isolate(&buddy, block));
        buddy_end_isolation(&buddy, block);
    } else {
        assert_true(buddy_isolate(&buddy, block));
    }
    shadow.is_isolated[block] = !shadow.is_isolated[block];
}

/* A range is given out if, and only if, all of it is free and isolated. */
static void step_take_range(void)
{
    size_t index = host_random_below(&source, NR_FRAMES);
    uint64_t nr = 1 + host_random_below(&source, min_of(NR_FRAMES - index, 40ul));
    bool is_free = true;
    uint64_t bad;

    for (size_t i = index; i < index + nr; i++) {
        is_free &= !shadow.is_taken[i] && shadow.is_isolated[block_of_index(i)];
    }
    assert_int_equal(buddy_take_range(&buddy, FIRST_FRAME + index, nr), is_free);
    if (!is_free) {
        return;
    }
    buddy_check(&buddy);
    assert_int_equal(buddy_free_range(&buddy, pages + index, nr, NULL, &bad), BUDDY_OK);
    assert_int_not_equal(buddy_free_range(&buddy, pages + index, nr, NULL, &bad), BUDDY_OK);
}

/* A block becomes single frames; some of them are given back by the range, the others one by one. */
static void step_split(void)
{
    struct block block;
    uint64_t nr, nr_kept, bad;

    if (shadow.nr_live == 0) {
        return;
    }
    block = take_live(host_random_below(&source, shadow.nr_live));
    nr = 1ul << block.order;
    nr_kept = min_of(host_random_below(&source, nr + 1), (uint64_t)(MAX_LIVE - shadow.nr_live));
    buddy_split_block(&buddy, block.page, block.order, FRAMES_UNMOVABLE);
    for (uint64_t i = 0; i < nr_kept; i++) {
        note_live(block.page + i, 0);
    }
    buddy_check(&buddy);
    mark((size_t)(block.page - pages) + nr_kept, nr - nr_kept, false);
    assert_int_equal(buddy_free_range(&buddy, block.page + nr_kept, nr - nr_kept, NULL, &bad),
                     BUDDY_OK);
}

static void random_operations_match_the_shadow(void **state)
{
    make_buddy();
    buddy_add_range(&buddy, FIRST_FRAME, NR_FRAMES);
    for (int step = 0; step < NR_STEPS; step++) {
        switch (host_random_below(&source, 32)) {
        case 0: step_hot(); break;
        case 1: step_isolate(); break;
        case 2: step_take_range(); break;
        case 3: step_split(); break;
        case 4 ... 17: step_free(); break;
        default: step_alloc(); break;
        }
        assert_int_equal(buddy.nr_free + buddy.nr_isolated, NR_FRAMES - shadow.nr_taken);
        buddy_check(&buddy);
    }
    assert_true(shadow.nr_given > NR_STEPS / 8); /* it was not all refusals */
}

static void everything_freed_joins_to_the_blocks_of_the_beginning(void **state)
{
    uint64_t before[BUDDY_NR_ORDERS];
    struct page *taken[NR_FRAMES];

    (void)state;
    make_buddy();
    buddy_add_range(&buddy, FIRST_FRAME, NR_FRAMES);
    for (int order = 0; order < BUDDY_NR_ORDERS; order++) {
        before[order] = buddy.nr_blocks[FRAMES_MOVABLE][order];
    }
    for (int i = 0; i < NR_FRAMES; i++) {
        taken[i] = buddy_alloc_block(&buddy, 0, FRAMES_MOVABLE);
        assert_non_null(taken[i]);
    }
    assert_null(buddy_alloc_block(&buddy, 0, FRAMES_MOVABLE));
    assert_int_equal(buddy.nr_free, 0);
    for (int i = NR_FRAMES - 1; i > 0; i--) { /* in random order */
        size_t other = host_random_below(&source, (uint64_t)i + 1);
        struct page *swap = taken[i];
        taken[i] = taken[other];
        taken[other] = swap;
    }
    for (int i = 0; i < NR_FRAMES; i++) {
        assert_int_equal(buddy_free_block(&buddy, taken[i], 0, NULL), BUDDY_OK);
    }
    buddy_check(&buddy);
    for (int order = 0; order < BUDDY_NR_ORDERS; order++) {
        assert_int_equal(buddy.nr_blocks[FRAMES_MOVABLE][order], before[order]);
    }
}

static void only_added_frames_are_given_out(void **state)
{
    size_t nr_given = 0;
    struct page *page;

    (void)state;
    make_buddy();
    buddy_add_range(&buddy, FIRST_FRAME + 1, 9);
    buddy_add_range(&buddy, FIRST_FRAME + 100, 301);
    buddy_check(&buddy);
    while ((page = buddy_alloc_block(&buddy, 0, FRAMES_MOVABLE)) != NULL) {
        uint64_t index = frame_of(page) - FIRST_FRAME;
        assert_true((index >= 1 && index < 10) || (index >= 100 && index < 401));
        nr_given++;
    }
    assert_int_equal(nr_given, 9 + 301);
}

static void adjacent_additions_join(void **state)
{
    (void)state;
    make_buddy();
    for (uint64_t i = 5; i < 5 + 256; i++) { /* 0x803f8 is a multiple of 8 only */
        buddy_add_range(&buddy, FIRST_FRAME + i, 1);
        buddy_check(&buddy);
    }
    assert_non_null(buddy_alloc_block(&buddy, 7, FRAMES_MOVABLE));
}

static void wrong_frees_are_refused_and_change_nothing(void **state)
{
    struct page *block;
    struct page *single;
    uint64_t nr_free;

    (void)state;
    make_buddy();
    buddy_add_range(&buddy, FIRST_FRAME + 13, NR_FRAMES - 13);
    block = buddy_alloc_block(&buddy, 3, FRAMES_MOVABLE);
    single = buddy_alloc_block(&buddy, 0, FRAMES_MOVABLE);
    nr_free = buddy.nr_free;

    assert_int_equal(buddy_free_block(&buddy, block, 2, NULL), BUDDY_WRONG_ORDER);
    assert_int_equal(buddy_free_block(&buddy, block, 0, NULL), BUDDY_WRONG_ORDER);
    assert_int_equal(buddy_free_block(&buddy, block + 1, 0, NULL), BUDDY_NOT_FIRST);
    assert_int_equal(buddy_free_block(&buddy, block + 1, 3, NULL), BUDDY_MISALIGNED);
    assert_int_equal(buddy_free_block(&buddy, pages, 0, NULL), BUDDY_RESERVED);
    assert_int_equal(buddy_free_block(&buddy, pages + NR_FRAMES, 0, NULL), BUDDY_FOREIGN);
    assert_int_equal(buddy_free_block(&buddy, single, 11, NULL), BUDDY_FOREIGN);
    single->kind = PAGE_SLAB;
    assert_int_equal(buddy_free_block(&buddy, single, 0, NULL), BUDDY_IN_SLAB);
    single->kind = PAGE_ANON;
    assert_int_equal(buddy.nr_free, nr_free);
    buddy_check(&buddy);

    assert_int_equal(buddy_free_block(&buddy, single, 0, NULL), BUDDY_OK);
    assert_int_not_equal(buddy_free_block(&buddy, single, 0, NULL), BUDDY_OK);
    assert_int_equal(buddy_free_block(&buddy, block, 3, NULL), BUDDY_OK);
    assert_int_not_equal(buddy_free_block(&buddy, block, 3, NULL), BUDDY_OK);
    buddy_check(&buddy);
    assert_int_equal(buddy.nr_free, nr_free + 9);
}

static void a_block_that_did_not_join_is_double_when_freed_again(void **state)
{
    struct page *a;
    struct page *b;

    (void)state;
    make_buddy();
    buddy_add_range(&buddy, FIRST_FRAME + 5, 8);
    a = buddy_alloc_block(&buddy, 2, FRAMES_MOVABLE);
    b = buddy_alloc_block(&buddy, 2, FRAMES_MOVABLE);
    assert_non_null(b);
    assert_int_equal(buddy_free_block(&buddy, a, 2, NULL), BUDDY_OK);
    assert_int_equal(buddy_free_block(&buddy, a, 2, NULL), BUDDY_DOUBLE);
}

static void hot_frames_come_and_go_in_batches(void **state)
{
    struct page *batch[64];

    (void)state;
    make_buddy();
    buddy_add_range(&buddy, FIRST_FRAME, 40);
    assert_int_equal(buddy_take_hot(&buddy, batch, 32, FRAMES_MOVABLE), 32);
    assert_int_equal(buddy_take_hot(&buddy, batch + 32, 32, FRAMES_MOVABLE), 8);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(batch[i]->kind, PAGE_HOT);
        assert_int_equal(buddy_free_block(&buddy, batch[i], 0, NULL), BUDDY_DOUBLE);
    }
    buddy_return_hot(&buddy, batch, 40);
    assert_int_equal(buddy.nr_free, 40);
    buddy_check(&buddy);
}

static void check_damaged(void *unused)
{
    (void)unused;
    buddy_check(&buddy);
}

static void check_finds_damage(void **state)
{
    (void)state;
    make_buddy();
    buddy_add_range(&buddy, FIRST_FRAME, NR_FRAMES);
    /* a free block that is on no list; the region's first 13 frames can hold its order, and no buddy */
    buddy_alloc_block(&buddy, 3, FRAMES_MOVABLE)->order = PAGE_ORDER_FREE | 3;
    host_expect_panic(check_damaged, NULL, "nr_free == buddy->blocks");
    make_buddy(); /* the panic left the lock held */
    buddy_add_range(&buddy, FIRST_FRAME, NR_FRAMES);
    buddy.nr_free++;
    host_expect_panic(check_damaged, NULL, "nr_free");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_match_the_shadow),
        cmocka_unit_test(everything_freed_joins_to_the_blocks_of_the_beginning),
        cmocka_unit_test(only_added_frames_are_given_out),
        cmocka_unit_test(adjacent_additions_join),
        cmocka_unit_test(wrong_frees_are_refused_and_change_nothing),
        cmocka_unit_test(a_block_that_did_not_join_is_double_when_freed_again),
        cmocka_unit_test(hot_frames_come_and_go_in_batches),
        cmocka_unit_test(check_finds_damage),
    };

    host_random_init(&source);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
