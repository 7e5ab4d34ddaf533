// SPDX-License-Identifier: MIT
// TSAN
/* Truncation, and holes that are made and filled, against everybody: readers, writers, writeback and shared mappings in threads over a
 * disk that completes later and out of order. A byte of the file is zero or what its position says,
 * never what the disk held before; no write lands on a block that the file no longer has; and in
 * the end the disk holds what the file does. */
#include "fs/cache/test/cache_world.h"

#include <unistd.h>

#include "fs/cache/cache_internal.h"
#include "mm/space.h"
#include "tools/host/host.h"

#define FILE_PAGES 24u
#define NR_ROUNDS  150u

static uint8_t pattern(uint64_t position)
{
    return (uint8_t)(1 + (position * 13 + position / 509) % 200); /* neither 0 nor STALE */
}

static struct {
    struct space *space; /* the file is mapped there, shared and readable and writable */
    uint64_t address;
    _Atomic unsigned nr_left; /* threads that still change something */
} crowd;

/* ---- The parts ----------------------------------------------------------------------------------- */

static void change_size(struct host_random *random)
{
    uint64_t size = host_random_below(random, FILE_PAGES * PAGE_SIZE);
    int error = file_resize(size);

    assert(error == 0);
}

static void write_somewhere(struct host_random *random)
{
    static _Thread_local uint8_t bytes[12000];
    uint64_t position = host_random_below(random, FILE_PAGES * PAGE_SIZE - sizeof(bytes));
    size_t len = 1 + host_random_below(random, sizeof(bytes) - 1);

    for (size_t i = 0; i < len; i++) {
        bytes[i] = pattern(position + i);
    }
    assert(file_write(bytes, len, position) == (ssize_t)len);
}

static void check_bytes(const uint8_t *bytes, uint64_t position, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0 && bytes[i] != pattern(position + i)) {
            panic("byte %llu is %x", (unsigned long long)(position + i), bytes[i]);
        }
    }
}

static void read_somewhere(struct host_random *random)
{
    static _Thread_local uint8_t bytes[20000];
    uint64_t position = host_random_below(random, FILE_PAGES * PAGE_SIZE);
    struct readahead readahead = {0};
    ssize_t nr = file_read(bytes, sizeof(bytes), position, &readahead);

    assert(nr >= 0);
    check_bytes(bytes, position, (size_t)nr);
}

/* One byte through the mapping, as a processor accesses it: while nobody takes the right away.
 * What programs do with the bytes of their pages races with everything by right, so ThreadSanitizer
 * does not see it. Returns whether there is such a page. */
static bool access_byte(uint64_t address, enum fault_access access, uint8_t *byte)
{
    struct space *space = crowd.space;
    uint32_t needed = access == FAULT_WRITE ? PTE_FLAG_WRITE : PTE_FLAG_READ;

    for (;;) {
        bool is_done = false;
        struct pte pte;

        spin_lock(&space->table_lock);
        pte = pagetable_get(&space->table, align_down(address, PAGE_SIZE));
        if (pte.is_present && (pte.flags & needed) != 0) {
            uint8_t *there = (uint8_t *)phys_to_virt(pte.frame) + (address & PAGE_MASK);

            host_copy_racy(access == FAULT_WRITE ? there : byte,
                           access == FAULT_WRITE ? byte : there, 1);
            is_done = true;
        }
        spin_unlock(&space->table_lock);
        if (is_done) {
            return true;
        }
        if (space_fault(space, address, access) != 0) {
            return false;
        }
    }
}

static void store_somewhere(struct host_random *random)
{
    uint64_t position = host_random_below(random, FILE_PAGES * PAGE_SIZE);
    uint8_t byte = pattern(position);

    if (host_random_below(random, 2) == 0) {
        (void)access_byte(crowd.address + position, FAULT_WRITE, &byte);
    } else if (access_byte(crowd.address + position, FAULT_READ, &byte)) {
        check_bytes(&byte, position, 1);
    }
}

static void change_holes(struct host_random *random)
{
    uint64_t start = host_random_below(random, FILE_PAGES * PAGE_SIZE);
    uint64_t end = start + 1 + host_random_below(random, 8 * PAGE_SIZE);
    int error = host_random_below(random, 3) == 0 ? file_fill(start, end) : file_punch(start, end);

    assert(error == 0);
}

