// SPDX-License-Identifier: MIT
/* The table against a model: entries of 12, 16 and 32 bits, the second table kept the same, and
 * clusters taken and freed. */
#include "fs/fat/test/fat_table_world.h"

static uint32_t get(uint32_t cluster)
{
    struct fat_cursor cursor;
    uint32_t value = 0;

    mutex_lock(&fs->alloc_lock);
    fat_cursor_begin(&cursor, fs);
    assert_int_equal(fat_table_get(&cursor, cluster, &value), 0);
    assert_int_equal(fat_cursor_end(&cursor), 0);
    mutex_unlock(&fs->alloc_lock);
    return value;
}

static void set(uint32_t cluster, uint32_t value)
{
    struct fat_cursor cursor;

    mutex_lock(&fs->alloc_lock);
    fat_cursor_begin(&cursor, fs);
    assert_int_equal(fat_table_set(&cursor, cluster, value), 0);
    assert_int_equal(fat_cursor_end(&cursor), 0);
    mutex_unlock(&fs->alloc_lock);
}

/* ---- Entries --------------------------------------------------------------------------------- */

static void entries_do_not_disturb_each_other(const char *options, uint32_t bits)
{
    struct host_disk *disk = begin(34 * KIB, options);
    uint32_t end_cluster = fat_end_cluster(fs);
    uint32_t *model_values = calloc(end_cluster, sizeof(*model_values));
    const uint8_t *table;
    uint64_t table_bytes;

    assert_int_equal(fs->layout.bits, bits);
    for (uint32_t i = 0; i < end_cluster; i++) {
        model_values[i] = get(i);
    }
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t cluster = FAT_FIRST_CLUSTER +
                           (uint32_t)host_random_below(&fat_random, fs->layout.nr_clusters);
        uint32_t value;

        switch (host_random_below(&fat_random, 4)) {
        case 0: value = FAT_FREE; break;
        case 1: value = FAT_END; break;
        case 2: value = FAT_BAD; break;
        default:
            value = FAT_FIRST_CLUSTER +
                    (uint32_t)host_random_below(&fat_random, fs->layout.nr_clusters);
            break;
        }
        set(cluster, value);
        model_values[cluster] = value;
        cluster = (uint32_t)host_random_below(&fat_random, end_cluster);
        assert_int_equal(get(cluster), model_values[cluster]);
    }
    for (uint32_t i = 0; i < end_cluster; i++) {
        assert_int_equal(get(i), model_values[i]);
        if (i >= FAT_FIRST_CLUSTER) {
            set(i, i == fs->layout.root_cluster ? FAT_END : FAT_FREE);
        }
    }
    free(model_values);
    assert_int_equal(meta_write_all(fs->super), 0);
    table = disk->bytes + fs->layout.table_sector * 512;
    table_bytes = fs->layout.table_sectors * 512;
    assert_memory_equal(table, table + table_bytes, table_bytes);
    end(disk);
}

static void entries_of_12_bits_do_not_disturb_each_other(void **state)
{
    entries_do_not_disturb_each_other("-F 12 -s 32", 12);
}

static void entries_of_16_bits_do_not_disturb_each_other(void **state)
{
    entries_do_not_disturb_each_other("-F 16 -s 4", 16);
}

static void entries_of_32_bits_do_not_disturb_each_other(void **state)
{
    entries_do_not_disturb_each_other("-F 32 -s 1", 32);
}

static void the_top_bits_of_32_are_kept(void **state)
{
    struct host_disk *disk = begin(34 * KIB, "-F 32 -s 1");
    uint8_t *entry = disk->bytes + fs->layout.table_sector * 512 + 100 * 4;

    unmount();
    put_le32(entry, 0xa0000000);
    host_disk_forget_cache(disk);
    mount_disk(disk);
    {
        struct path path;

        assert_int_equal(path_walk(here(), "/mnt", 0, &path), 0);
        fs = fat_fs(path.dentry->super);
        path_put(&path);
    }
    assert_int_equal(get(100), FAT_FREE);
    set(100, 77);
    assert_int_equal(get(100), 77);
    assert_int_equal(meta_write_all(fs->super), 0);
    assert_int_equal(get_le32(entry), 0xa0000000 + 77);
    set(100, FAT_FREE);
    end(disk);
}

/* ---- Clusters -------------------------------------------------------------------------------- */

struct chain {
    uint32_t start, nr;
};

