// SPDX-License-Identifier: MIT
// TSAN
/* Cached pages that move to other frames: content, dirt and place in the file go along, whoever reads,
 * writes, maps, writes back or truncates meanwhile; a page that is in use stays. */
#include "fs/cache/test/cache_world.h"

#include "mm/migrate.h"
#include "mm/reclaim.h"
#include "mm/space.h"

#define FILE_PAGES 16u

static uint8_t pattern(uint64_t position)
{
    return (uint8_t)(1 + position % 97);
}

/* The frame that holds the page now; no reference. */
static struct page *frame_of(uint64_t index)
{
    struct page *page = mapping_find(file_mapping(), index);

    if (page != NULL) {
        page_put(page);
    }
    return page;
}

/* Returns whether the page has moved. */
static bool move(struct page *page)
{
    struct page *fresh = frames_alloc(0, ALLOC_MOVABLE);

    if (page_migrate(page, fresh) == 0) {
        return true;
    }
    assert_int_equal(page_refs(fresh), 1);
    page_put(fresh);
    return false;
}

static void read_all(void)
{
    uint8_t byte;

    for (uint64_t i = 0; i < FILE_PAGES * PAGE_SIZE; i += 512) {
        assert_int_equal(file_read(&byte, 1, i, NULL), 1);
    }
}

static void content_and_dirt_go_along(void **state)
{
    uint8_t byte = 200;

    world_begin(12, 1);
    make_file(FILE_PAGES * PAGE_SIZE, pattern);
    read_all();
    assert_int_equal(file_write(&byte, 1, 3 * PAGE_SIZE + 700), 1);
    for (uint64_t i = 0; i < FILE_PAGES; i++) {
        struct page *old = frame_of(i);

        assert_true(move(old));
        assert_ptr_not_equal(frame_of(i), old);
        assert_int_equal(page_refs(frame_of(i)), 1);
        assert_int_equal(page_has(frame_of(i), PAGE_DIRTY), i == 3);
        assert_false(page_has(frame_of(i), PAGE_LOCKED));
    }
    assert_int_equal(file_mapping()->nr_pages, FILE_PAGES);
    assert_int_equal(file_mapping()->nr_dirty, 1);
    forget_counts();
    for (uint64_t i = 0; i < FILE_PAGES * PAGE_SIZE; i += 41) {
        assert_int_equal(file_read(&byte, 1, i, NULL), 1);
        assert_int_equal(byte, pattern(i));
    }
    assert_int_equal(world.nr_reads, 0);
    file_forget(); /* written, dropped, and read again */
    assert_int_equal(file_read(&byte, 1, 3 * PAGE_SIZE + 700, NULL), 1);
    assert_int_equal(byte, 200);
    world_end();
}

static void reclaim_finds_the_new_page(void **state)
{
    world_begin(12, 1);
    make_file(FILE_PAGES * PAGE_SIZE, pattern);
    read_all();
    for (uint64_t i = 0; i < FILE_PAGES; i++) {
        assert_true(move(frame_of(i)));
    }
    (void)reclaim_frames(100000, ALLOC_WAIT);
    assert_int_equal(file_mapping()->nr_pages, 0);
    world_end();
}

static void a_page_in_use_stays(void **state)
{
    struct page *page;

    world_begin(12, 1);
    make_file(FILE_PAGES * PAGE_SIZE, pattern);
    read_all();
    page = mapping_find(file_mapping(), 2); /* a holder */
    assert_false(move(page));
    page_lock(page);
    page_put(page);
    assert_false(move(page)); /* locked */
    page_unlock(page);
    page_set(page, PAGE_WRITEBACK);
    assert_false(move(page));
    page_clear(page, PAGE_WRITEBACK);
    assert_true(move(page));
    assert_false(move(page)); /* free by now */
    world_end();
}

