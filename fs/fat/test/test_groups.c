// SPDX-License-Identifier: MIT
/* Groups of clusters: what is free is found, and counted, as the table has it, whatever was done; and on a full disk it is found
 * without reading all of the table. */
#include "fs/fat/test/fat_table_world.h"

static uint64_t nr_table_reads; /* sectors */

static void set_all(uint32_t value)
{
    struct fat_cursor cursor;

    fat_cursor_begin(&cursor, fs);
    for (uint32_t i = 0; i < fs->layout.nr_clusters; i++) {
        if (FAT_FIRST_CLUSTER + i != fs->layout.root_cluster) {
            assert_int_equal(fat_table_set(&cursor, FAT_FIRST_CLUSTER + i, value), 0);
        }
    }
    assert_int_equal(fat_cursor_end(&cursor), 0);
}

static void set_one(uint32_t cluster, uint32_t value)
{
    struct fat_cursor cursor;

    fat_cursor_begin(&cursor, fs);
    assert_int_equal(fat_table_set(&cursor, cluster, value), 0);
    assert_int_equal(fat_cursor_end(&cursor), 0);
}

/* An entry of FAT12 whose 12 bits lie in two sectors is nobody's. */
static bool is_in_two_sectors(uint32_t cluster)
{
    return fs->layout.bits == 12 &&
           cluster * 12 / 8 / SECTOR_SIZE != (cluster * 12 + 11) / 8 / SECTOR_SIZE;
}

/* Each group that is counted has the count that its entries give; the sum is the sum. */
static void check_counts(void)
{
    struct fat_cursor cursor;
    uint32_t sum = 0, nr_uncounted = 0;

    fat_cursor_begin(&cursor, fs);
    for (uint32_t group = 0; group < fs->nr_groups; group++) {
        uint32_t nr = 0;

        for (uint32_t i = group << fs->group_shift;
             i < (group + 1) << fs->group_shift && i < fs->layout.nr_clusters; i++) {
            uint32_t value = 1;

            assert_int_equal(fat_table_get(&cursor, FAT_FIRST_CLUSTER + i, &value), 0);
            nr += value == FAT_FREE && !is_in_two_sectors(FAT_FIRST_CLUSTER + i);
        }
        if (fs->group_free[group] == FAT_NOT_COUNTED) {
            nr_uncounted++;
        } else {
            assert_int_equal(fs->group_free[group], nr);
            sum += nr;
        }
    }
    assert_int_equal(fat_cursor_end(&cursor), 0);
    assert_int_equal(fs->nr_free, sum);
    assert_int_equal(fs->nr_uncounted, nr_uncounted);
}

/* Random entries come to be free or not; runs are asked for, and must be those that entry after entry gives. */
static void runs_are_those_of_the_table(const char *options, uint32_t busy_in_16)
{
    struct host_disk *disk = begin(34 * KIB, options);
    uint32_t end_cluster = fat_end_cluster(fs);
    uint8_t *is_free = calloc(end_cluster + 1, 1);

    mutex_lock(&fs->alloc_lock);
    for (uint32_t i = FAT_FIRST_CLUSTER; i < end_cluster; i++) {
        is_free[i] = host_random_below(&fat_random, 16) >= busy_in_16;
        set_one(i, is_free[i] ? FAT_FREE : FAT_END);
        is_free[i] &= !is_in_two_sectors(i);
    }
    mutex_unlock(&fs->alloc_lock);
    for (unsigned round = 0; round < 3000; round++) {
        uint32_t from = FAT_FIRST_CLUSTER +
                        (uint32_t)host_random_below(&fat_random, fs->layout.nr_clusters);
        uint32_t to = from + (uint32_t)host_random_below(&fat_random, end_cluster - from + 1);
        uint32_t first = 0, nr = 0, expected = from, behind;

        mutex_lock(&fs->alloc_lock);
        assert_int_equal(fat_find_free_run(fs, from, to, &first, &nr), 0);
        while (expected < to && !is_free[expected]) {
            expected++;
        }
        for (behind = expected; behind < to && is_free[behind]; behind++) {
        }
        assert_int_equal(nr, behind - expected);
        assert_true(nr == 0 || first == expected);
        if (!is_in_two_sectors(from)) {
            is_free[from] = !is_free[from];
            set_one(from, is_free[from] ? FAT_FREE : FAT_BAD);
        }
        if (round % 500 == 0) {
            check_counts();
            fat_groups_forget(fs, from);
        }
        mutex_unlock(&fs->alloc_lock);
    }
    mutex_lock(&fs->alloc_lock);
    assert_int_equal(fat_groups_count(fs), 0);
    assert_int_equal(fs->nr_uncounted, 0);
    check_counts();
    set_all(FAT_FREE);
    set_one(FAT_FIRST_CLUSTER, fs->layout.bits == 32 ? FAT_END : FAT_FREE);
    mutex_unlock(&fs->alloc_lock);
    free(is_free);
    end(disk);
}