static void changer(struct host_random *random)
{
    for (unsigned i = 0; i < NR_ROUNDS; i++) {
        switch (host_random_below(random, 4)) {
        case 0: change_size(random); break;
        case 1: change_holes(random); break;
        default: write_somewhere(random); break;
        }
    }
    atomic_fetch_sub(&crowd.nr_left, 1);
}

static void crowd_thread(unsigned index, void *arg)
{
    struct host_random random = {.state = source.state + index};

    if (index < 2) {
        changer(&random);
        return;
    }
    while (atomic_load(&crowd.nr_left) != 0) {
        switch (index) {
        case 2: read_somewhere(&random); break;
        case 3: store_somewhere(&random); break;
        case 4:
            assert(mapping_start_write(file_mapping(), 7) >= 0);
            if (host_random_below(&random, 8) == 0) {
                assert(file_sync() == 0);
            }
            break;
        default:
            mapping_drop_clean(file_mapping());
            usleep(200);
            break;
        }
    }
}

/* ---- Together -------------------------------------------------------------------------------------- */

static void map_file(void)
{
    struct space_map_request request = {.len_bytes = FILE_PAGES * PAGE_SIZE,
                                        .flags = AREA_READ | AREA_WRITE | AREA_MAY_WRITE |
                                                 AREA_SHARED,
                                        .object = &file_mapping()->object};

    crowd.space = space_create();
    assert_non_null(crowd.space);
    assert_int_equal(space_map(crowd.space, &request, &crowd.address), 0);
}

static void compare_with_the_disk(void)
{
    static uint8_t cached[FILE_PAGES * PAGE_SIZE], stored[FILE_PAGES * PAGE_SIZE];
    uint64_t size = inode_size(&world.inode);

    assert_int_equal(file_read(cached, sizeof(cached), 0, NULL), size);
    check_bytes(cached, 0, size);
    file_forget();
    assert_int_equal(file_read(stored, sizeof(stored), 0, NULL), size);
    assert_memory_equal(cached, stored, size);
}

static void run_crowd(uint32_t block_shift, unsigned queue_depth, unsigned delay_us)
{
    world_begin(block_shift, 1);
    world.nr_free = 400; /* blocks come round again soon */
    host_disk_set_async(world.disk, queue_depth, delay_us);
    map_file();
    atomic_store(&crowd.nr_left, 2);
    host_run_threads(6, crowd_thread, NULL);
    space_put(crowd.space);
    assert_int_equal(file_sync(), 0);
    compare_with_the_disk();
    assert_int_equal(file_mapping()->nr_dirty, 0);
    world_end();
    host_random_next(&source);
}

static void truncation_and_everybody_else_with_1k_blocks(void **state)
{
    run_crowd(10, 3, 100);
}

static void truncation_and_everybody_else_with_4k_blocks(void **state)
{
    run_crowd(12, 8, 300);
}

static void truncation_and_everybody_else_on_a_fast_disk(void **state)
{
    run_crowd(11, 32, 0);
}

/* ---- One at a time ------------------------------------------------------------------------------------ */

static void nothing_behind_the_cut_can_be_had_until_it_is_done(void **state)
{
    uint8_t byte;
    struct page *page;

    world_begin(10, 1);
    make_file(4 * PAGE_SIZE, pattern);
    map_file();
    assert_int_equal(space_read(crowd.space, crowd.address + 2 * PAGE_SIZE, &byte, 1), 1);
    rwlock_write_lock(&world.inode.lock);
    mapping_cut_begin(file_mapping(), PAGE_SIZE + 100);
    /* The size is still the old one, the blocks are still there. */
    assert_int_equal(file_read(&byte, 1, 2 * PAGE_SIZE, NULL), 0);
    assert_int_equal(mapping_read(file_mapping(), 2, 1, &page), -EFAULT);
    assert_int_equal(space_read(crowd.space, crowd.address + 2 * PAGE_SIZE, &byte, 1), 0);
    assert_int_equal(space_write(crowd.space, crowd.address + 3 * PAGE_SIZE, &byte, 1), 0);
    assert_int_equal(space_write(crowd.space, crowd.address + PAGE_SIZE, &byte, 1), 1);
    inode_set_size(&world.inode, PAGE_SIZE + 100);
    world_trim(&world.inode);
    mapping_cut_end(file_mapping());
    rwlock_write_unlock(&world.inode.lock);
    assert_int_equal(file_resize(4 * PAGE_SIZE), 0);
    assert_int_equal(file_read(&byte, 1, 2 * PAGE_SIZE, NULL), 1);
    assert_int_equal(byte, 0);
    space_put(crowd.space);
    file_forget();
    world_end();
}