static void a_mapped_page_moves_and_is_mapped_again(void **state)
{
    struct space_map_request request = {.len_bytes = FILE_PAGES * PAGE_SIZE,
                                        .flags = AREA_READ | AREA_WRITE | AREA_MAY_WRITE |
                                                 AREA_SHARED,
                                        .object = &file_mapping()->object};
    struct space *space = space_create();
    uint64_t address;
    uint8_t byte = 5;

    world_begin(12, 1);
    make_file(FILE_PAGES * PAGE_SIZE, pattern);
    assert_int_equal(space_map(space, &request, &address), 0);
    assert_int_equal(space_write(space, address + PAGE_SIZE, &byte, 1), 1);
    assert_true(move(frame_of(1)));
    assert_int_equal(atomic_load(&frame_of(1)->maps), 0);
    assert_int_equal(space_read(space, address + PAGE_SIZE, &byte, 1), 1);
    assert_int_equal(byte, 5);
    byte = 6;
    assert_int_equal(space_write(space, address + PAGE_SIZE + 1, &byte, 1), 1);
    assert_int_equal(file_sync(), 0);
    assert_int_equal(file_read(&byte, 1, PAGE_SIZE, NULL), 1);
    assert_int_equal(byte, 5);
    space_put(space);
    file_forget();
    assert_int_equal(file_read(&byte, 1, PAGE_SIZE + 1, NULL), 1);
    assert_int_equal(byte, 6);
    world_end();
}

/* ---- Threads ------------------------------------------------------------------------------------ */

static _Atomic unsigned nr_at_work;
static _Atomic uint64_t nr_moved;

static void mover(void)
{
    uint64_t i = 0;

    while (atomic_load(&nr_at_work) != 0 || atomic_load(&nr_moved) < 50) {
        struct page *page = frame_of(i++ % FILE_PAGES);

        if (page != NULL && move(page)) {
            atomic_fetch_add(&nr_moved, 1);
        }
        port_yield();
    }
}

/* Each writer has sectors of its own, and knows what they must hold. */
static void writer(unsigned index)
{
    struct host_random random = {.state = source.state + index};
    uint8_t bytes[FILE_PAGES];

    for (unsigned i = 0; i < FILE_PAGES; i++) {
        bytes[i] = pattern(i * PAGE_SIZE + index * 512);
    }
    for (unsigned step = 0; step < 600; step++) {
        unsigned i = (unsigned)host_random_below(&random, FILE_PAGES);
        uint64_t position = i * PAGE_SIZE + index * 512;
        uint8_t byte = 0;

        assert_int_equal(file_read(&byte, 1, position, NULL), 1);
        assert_int_equal(byte, bytes[i]);
        bytes[i] = (uint8_t)step;
        assert_int_equal(file_write(&bytes[i], 1, position), 1);
        if (step % 50 == 0) {
            assert_int_equal(file_sync(), 0);
        }
        if (step % 70 == 0) { /* truncation of what nobody looks at, and growth */
            assert_int_equal(file_resize((FILE_PAGES + step % 3) * PAGE_SIZE), 0);
        }
    }
    atomic_fetch_sub(&nr_at_work, 1);
}

static void mover_or_writer(unsigned index, void *arg)
{
    if (index == 0) {
        mover();
    } else {
        writer(index);
    }
}

static void nothing_is_lost_while_pages_move(void **state)
{
    world_begin(10, 1);
    make_file(FILE_PAGES * PAGE_SIZE, pattern);
    read_all();
    atomic_store(&nr_at_work, 3);
    host_run_threads(4, mover_or_writer, NULL);
    assert_true(atomic_load(&nr_moved) >= 50);
    file_forget();
    world_end();
}

static int setup_group(void **state)
{
    host_random_init(&source);
    machine_start(24 * MIB);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_and_dirt_go_along),
        cmocka_unit_test(reclaim_finds_the_new_page),
        cmocka_unit_test(a_page_in_use_stays),
        cmocka_unit_test(a_mapped_page_moves_and_is_mapped_again),
        cmocka_unit_test(nothing_is_lost_while_pages_move),
    };

    return cmocka_run_group_tests(tests, setup_group, NULL);
}
