// SPDX-License-Identifier: MIT
/* Inodes of 256 bytes: what stands behind the first 128 is the times' finer part, and then attributes that only Linux reads.
 * A file keeps them through everything that Cairn does with it, and leaves none of them to the next one in its place. */
#define EXT_WORLD_INODE "256"
#include "fs/ext/test/ext_world.h"

#define INODE_BYTES 256u

/* Where the attributes of an inode begin: behind the fields that its size says it has. */
static uint8_t *attributes_of(uint32_t number)
{
    struct ext_disk_inode *inode = inode_on_disk(number);

    return (uint8_t *)inode + EXT_INODE_SIZE_OLD + le16_get(inode->extra_size);
}

/* An attribute "user.a" of four bytes, as Linux puts it into an inode whose size behind 128 is `extra`. */
static void plant_attribute(uint32_t number, uint16_t extra)
{
    static const uint8_t entry[] = {0, 0, 2, 0xea, 1, 1, 60, 0, 0, 0,  0,
                                    0, 4, 0, 0,    0, 0, 0,  0, 0, 'a'};
    struct ext_disk_inode *inode = inode_on_disk(number);
    uint8_t *at;

    memset((uint8_t *)inode + EXT_INODE_SIZE_OLD, 0, INODE_BYTES - EXT_INODE_SIZE_OLD);
    inode->extra_size = le16_of(extra);
    at = attributes_of(number);
    memcpy(at, entry, sizeof(entry));
    memcpy(at + 4 + entry[6], "held", 4);
}

static void change_file(const char *name)
{
    struct attr_change change = {
        .valid = ATTR_MODE | ATTR_MTIME, .mode = 0600, .mtime = {5000000000, 7}};
    struct path path;

    assert_int_equal(mount_with(0), 0);
    assert_int_equal(path_walk(&world, name, 0, &path), 0);
    assert_int_equal(vfs_setattr(&path, &change, &cred_kernel), 0);
    path_put(&path);
    unmount();
}

static void a_file_keeps_its_attributes(void **state)
{
    static const uint16_t sizes[] = {32, 28, 24, 4};

    for (size_t i = 0; i < array_size(sizes); i++) {
        uint8_t before[64 + 8];

        fresh_image(NULL);
        plant_attribute(small_number, sizes[i]);
        expect_clean();
        memcpy(before, attributes_of(small_number), sizeof(before));
        change_file("/mnt/dir/small");
        assert_int_equal(le16_get(inode_on_disk(small_number)->extra_size), sizes[i]);
        assert_memory_equal(attributes_of(small_number), before, sizeof(before));
        expect_clean();
    }
}

static void a_new_file_inherits_none(void **state)
{
    static const uint8_t nothing[INODE_BYTES - EXT_INODE_SIZE_OLD - 32];

    plant_attribute(small_number, 32);
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(vfs_unlink(&world, "/mnt/dir/small"), 0);
    unmount();
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(write_pattern("/mnt/dir/next", 100), 100);
    assert_int_equal(number_of("/mnt/dir/next"), small_number);
    unmount();
    assert_memory_equal((uint8_t *)inode_on_disk(small_number) + EXT_INODE_SIZE_OLD + 32, nothing,
                        sizeof(nothing));
    expect_clean();
}

/* Where the size is 0 the room was never used: it gets one, and fine times. */
static void an_old_kernels_inode_gets_fine_times(void **state)
{
    struct kstat stat;

    memset((uint8_t *)inode_on_disk(small_number) + EXT_INODE_SIZE_OLD, 0,
           INODE_BYTES - EXT_INODE_SIZE_OLD);
    change_file("/mnt/dir/small");
    assert_int_equal(le16_get(inode_on_disk(small_number)->extra_size), EXT_EXTRA_SIZE_WANTED);
    assert_int_equal(mount_with(SUPER_RDONLY), 0);
    assert_int_equal(look("/mnt/dir/small", &stat), 0);
    assert_int_equal(stat.mtime.sec, 5000000000);
    assert_int_equal(stat.mtime.nsec, 7);
    unmount();
    expect_clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_file_keeps_its_attributes, fresh_image),
        cmocka_unit_test_setup(a_new_file_inherits_none, fresh_image),
        cmocka_unit_test_setup(an_old_kernels_inode_gets_fine_times, fresh_image),
    };

    return cmocka_run_group_tests(tests, ext_world_begin, ext_world_end);
}