/* Whether the chain is as long as it should be, and takes clusters that nobody else has. */
static void check_chain(const struct chain *chain, uint8_t *is_taken)
{
    uint32_t cluster = chain->start;

    for (uint32_t i = 0; i < chain->nr; i++) {
        assert_true(fat_is_cluster(fs, cluster));
        assert_int_equal(is_taken[cluster], 0);
        is_taken[cluster] = 1;
        cluster = get(cluster);
    }
    assert_int_equal(cluster, FAT_END);
}

static void clusters_are_taken_once_and_counted(const char *options)
{
    enum { NR_CHAINS = 40 };
    struct host_disk *disk = begin(34 * KIB, options);
    struct chain chains[NR_CHAINS] = {{0}};
    uint8_t *is_taken = calloc(fat_end_cluster(fs), 1);
    uint64_t nr_free = 0, nr_at_start = 0;

    assert_int_equal(fat_count_free(fs, &nr_at_start), 0);
    nr_free = nr_at_start;
    for (unsigned i = 0; i < 600; i++) {
        struct chain *chain = &chains[host_random_below(&fat_random, NR_CHAINS)];
        uint64_t counted = 0;

        if (chain->nr != 0) {
            nr_free += chain->nr;
            if (host_random_below(&fat_random, 2) == 0) {
                assert_int_equal(fat_free_chain(fs, chain->start), 0);
            } else {
                fat_doom_chain(fs,
                               &(struct fat_doomed_chain){.start = chain->start, .nr = chain->nr});
            }
            *chain = (struct chain){0};
        } else {
            uint32_t wanted = 1 +
                              (uint32_t)host_random_below(&fat_random, fs->layout.nr_clusters / 10);
            int error = fat_alloc(fs, (uint32_t)host_random_below(&fat_random, fat_end_cluster(fs)),
                                  wanted, &chain->start, &chain->nr);

            if (error != 0) {
                assert_int_equal(error, -ENOSPC);
                assert_int_equal(nr_free, 0);
                continue;
            }
            assert_true(chain->nr >= 1 && chain->nr <= wanted);
            nr_free -= chain->nr;
        }
        assert_int_equal(fat_count_free(fs, &counted), 0);
        assert_int_equal(counted, nr_free);
    }
    for (unsigned i = 0; i < NR_CHAINS; i++) {
        if (chains[i].nr != 0) {
            check_chain(&chains[i], is_taken);
            assert_int_equal(fat_free_chain(fs, chains[i].start), 0);
        }
    }
    assert_int_equal(fat_free_doomed(fs), 0);
    fat_groups_init(fs); /* count again: the same comes out */
    assert_int_equal(fat_count_free(fs, &nr_free), 0);
    assert_int_equal(nr_free, nr_at_start);
    free(is_taken);
    end(disk);
}

static void clusters_of_all_kinds_are_taken_once_and_counted(void **state)
{
    clusters_are_taken_once_and_counted("-F 12 -s 64");
    clusters_are_taken_once_and_counted("-F 16 -s 8");
    clusters_are_taken_once_and_counted("-F 32 -s 1");
}

static void files_that_grow_alone_are_contiguous(void **state)
{
    struct host_disk *disk = begin(34 * KIB, "-F 32 -s 1");
    static uint8_t bytes[8 * MIB];
    struct file *file = open_file("/mnt/file", O_CREAT | O_RDWR);
    struct block_extent extent;

    for (uint64_t at = 0; at < sizeof(bytes); at += 10000) {
        uint64_t len = min_of((uint64_t)10000, sizeof(bytes) - at);

        assert_int_equal(write_file_at(file, bytes, len, at), len);
    }
    assert_int_equal(fat_mapping_ops.map_blocks(file->inode, 0, UINT32_MAX, false, &extent), 0);
    assert_int_equal(extent.nr_blocks, sizeof(bytes) >> fs->layout.block_shift);
    assert_int_equal(vfs_fsync(file, 0, UINT64_MAX, false), 0);
    file_put(file);
    end(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_of_12_bits_do_not_disturb_each_other),
        cmocka_unit_test(entries_of_16_bits_do_not_disturb_each_other),
        cmocka_unit_test(entries_of_32_bits_do_not_disturb_each_other),
        cmocka_unit_test(the_top_bits_of_32_are_kept),
        cmocka_unit_test(clusters_of_all_kinds_are_taken_once_and_counted),
        cmocka_unit_test(files_that_grow_alone_are_contiguous),
    };

    return cmocka_run_group_tests(tests, fat_world_start, fat_world_stop);
}
