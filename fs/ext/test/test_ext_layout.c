// SPDX-License-Identifier: MIT
/* Where blocks go: files that grow at the same time stay apart, small ones lie side by side, what is kept for one is
 * given to another before the disk is called full, and what is kept for the administrator is his. */
#include "fs/ext/test/ext_world.h"
#include "fs/vfs/extents.h"
#include "mm/commit.h"

static uint8_t bytes[BLOCK];

static unsigned count_extents(struct file *file)
{
    struct file_extent extent = {0};
    unsigned nr = 0;

    while (vfs_next_extent(file->inode, extent.logical_bytes + extent.len_bytes, &extent) == 0) {
        nr++;
    }
    return nr;
}

static void open_files(struct file **files, unsigned nr)
{
    char name[32];

    for (unsigned i = 0; i < nr; i++) {
        ksnprintf(name, sizeof(name), "/mnt/f%u", i);
        assert_int_equal(do_open(name, O_CREAT | O_RDWR, &files[i]), 0);
    }
}

static void files_that_grow_together_stay_apart(void **state)
{
    enum { NR_FILES = 4, NR_BLOCKS = 400 };
    struct file *files[NR_FILES];

    assert_int_equal(mount_with(0), 0);
    open_files(files, NR_FILES);
    for (unsigned block = 0; block < NR_BLOCKS; block++) {
        for (unsigned i = 0; i < NR_FILES; i++) {
            assert_int_equal(write_at(files[i], bytes, BLOCK, block * BLOCK), BLOCK);
        }
    }
    for (unsigned i = 0; i < NR_FILES; i++) {
        assert_true(count_extents(files[i]) <=
                    12); /* 16, 32, 64, … blocks, and arrays of pointers between */
        file_put(files[i]);
    }
    unmount();
    expect_clean();
}

static void small_files_lie_side_by_side(void **state)
{
    struct file_extent extent;
    uint64_t first = UINT64_MAX, end = 0;
    struct file *file;
    char name[32];

    assert_int_equal(mount_with(0), 0);
    for (unsigned i = 0; i < 20; i++) {
        ksnprintf(name, sizeof(name), "/mnt/dir/s%u", i);
        assert_int_equal(do_open(name, O_CREAT | O_RDWR, &file), 0);
        for (unsigned block = 0; block < 3; block++) {
            assert_int_equal(write_at(file, bytes, BLOCK, block * BLOCK), BLOCK);
        }
        assert_int_equal(vfs_next_extent(file->inode, 0, &extent), 0);
        assert_int_equal(extent.len_bytes, 3 * BLOCK);
        first = min_of(first, extent.physical_bytes);
        end = max_of(end, extent.physical_bytes + extent.len_bytes);
        file_put(file);
    }
    assert_true(end - first <= 64 * BLOCK);
    unmount();
}

static void what_is_kept_is_given_before_the_disk_is_full(void **state)
{
    struct file *files[2];
    struct super_stats stats;
    struct path path;
    uint32_t flags;
    bool is_full[2] = {false, false};
    uint64_t nr = 0;

    assert_int_equal(mount_with(0), 0);
    open_files(files, 2);
    while (!is_full[0] || !is_full[1]) {
        for (unsigned i = 0; i < 2; i++) {
            ssize_t result = is_full[i] ? -ENOSPC : write_at(files[i], bytes, BLOCK, nr * BLOCK);

            is_full[i] = result == -ENOSPC;
            assert_true(result == BLOCK || is_full[i]);
        }
        nr++;
    }
    assert_int_equal(path_walk(&world, "/mnt", 0, &path), 0);
    assert_int_equal(vfs_statfs(&path, &stats, &flags), 0);
    path_put(&path);
    assert_true(stats.nr_free <= 1); /* an array of pointers may have wanted two */
    file_put(files[0]);
    file_put(files[1]);
    unmount();
    expect_clean();
}

static struct payer writer;

static void describe_writer(struct payer *payer)
{
    *payer = writer;
}

static uint64_t fill(struct file *file, uint64_t position)
{
    while (write_at(file, bytes, BLOCK, position) == BLOCK) {
        position += BLOCK;
    }
    assert_int_equal(write_at(file, bytes, BLOCK, position), -ENOSPC);
    return position;
}

static uint64_t nr_free(uint64_t *nr_available)
{
    struct super_stats stats = stats_of("/mnt");

    *nr_available = stats.nr_available;
    return stats.nr_free;
}

/* Whoever runs is asked, not the opener; the super block names a user and a group who may, too. */
static void the_reserve_is_for_those_that_it_is_for(void **state)
{
    enum { NR_RESERVED = 40 };
    struct cred trusted = user_cred, member = user_cred;
    uint64_t position, nr_available;
    struct file *file;

    super_on_disk()->reserved_blocks_count = le32_of(NR_RESERVED);
    super_on_disk()->reserved_uid = le16_of(500);
    super_on_disk()->reserved_gid = le16_of(600);
    trusted.fsuid = 500;
    member.nr_groups = 1;
    member.groups[0] = 600;
    commit_init(describe_writer);
    assert_int_equal(mount_with(0), 0);
    writer = (struct payer){.is_privileged = true};
    assert_int_equal(do_open("/mnt/f", O_CREAT | O_RDWR, &file), 0);

    writer = (struct payer){.cred = &user_cred};
    position = fill(file, 0);
    assert_int_equal(nr_free(&nr_available), NR_RESERVED);
    assert_int_equal(nr_available, 0);
    assert_int_equal(vfs_mkdir(&world, "/mnt/sub", 0755), -ENOSPC);
    writer.cred = &trusted;
    assert_int_equal(write_at(file, bytes, BLOCK, position), BLOCK);
    writer.cred = &user_cred;
    assert_int_equal(write_at(file, bytes, BLOCK, position + BLOCK), -ENOSPC);
    writer.cred = &member;
    assert_int_equal(vfs_mkdir(&world, "/mnt/sub", 0755), 0);
    writer = (struct payer){.is_privileged = true};
    fill(file, position + BLOCK);
    assert_true(nr_free(&nr_available) <= 1);
    file_put(file);
    unmount();
    commit_init(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(files_that_grow_together_stay_apart, fresh_image),
        cmocka_unit_test_setup(small_files_lie_side_by_side, fresh_image),
        cmocka_unit_test_setup(what_is_kept_is_given_before_the_disk_is_full, fresh_image),
        cmocka_unit_test_setup(the_reserve_is_for_those_that_it_is_for, fresh_image),
    };

    return cmocka_run_group_tests(tests, ext_world_begin, ext_world_end);
}
