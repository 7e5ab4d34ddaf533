// SPDX-License-Identifier: MIT
/* Grouping by mobility: what cannot be moved spoils few page blocks, and what was spoilt once is
 * whole again when all of it is free. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "mm/buddy.h"
#include "tools/host/host.h"

enum { NR_BLOCKS = 16, NR_FRAMES = NR_BLOCKS * PAGE_BLOCK_FRAMES };
#define FIRST_FRAME 0x80000ul

static struct host_random source;
static struct {
    struct page pages[NR_FRAMES];
    struct page_block blocks[NR_BLOCKS];
    uint8_t tags[NR_FRAMES];
} meta;
static struct buddy buddy;

static int make_buddy(void **state)
{
    memset(&meta, 0, sizeof(meta));
    buddy_init(&buddy, FIRST_FRAME, NR_FRAMES, &meta);
    buddy_add_range(&buddy, FIRST_FRAME, NR_FRAMES);
    return 0;
}

static unsigned nr_of_type(enum frame_type type)
{
    unsigned nr = 0;

    for (unsigned i = 0; i < NR_BLOCKS; i++) {
        nr += buddy.blocks[i].type == type;
    }
    return nr;
}

/* Free frames that lie in whole free page blocks. */
static uint64_t nr_free_in_whole_blocks(void)
{
    return buddy.nr_blocks[FRAMES_MOVABLE][10] * 1024 + buddy.nr_blocks[FRAMES_MOVABLE][9] * 512;
}

static void free_all(struct page **pages, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        assert_int_equal(buddy_free_block(&buddy, pages[i], 0, NULL), BUDDY_OK);
    }
}

/* Both kinds in any order; then all movable ones go. */
static void unmovable_frames_spoil_few_page_blocks(void **state)
{
    static struct page *movable[NR_FRAMES], *unmovable[NR_FRAMES];
    unsigned nr_movable = 0, nr_unmovable = 0;

    while (buddy.nr_free > NR_FRAMES / 8) {
        if (host_random_below(&source, 8) == 0) {
            unmovable[nr_unmovable] = buddy_alloc_block(&buddy, 0, FRAMES_UNMOVABLE);
            assert_non_null(unmovable[nr_unmovable++]);
        } else {
            movable[nr_movable] = buddy_alloc_block(&buddy, 0, FRAMES_MOVABLE);
            assert_non_null(movable[nr_movable++]);
        }
    }
    buddy_check(&buddy);
    free_all(movable, nr_movable);
    buddy_check(&buddy);
    assert_true(nr_free_in_whole_blocks() / PAGE_BLOCK_FRAMES >=
                NR_BLOCKS - nr_unmovable / PAGE_BLOCK_FRAMES - 1);
    free_all(unmovable, nr_unmovable);
    buddy_check(&buddy);
    assert_int_equal(nr_free_in_whole_blocks(), NR_FRAMES);
    assert_int_equal(nr_of_type(FRAMES_MOVABLE), NR_BLOCKS);
}

/* The kernel claims a page block that is half free, and borrows from one that is not. */
static void a_page_block_is_claimed_when_it_is_worth_it(void **state)
{
    static struct page *movable[NR_FRAMES];
    struct page *page;

    for (unsigned i = 0; i < NR_FRAMES; i++) {
        movable[i] = buddy_alloc_block(&buddy, 0, FRAMES_MOVABLE);
        assert_non_null(movable[i]);
    }
    /* Every page block a quarter free: not claimed. */
    for (unsigned i = 0; i < NR_FRAMES; i += 4) {
        assert_int_equal(buddy_free_block(&buddy, movable[i], 0, NULL), BUDDY_OK);
    }
    page = buddy_alloc_block(&buddy, 0, FRAMES_UNMOVABLE);
    assert_non_null(page);
    assert_int_equal(nr_of_type(FRAMES_UNMOVABLE), 0);
    assert_int_equal(buddy_free_block(&buddy, page, 0, NULL), BUDDY_OK);
    /* One of them three quarters free, in larger pieces: claimed, with all its free frames. */
    for (unsigned i = 0; i < NR_FRAMES; i++) {
        uint64_t index = (uint64_t)(movable[i] - buddy.pages);
        if (i % 4 != 0 && index / PAGE_BLOCK_FRAMES == 3 && index % 4 != 0) {
            assert_int_equal(buddy_free_block(&buddy, movable[i], 0, NULL), BUDDY_OK);
        }
    }
    page = buddy_alloc_block(&buddy, 0, FRAMES_UNMOVABLE);
    assert_non_null(page);
    assert_int_equal((page - buddy.pages) / PAGE_BLOCK_FRAMES, 3);
    assert_int_equal(buddy.blocks[3].type, FRAMES_UNMOVABLE);
    assert_int_equal(nr_of_type(FRAMES_UNMOVABLE), 1);
    buddy_check(&buddy);
    /* The next one comes from there, too; a user's page may borrow, and claims nothing. */
    page = buddy_alloc_block(&buddy, 0, FRAMES_UNMOVABLE);
    assert_int_equal((page - buddy.pages) / PAGE_BLOCK_FRAMES, 3);
    while (buddy_alloc_block(&buddy, 0, FRAMES_MOVABLE) != NULL) {
    }
    assert_int_equal(buddy.nr_free, 0);
    assert_int_equal(buddy.blocks[3].type, FRAMES_UNMOVABLE);
    buddy_check(&buddy);
}

static void the_cheapest_page_block_is_the_emptiest_movable_one(void **state)
{
    struct page *blocks[NR_BLOCKS];
    struct page *page;
    uint64_t bad;

    for (unsigned i = 0; i < NR_BLOCKS; i++) {
        blocks[i] = buddy_alloc_block(&buddy, 9, FRAMES_MOVABLE);
        assert_non_null(blocks[i]);
        buddy_split_block(&buddy, blocks[i], 9, FRAMES_MOVABLE);
    }
    assert_int_equal(buddy_free_range(&buddy, blocks[5], 100, NULL, &bad), BUDDY_OK);
    assert_int_equal(buddy_free_range(&buddy, blocks[7], 101, NULL, &bad), BUDDY_OK);
    assert_int_equal(buddy_free_range(&buddy, blocks[9], 400, NULL, &bad), BUDDY_OK);
    page = buddy_alloc_block(&buddy, 0, FRAMES_UNMOVABLE); /* claims number 9 */
    assert_ptr_equal(&buddy.blocks[(page - buddy.pages) / PAGE_BLOCK_FRAMES],
                     &buddy.blocks[(blocks[9] - buddy.pages) / PAGE_BLOCK_FRAMES]);
    assert_int_equal(buddy_cheapest_block(&buddy, 0),
                     (blocks[7] - buddy.pages) / PAGE_BLOCK_FRAMES);
    buddy_note_failure(&buddy, buddy_cheapest_block(&buddy, 0), 10);
    assert_int_equal(buddy_cheapest_block(&buddy, 9),
                     (blocks[5] - buddy.pages) / PAGE_BLOCK_FRAMES);
    assert_int_equal(buddy_cheapest_block(&buddy, 10),
                     (blocks[7] - buddy.pages) / PAGE_BLOCK_FRAMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(unmovable_frames_spoil_few_page_blocks, make_buddy),
        cmocka_unit_test_setup(a_page_block_is_claimed_when_it_is_worth_it, make_buddy),
        cmocka_unit_test_setup(the_cheapest_page_block_is_the_emptiest_movable_one, make_buddy),
    };

    host_random_init(&source);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