static void runs_of_all_kinds_are_those_of_the_table(void **state)
{
    for (uint32_t busy = 0; busy <= 16; busy += 8) {
        runs_are_those_of_the_table("-F 12 -s 32", busy);
        runs_are_those_of_the_table("-F 16 -s 4", busy);
        runs_are_those_of_the_table("-F 32 -s 1", busy);
    }
}

static int count_table_reads(struct host_disk *self, const struct block_request *request)
{
    if (request->op == BLOCK_READ && request->sector >= fs->layout.table_sector &&
        request->sector < fs->layout.table_sector + fs->layout.table_sectors) {
        for (unsigned i = 0; i < request->nr_segments; i++) {
            nr_table_reads += request->segments[i].len_bytes / SECTOR_SIZE;
        }
    }
    return 0;
}

static void forget_pages(struct host_disk *disk)
{
    assert_int_equal(meta_write_all(fs->super), 0);
    mapping_drop_clean(fs->super->metadata);
    nr_table_reads = 0;
}

/* One cluster is free, right before the place where the search begins. */
static void a_full_table_is_not_read_for_each_cluster(void **state)
{
    struct host_disk *disk = begin(128 * KIB, "-F 32 -s 1");
    uint32_t hole = FAT_FIRST_CLUSTER + fs->layout.nr_clusters / 2, first = 0, nr = 0;

    mutex_lock(&fs->alloc_lock);
    set_all(FAT_END);
    set_one(hole, FAT_FREE);
    assert_int_equal(fat_groups_count(fs), 0);
    fs->next_free = hole + 1;
    mutex_unlock(&fs->alloc_lock);
    disk->filter = count_table_reads;
    forget_pages(disk);
    assert_int_equal(fat_alloc(fs, 0, 5, &first, &nr), 0);
    assert_int_equal(first, hole);
    assert_int_equal(nr, 1);
    assert_true(nr_table_reads > 0 && nr_table_reads <= 300);
    assert_true(fs->layout.table_sectors > 1500);
    forget_pages(disk);
    assert_int_equal(fat_alloc(fs, 0, 1, &first, &nr), -ENOSPC);
    assert_int_equal(nr_table_reads, 0);
    disk->filter = NULL;
    mutex_lock(&fs->alloc_lock);
    set_all(FAT_FREE);
    mutex_unlock(&fs->alloc_lock);
    end(disk);
}

/* On a disk that was just mounted, the first cluster does not cost a walk over the table. */
static void the_first_cluster_needs_one_group(void **state)
{
    struct host_disk *disk = begin(128 * KIB, "-F 32 -s 1");
    uint32_t first = 0, nr = 0;

    disk->filter = count_table_reads;
    forget_pages(disk);
    assert_int_equal(fat_alloc(fs, 0, 1, &first, &nr), 0);
    assert_true(nr_table_reads <= 300);
    assert_true(fs->nr_uncounted >= fs->nr_groups - 1);
    assert_int_equal(fat_free_chain(fs, first), 0);
    disk->filter = NULL;
    end(disk);
}

/* Somebody writes to the device what the counts do not know of. No cluster is taken that is in use. */
static void a_table_that_changes_by_itself_costs_room_only(void **state)
{
    struct host_disk *disk = begin(34 * KIB, "-F 32 -s 1");
    uint32_t first = 0, nr = 0;

    mutex_lock(&fs->alloc_lock);
    assert_int_equal(fat_groups_count(fs), 0);
    set_all(FAT_END);
    for (uint32_t group = 0; group < fs->nr_groups; group++) {
        fs->group_free[group] = 1; /* that is not so */
    }
    fs->nr_free = fs->nr_groups;
    mutex_unlock(&fs->alloc_lock);
    assert_int_equal(fat_alloc(fs, 0, 1, &first, &nr), -ENOSPC);
    mutex_lock(&fs->alloc_lock);
    fat_groups_init(fs);
    set_all(FAT_FREE);
    mutex_unlock(&fs->alloc_lock);
    end(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_of_all_kinds_are_those_of_the_table),
        cmocka_unit_test(a_full_table_is_not_read_for_each_cluster),
        cmocka_unit_test(the_first_cluster_needs_one_group),
        cmocka_unit_test(a_table_that_changes_by_itself_costs_room_only),
    };

    return cmocka_run_group_tests(tests, fat_world_start, fat_world_stop);
}
