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

enum { NR_FRAMES = 700, NR_STEPS = 200000, MAX_LIVE = 256 };
#define FIRST_FRAME 0x80003ul /* odd, so that the region's edges are not aligned */

static struct host_random source;
static struct page pages[NR_FRAMES];
static struct buddy buddy;

struct block {
    struct page *page;
    unsigned order;
};

static void make_buddy(void)
{
    memset(pages, 0, sizeof(pages));
    buddy_init(&buddy, FIRST_FRAME, NR_FRAMES, pages);
}

static uint64_t frame_of(const struct page *page)
{
    return FIRST_FRAME + (uint64_t)(page - pages);
}

static void mark(uint8_t *owner, const struct block *block, bool is_taken)
{
    for (size_t i = 0; i < 1ul << block->order; i++) {
        size_t frame = (size_t)(block->page - pages) + i;
        assert_in_range(frame, 0, NR_FRAMES - 1);
        assert_int_equal(owner[frame], !is_taken);
        owner[frame] = is_taken;
    }
}

static void random_operations_match_the_shadow(void **state)
{
    static uint8_t owner[NR_FRAMES];
    struct block live[MAX_LIVE];
    size_t nr_live = 0;
    uint64_t nr_free = NR_FRAMES;

    (void)state;
    make_buddy();
    buddy_add_range(&buddy, FIRST_FRAME, NR_FRAMES);
    for (int step = 0; step < NR_STEPS; step++) {
        if (host_random_below(&source, 2) == 0 && nr_live < MAX_LIVE) {
            /* Mostly small blocks, as in life. */
            unsigned order = (unsigned)host_random_below(&source,
                                                         1 + host_random_below(&source, 8));
            struct block block = {buddy_alloc_block(&buddy, order), order};
            if (block.page != NULL) {
                assert_int_equal(frame_of(block.page) % (1ul << order), 0);
                assert_int_equal(block.page->order, order);
                mark(owner, &block, true);
                live[nr_live++] = block;
                nr_free -= 1ul << order;
            }
        } else if (nr_live > 0) {
            size_t victim = host_random_below(&source, nr_live);
            struct block block = live[victim];
            live[victim] = live[--nr_live];
            mark(owner, &block, false);
            assert_int_equal(buddy_free_block(&buddy, block.page, block.order, NULL), BUDDY_OK);
            nr_free += 1ul << block.order;
        }
        assert_int_equal(buddy.nr_free, nr_free);
        buddy_check(&buddy);
    }
}

static void everything_freed_joins_to_the_blocks_of_the_beginning(void **state)
{
    uint64_t before[BUDDY_NR_ORDERS];
    struct page *taken[NR_FRAMES];

    (void)state;
    make_buddy();
    buddy_add_range(&buddy, FIRST_FRAME, NR_FRAMES);
    for (int order = 0; order < BUDDY_NR_ORDERS; order++) {
        before[order] = buddy.nr_blocks[order];
    }
    for (int i = 0; i < NR_FRAMES; i++) {
        taken[i] = buddy_alloc_block(&buddy, 0);
        assert_non_null(taken[i]);
    }
    assert_null(buddy_alloc_block(&buddy, 0));
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
        assert_int_equal(buddy.nr_blocks[order], before[order]);
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
    while ((page = buddy_alloc_block(&buddy, 0)) != NULL) {
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
    for (uint64_t i = 5; i < 5 + 256; i++) { /* 0x80008 is a multiple of 8 only */
        buddy_add_range(&buddy, FIRST_FRAME + i, 1);
        buddy_check(&buddy);
    }
    assert_non_null(buddy_alloc_block(&buddy, 7));
}

static void wrong_frees_are_refused_and_change_nothing(void **state)
{
    struct page *block;
    struct page *single;
    uint64_t nr_free;

    (void)state;
    make_buddy();
    buddy_add_range(&buddy, FIRST_FRAME + 13, NR_FRAMES - 13);
    block = buddy_alloc_block(&buddy, 3);
    single = buddy_alloc_block(&buddy, 0);
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
    a = buddy_alloc_block(&buddy, 2);
    b = buddy_alloc_block(&buddy, 2);
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
    assert_int_equal(buddy_take_hot(&buddy, batch, 32), 32);
    assert_int_equal(buddy_take_hot(&buddy, batch + 32, 32), 8);
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
    buddy_alloc_block(&buddy, 4)->order = PAGE_ORDER_FREE | 4; /* a free block that is on no list */
    host_expect_panic(check_damaged, NULL, "nr_marked");
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