static void a_hole_reads_as_zeros_and_is_nobodys_before_its_blocks_are_free(void **state)
{
    static uint8_t bytes[8 * PAGE_SIZE];
    uint64_t start = PAGE_SIZE + 1500, end = 5 * PAGE_SIZE + 700;
    uint64_t found;

    world_begin(10, 1);
    make_file(8 * PAGE_SIZE, pattern);
    assert_int_equal(file_read(bytes, 1, 3 * PAGE_SIZE, NULL), 1); /* some of it is in memory */
    rwlock_write_lock(&world.inode.lock);
    assert_int_equal(mapping_punch_begin(file_mapping(), start, end), 0);
    /* The blocks are still there, and are not read any more. */
    assert_int_equal(file_read(bytes, sizeof(bytes), 0, NULL), sizeof(bytes));
    free_file_blocks(blocks_up(start), end >> 10);
    mapping_punch_end(file_mapping());
    rwlock_write_unlock(&world.inode.lock);
    for (unsigned round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < sizeof(bytes); i++) {
            assert_int_equal(bytes[i], i >= start && i < end ? 0 : pattern(i));
        }
        file_forget();
        assert_int_equal(file_read(bytes, sizeof(bytes), 0, NULL), sizeof(bytes));
    }
    assert_int_equal(mapping_find_edge(&world.inode, 0, false, &found), 0);
    assert_int_equal(found, align_up(start, 1024));
    assert_int_equal(mapping_find_edge(&world.inode, found, true, &found), 0);
    assert_int_equal(found, align_down(end, 1024));
    assert_int_equal(file_fill(0, UINT64_MAX), 0);
    assert_int_equal(mapping_find_edge(&world.inode, 0, false, &found), 0);
    assert_int_equal(found, 8 * PAGE_SIZE);
    file_forget();
    assert_int_equal(file_read(bytes, sizeof(bytes), 0, NULL), sizeof(bytes));
    for (uint64_t i = 0; i < sizeof(bytes); i++) {
        assert_int_equal(bytes[i], i >= start && i < end ? 0 : pattern(i));
    }
    world_end();
}

/* ---- What is remembered of the block map ------------------------------------------------------------- */

static void end_punch_of_three_blocks(void)
{
    free_file_blocks(1, 4);
    mapping_punch_end(file_mapping());
}

static void a_punch_that_ends_while_a_page_is_written_takes_its_blocks(void **state)
{
    struct page *page;

    world_begin(10, 1);
    make_file(PAGE_SIZE, pattern);
    rwlock_write_lock(&world.inode.lock);
    assert_int_equal(mapping_punch_begin(file_mapping(), 1024, PAGE_SIZE), 0);
    page = mapping_find(file_mapping(), 0);
    page_mark_dirty(page, 0, PAGE_SIZE);
    page_put(page);
    world.mapped = end_punch_of_three_blocks; /* the answer for block 0 was: 0 to 3 */
    assert_int_equal(mapping_start_write(file_mapping(), 1), 1);
    assert_null(world.mapped);
    rwlock_write_unlock(&world.inode.lock);
    world_end(); /* it looks for writes to blocks of nobody */
}

static void punch_the_pages_behind(void)
{
    assert_int_equal(file_punch(2 * PAGE_SIZE, 4 * PAGE_SIZE), 0);
}

static void shrink_and_grow(void)
{
    assert_int_equal(file_resize(2 * PAGE_SIZE), 0);
    assert_int_equal(file_resize(8 * PAGE_SIZE), 0);
}

static void fill_the_page_behind(void)
{
    static uint8_t bytes[PAGE_SIZE];

    for (uint64_t i = 0; i < PAGE_SIZE; i++) {
        bytes[i] = pattern(2 * PAGE_SIZE + i);
    }
    assert_int_equal(file_write(bytes, PAGE_SIZE, 2 * PAGE_SIZE), PAGE_SIZE);
    assert_int_equal(mapping_write_and_wait(file_mapping(), 2, 2), 0);
    assert_int_equal(mapping_drop_range(file_mapping(), 2, 2), 1);
}

