// SPDX-License-Identifier: MIT
/* The FAT driver on images made by mkfs.fat, judged by fsck.fat: random work against a model
 * tree, with unmounts in between, on all kinds of table and several sizes of cluster. */
#include "fs/fat/test/fat_world.h"

static void work_on(uint64_t size_kib, const char *options, unsigned nr_rounds, unsigned nr_steps)
{
    struct host_disk *disk = make_image(size_kib, options);

    for (unsigned round = 0; round < nr_rounds; round++) {
        mount_disk(disk);
        tree_model_check(&model);
        tree_model_run(&model, nr_steps);
        tree_model_check(&model);
        unmount();
        check_clean(disk);
    }
    tree_model_clear(&model);
    host_disk_free(disk);
}

static void random_work_matches_the_model_on_fat32(void **state)
{
    work_on(48 * KIB, "-F 32 -s 1", 4, 600);
}

static void random_work_matches_the_model_on_fat32_with_large_clusters(void **state)
{
    work_on(64 * KIB, "-F 32 -s 64", 3, 500);
}

static void random_work_matches_the_model_on_fat16(void **state)
{
    work_on(32 * KIB, "-F 16 -s 4", 4, 600);
}

static void random_work_matches_the_model_on_fat12(void **state)
{
    work_on(24 * KIB, "-F 12 -s 16", 4, 600);
}

static void random_work_matches_the_model_with_odd_geometry(void **state)
{
    work_on(32 * KIB, "-F 16 -a -R 3 -s 8", 2, 500);      /* clusters begin at odd sectors */
    work_on(32 * KIB, "-F 16 -S 2048 -s 2 -f 1", 2, 500); /* sectors of 2 KiB, one table */
    work_on(48 * KIB, "-F 32 -a -R 35 -s 2", 2, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_work_matches_the_model_on_fat32),
        cmocka_unit_test(random_work_matches_the_model_on_fat32_with_large_clusters),
        cmocka_unit_test(random_work_matches_the_model_on_fat16),
        cmocka_unit_test(random_work_matches_the_model_on_fat12),
        cmocka_unit_test(random_work_matches_the_model_with_odd_geometry),
    };

    return cmocka_run_group_tests(tests, fat_world_start, fat_world_stop);
}