/* Read eight pages at once; something happens when the first one's block, and so where the others' are, is known.
 * Returns whether pages 2 and 3 are zeros. */
static bool read_through(void (*mapped)(void))
{
    static uint8_t bytes[8 * PAGE_SIZE];
    struct readahead readahead = {0};
    bool is_zero = true;

    world.mapped = mapped;
    assert_int_equal(file_read(bytes, sizeof(bytes), 0, &readahead), sizeof(bytes));
    assert_null(world.mapped);
    check_bytes(bytes, 0, sizeof(bytes));
    for (uint64_t i = 2 * PAGE_SIZE; i < 4 * PAGE_SIZE; i++) {
        is_zero = is_zero && bytes[i] == 0;
    }
    return is_zero;
}

static void a_reader_does_not_see_blocks_that_were_freed_on_his_way(void **state)
{
    world_begin(12, 1);
    make_file(8 * PAGE_SIZE, pattern);
    assert_true(read_through(punch_the_pages_behind));
    file_forget();
    assert_true(read_through(shrink_and_grow));
    file_forget();
    world_end();
}

static void a_reader_sees_blocks_that_were_given_on_his_way(void **state)
{
    world_begin(12, 1);
    assert_int_equal(file_resize(8 * PAGE_SIZE), 0);
    assert_false(read_through(fill_the_page_behind));
    file_forget();
    world_end();
}

static void cut_in_between(enum test_point point, void *object)
{
    if (point == TEST_LIMIT_READ && object == file_mapping()) {
        atomic_store(&test_point_hook, NULL);
        assert_int_equal(file_resize(PAGE_SIZE), 0);
    }
}

static void a_size_is_never_that_from_before_a_cut_that_is_over(void **state)
{
    world_begin(12, 1);
    assert_int_equal(file_resize(8 * PAGE_SIZE), 0);
    atomic_store(&test_point_hook, cut_in_between);
    assert_int_equal(mapping_size(file_mapping()), PAGE_SIZE);
    assert_null(atomic_load(&test_point_hook));
    world_end();
}

static void filling_ends_where_the_disk_is_full(void **state)
{
    world_begin(12, 1);
    assert_int_equal(file_resize(8 * PAGE_SIZE), 0);
    world.nr_free = 5;
    assert_int_equal(file_fill(0, 8 * PAGE_SIZE), -ENOSPC);
    assert_int_equal(world.nr_free, 0);
    assert_int_equal(file_punch(0, 8 * PAGE_SIZE), 0);
    assert_int_equal(world.nr_free, 5);
    world_end();
}

static void cutting_waits_for_writes_of_what_goes(void **state)
{
    static uint8_t bytes[4 * PAGE_SIZE];

    for (unsigned i = 0; i < 20; i++) {
        world_begin(10, 1);
        host_disk_set_async(world.disk, 16, 2000);
        memset(bytes, 1, sizeof(bytes));
        assert_int_equal(file_write(bytes, sizeof(bytes), 0), sizeof(bytes));
        assert_true(mapping_start_write(file_mapping(), 100) > 0);
        assert_int_equal(file_resize(i * 800), 0);
        /* The blocks are free from here on: nothing may be on its way to them. */
        assert_int_equal(file_sync(), 0);
        world_end();
    }
}

static int start(void **state)
{
    host_random_init(&source);
    machine_start(64 * MIB);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_behind_the_cut_can_be_had_until_it_is_done),
        cmocka_unit_test(a_hole_reads_as_zeros_and_is_nobodys_before_its_blocks_are_free),
        cmocka_unit_test(a_punch_that_ends_while_a_page_is_written_takes_its_blocks),
        cmocka_unit_test(a_reader_does_not_see_blocks_that_were_freed_on_his_way),
        cmocka_unit_test(a_reader_sees_blocks_that_were_given_on_his_way),
        cmocka_unit_test(a_size_is_never_that_from_before_a_cut_that_is_over),
        cmocka_unit_test(filling_ends_where_the_disk_is_full),
        cmocka_unit_test(cutting_waits_for_writes_of_what_goes),
        cmocka_unit_test(truncation_and_everybody_else_with_1k_blocks),
        cmocka_unit_test(truncation_and_everybody_else_with_4k_blocks),
        cmocka_unit_test(truncation_and_everybody_else_on_a_fast_disk),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
