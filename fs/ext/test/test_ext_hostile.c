// SPDX-License-Identifier: MIT
/* Damaged ext2 images, one field at a time: each is refused with a line that names the field, or
 * gives EUCLEAN and a line where the damage is met, and turns the file system read-only. Nothing
 * hangs, and no directory seems empty that is not. */
#include "fs/ext/test/ext_world.h"
#include "tools/host/cases.h"

/* ---- Mounts that are refused ----------------------------------------------------------------- */

#define SET32(field, value) (super_on_disk()->field = le32_of(value))
#define SET16(field, value) (super_on_disk()->field = le16_of(value))

static void magic(void)
{
    SET16(magic, 0xef54);
}
static void block_size_3(void)
{
    SET32(log_block_size, 3);
}
static void block_size_huge(void)
{
    SET32(log_block_size, UINT32_MAX);
}
static void no_blocks_per_group(void)
{
    SET32(blocks_per_group, 0);
}
static void many_blocks_per_group(void)
{
    SET32(blocks_per_group, 8193);
}
static void no_inodes_per_group(void)
{
    SET32(inodes_per_group, 0);
}
static void many_inodes_per_group(void)
{
    SET32(inodes_per_group, 1u << 31);
}
static void no_inode_size(void)
{
    SET16(inode_size, 0);
}
static void inode_size_3000(void)
{
    SET16(inode_size, 3000);
}
static void inode_size_64(void)
{
    SET16(inode_size, 64);
}
static void inode_size_beyond_block(void)
{
    SET16(inode_size, 2048);
}
static void no_blocks(void)
{
    SET32(blocks_count, 0);
}
static void more_blocks_than_the_device(void)
{
    SET32(blocks_count, IMAGE_BYTES / BLOCK + 1);
}
static void blocks_huge(void)
{
    SET32(blocks_count, UINT32_MAX);
}
static void first_block_0(void)
{
    SET32(first_data_block, 0);
}
static void first_block_huge(void)
{
    SET32(first_data_block, UINT32_MAX);
}
static void no_inodes(void)
{
    SET32(inodes_count, 0);
}
static void inodes_huge(void)
{
    SET32(inodes_count, UINT32_MAX);
}
static void first_inode_0(void)
{
    SET32(first_inode, 0);
}
static void first_inode_huge(void)
{
    SET32(first_inode, UINT32_MAX);
}
static void unknown_incompat(void)
{
    SET32(feature_incompat, 0x80000002u);
}
static void extents(void)
{
    SET32(feature_incompat, 0x42);
}
static void needs_recovery(void)
{
    SET32(feature_incompat, 0x6);
}
static void unknown_ro_compat(void)
{
    SET32(feature_ro_compat, 0x83);
}
static void reserved_table_huge(void)
{
    SET16(reserved_gdt_blocks, UINT16_MAX);
}
static void one_block_groups(void)
{
    SET32(blocks_per_group, 1);
    SET32(inodes_per_group, 1);
    SET32(inodes_count, IMAGE_BYTES / BLOCK - 1);
    SET32(first_inode, 11);
}

#define SET_GROUP(field, value) (group_on_disk(0)->field = le32_of(value))

static void table_outside(void)
{
    SET_GROUP(inode_table, UINT32_MAX);
}
static void table_at_0(void)
{
    SET_GROUP(inode_table, 0);
}
static void table_over_the_end(void)
{
    SET_GROUP(inode_table, IMAGE_BYTES / BLOCK - 1);
}
static void bitmap_over_the_super_block(void)
{
    SET_GROUP(block_bitmap, 1);
}
static void bitmap_over_descriptors(void)
{
    SET_GROUP(inode_bitmap, 2);
}
static void bitmaps_in_one_place(void)
{
    group_on_disk(0)->inode_bitmap = group_on_disk(0)->block_bitmap;
}
static void bitmap_in_the_table(void)
{
    group_on_disk(0)->block_bitmap = le32_of(le32_get(group_on_disk(0)->inode_table) + 1);
}
static void more_free_than_there_is(void)
{
    group_on_disk(0)->free_blocks_count = le16_of(UINT16_MAX);
}

static void root_is_a_file(void)
{
    inode_on_disk(2)->mode = le16_of(S_IFREG | 0755);
}
static void root_has_no_links(void)
{
    inode_on_disk(2)->links_count = le16_of(0);
}
static void root_has_no_type(void)
{
    inode_on_disk(2)->mode = le16_of(0755);
}
static void root_has_no_size(void)
{
    inode_on_disk(2)->size_low = le32_of(0);
}
static void root_has_an_odd_size(void)
{
    inode_on_disk(2)->size_low = le32_of(1000);
}
static void root_has_extents(void)
{
    inode_on_disk(2)->flags = le32_of(EXT_FLAG_EXTENTS);
}

static const struct refused {
    const char *name;
    void (*damage)(void);
    int error;
    const char *line; /* what the log must say */
} refused[] = {
    {"magic", magic, -EINVAL, "has not a super block"},
    {"block size 3", block_size_3, -EUCLEAN, "block size is 3"},
    {"block size huge", block_size_huge, -EUCLEAN, "block size is 4294967295"},
    {"0 blocks per group", no_blocks_per_group, -EUCLEAN, "blocks per group is 0"},
    {"many blocks per group", many_blocks_per_group, -EUCLEAN, "blocks per group is 8193"},
    {"0 inodes per group", no_inodes_per_group, -EUCLEAN, "inodes per group is 0"},
    {"many inodes per group", many_inodes_per_group, -EUCLEAN, "inodes per group is 2147483648"},
    {"inode size 0", no_inode_size, -EUCLEAN, "inode size is 0"},
    {"inode size 3000", inode_size_3000, -EUCLEAN, "inode size is 3000"},
    {"inode size 64", inode_size_64, -EUCLEAN, "inode size is 64"},
    {"inode size beyond block", inode_size_beyond_block, -EUCLEAN, "inode size is 2048"},
    {"0 blocks", no_blocks, -EUCLEAN, "number of blocks is 0"},
    {"more blocks than the device", more_blocks_than_the_device, -EUCLEAN,
     "number of blocks is 4097"},
    {"blocks huge", blocks_huge, -EUCLEAN, "number of blocks is 4294967295"},
    {"first block 0", first_block_0, -EUCLEAN, "first data block is 0"},
    {"first block huge", first_block_huge, -EUCLEAN, "first data block is 4294967295"},
    {"0 inodes", no_inodes, -EUCLEAN, "number of inodes is 0"},
    {"inodes huge", inodes_huge, -EUCLEAN, "number of inodes is 4294967295"},
    {"first inode 0", first_inode_0, -EUCLEAN, "first inode is 0"},
    {"first inode huge", first_inode_huge, -EUCLEAN, "first inode is 4294967295"},
    {"unknown incompatible feature", unknown_incompat, -EINVAL, "features 0x80000000"},
    {"extents", extents, -EINVAL, "features 0x40"},
    {"a journal that is not there", needs_recovery, -EINVAL, "not on this disk"},
    {"unknown read-only feature", unknown_ro_compat, -EROFS, "features 0x80"},
    {"reserved descriptors huge", reserved_table_huge, -EUCLEAN, "group 0"},
    {"groups of one block", one_block_groups, -EUCLEAN, "group 0"},
    {"inode table outside", table_outside, -EUCLEAN, "group 0"},
    {"inode table at 0", table_at_0, -EUCLEAN, "group 0"},
    {"inode table over the end", table_over_the_end, -EUCLEAN, "group 0"},
    {"bitmap over the super block", bitmap_over_the_super_block, -EUCLEAN, "group 0"},
    {"bitmap over descriptors", bitmap_over_descriptors, -EUCLEAN, "group 0"},
    {"bitmaps in one place", bitmaps_in_one_place, -EUCLEAN, "group 0"},
    {"bitmap in the inode table", bitmap_in_the_table, -EUCLEAN, "group 0"},
    {"more free than there is", more_free_than_there_is, -EUCLEAN, "group 0"},
    {"root is a file", root_is_a_file, -EUCLEAN, "root inode is no directory"},
    {"root has no links", root_has_no_links, -EUCLEAN, "inode 2: is in use, and has no links"},
    {"root has no type", root_has_no_type, -EUCLEAN, "inode 2: mode"},
    {"root has no size", root_has_no_size, -EUCLEAN, "inode 2: a directory of 0 bytes"},
    {"root has an odd size", root_has_an_odd_size, -EUCLEAN, "inode 2: a directory of 1000 bytes"},
    {"root has extents", root_has_extents, -EUCLEAN, "inode 2: uses extents"},
};

static void a_file_system_that_cannot_be_is_refused_with_a_line(void **state)
{
    for (unsigned i = 0; i < array_size(refused); i++) {
        const struct refused *each = &refused[i];
        int error;

        fresh_image(NULL);
        each->damage();
        host_case_keep(disk, "ext2", each->name);
        machine_listen();
        error = mount_with(0);
        if (error == 0) {
            unmount();
        }
        if (error != each->error) {
            fail_msg("%s: error %d", each->name, error);
        }
        if (!machine_said(each->line)) {
            fail_msg("%s: the log is wrong: %s", each->name, machine_log);
        }
    }
}

static int fail_reads(struct host_disk *failing, const struct block_request *request)
{
    uint64_t bad = *(uint64_t *)failing->filter_arg * 2;

    return request->op == BLOCK_READ && bad >= request->sector &&
                   bad < request->sector + request->nr_sectors
               ? -EIO
               : 0;
}

static void what_cannot_be_read_is_eio(void **state)
{
    uint64_t bad;
    uint64_t blocks[] = {1, 2, le32_get(group_on_disk(0)->inode_table)};
    struct file *file;

    for (unsigned i = 0; i < array_size(blocks); i++) {
        fresh_image(NULL);
        bad = blocks[i];
        disk->filter_arg = &bad;
        disk->filter = fail_reads;
        assert_int_equal(mount_with(0), -EIO);
    }
    fresh_image(NULL);
    bad = pointer_of(dir_number, 0);
    disk->filter_arg = &bad;
    disk->filter = fail_reads;
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(do_open("/mnt/dir/file", O_RDONLY, &file), -EIO);
    unmount();
}

/* ---- Directories ----------------------------------------------------------------------------- */

static void record_len_0(void)
{
    record_of(dir_number, 1)->record_len = le16_of(0);
}
static void free_record_len_0(void)
{
    record_of(dir_number, 1)->inode = le32_of(0);
    record_of(dir_number, 1)->record_len = le16_of(0);
}
static void record_len_small(void)
{
    record_of(dir_number, 1)->record_len = le16_of(4);
}
static void record_len_odd(void)
{
    record_of(dir_number, 0)->record_len = le16_of(13);
}
static void record_len_past_block(void)
{
    record_of(dir_number, 2)->record_len = le16_of(1024);
}
static void record_len_huge(void)
{
    record_of(dir_number, 0)->record_len = le16_of(0xfffc);
}
static void record_inode_out_of_range(void)
{
    record_of(dir_number, 2)->inode = le32_of(65);
}
static void record_inode_huge(void)
{
    record_of(dir_number, 2)->inode = le32_of(UINT32_MAX);
}
static void name_with_slash(void)
{
    record_of(dir_number, 2)->name[1] = '/';
}
static void name_with_nul(void)
{
    record_of(dir_number, 2)->name[1] = '\0';
}
static void name_of_0_bytes(void)
{
    record_of(dir_number, 2)->name_len = 0;
}
static void name_beyond_its_record(void)
{
    record_of(dir_number, 2)->name_len = 200;
}
static void hole(void)
{
    inode_on_disk(dir_number)->block[0] = le32_of(0);
}
static void second_block_missing(void)
{
    inode_on_disk(dir_number)->size_low = le32_of(2 * BLOCK);
}
static void nearly_all_missing(void)
{
    inode_on_disk(dir_number)->size_low = le32_of(IMAGE_BYTES);
}
static void block_outside(void)
{
    inode_on_disk(dir_number)->block[0] = le32_of(IMAGE_BYTES / BLOCK);
}
static void block_in_the_inode_table(void)
{
    inode_on_disk(dir_number)->block[0] = group_on_disk(0)->inode_table;
}

static const struct {
    const char *name;
    void (*damage)(void);
    const char *line;
    int error; /* of a look for another name */
} directories[] = {
    {"record length 0", record_len_0, "record's length", -EUCLEAN},
    {"length 0 of a free record", free_record_len_0, "record's length", -EUCLEAN},
    {"record length 4", record_len_small, "record's length", -EUCLEAN},
    {"record length odd", record_len_odd, "record's length", -EUCLEAN},
    {"record past its block", record_len_past_block, "record's length", -EUCLEAN},
    {"record length huge", record_len_huge, "record's length", -EUCLEAN},
    {"inode out of range", record_inode_out_of_range, "inode is out of range", -EUCLEAN},
    {"inode huge", record_inode_huge, "inode is out of range", -EUCLEAN},
    {"name with a slash", name_with_slash, "a name has a character", -ENOENT},
    {"name with a NUL", name_with_nul, "a name has a character", -ENOENT},
    {"name of 0 bytes", name_of_0_bytes, "a name does not fit", -EUCLEAN},
    {"name beyond its record", name_beyond_its_record, "a name does not fit", -EUCLEAN},
    {"hole", hole, "block 0 is missing", -EUCLEAN},
    {"second block missing", second_block_missing, "block 1 is missing", -EUCLEAN},
    {"all of the disk, and nearly all missing", nearly_all_missing, "block 1 is missing", -EUCLEAN},
    {"block outside", block_outside, "outside the file system", -EUCLEAN},
    {"block in the inode table", block_in_the_inode_table, "inside metadata", -EUCLEAN},
};

static void a_damaged_directory_never_seems_shorter_than_it_is(void **state)
{
    for (unsigned i = 0; i < array_size(directories); i++) {
        static struct world_listing listing;
        struct file *dir;
        struct kstat stat;
        int error;

        fresh_image(NULL);
        directories[i].damage();
        host_case_keep(disk, "ext2", directories[i].name);
        machine_listen();
        assert_int_equal(mount_with(0), 0);
        assert_int_equal(do_open("/mnt/dir", O_RDONLY | O_DIRECTORY, &dir), 0);
        do {
            error = list_names(dir, &listing, 64);
        } while (error == 0 && listing.nr != 0);
        if (error != -EUCLEAN) {
            fail_msg("%s: listing gives %d", directories[i].name, error);
        }
        file_put(dir);
        error = look("/mnt/dir/nobody", &stat);
        if (error != directories[i].error) {
            fail_msg("%s: a look gives %d", directories[i].name, error);
        }
        if (!machine_said(directories[i].line)) {
            fail_msg("%s: the log is wrong: %s", directories[i].name, machine_log);
        }
        assert_int_equal(vfs_mkdir(&world, "/mnt/new", 0755), -EROFS);
        unmount();
        assert_int_equal(le16_get(super_on_disk()->state) & EXT_STATE_ERRORS, EXT_STATE_ERRORS);
        assert_int_equal(le16_get(super_on_disk()->state) & EXT_STATE_CLEAN, 0);
    }
}

/* ---- Inodes ---------------------------------------------------------------------------------- */

static void size_negative(void)
{
    inode_on_disk(file_number)->size_high = le32_of(0x80000000u);
}
static void size_too_large(void)
{
    inode_on_disk(file_number)->size_high = le32_of(0x1000);
}
static void mode_0(void)
{
    inode_on_disk(file_number)->mode = le16_of(0);
}
static void no_links(void)
{
    inode_on_disk(file_number)->links_count = le16_of(0);
}
static void flag_extents(void)
{
    inode_on_disk(file_number)->flags = le32_of(EXT_FLAG_EXTENTS);
}
static void dir_larger_than_the_disk(void)
{
    inode_on_disk(file_number)->mode = le16_of(S_IFDIR | 0755);
    inode_on_disk(file_number)->size_low = le32_of(0xfffffc00u);
}
static void link_too_long(void)
{
    inode_on_disk(file_number)->mode = le16_of(S_IFLNK | 0777);
    inode_on_disk(file_number)->size_low = le32_of(BLOCK);
}
static void link_of_0_bytes(void)
{
    inode_on_disk(file_number)->mode = le16_of(S_IFLNK | 0777);
    inode_on_disk(file_number)->size_low = le32_of(0);
}

static const struct {
    const char *name;
    void (*damage)(void);
    const char *line;
} inodes[] = {
    {"size negative", size_negative, "is not possible"},
    {"size too large", size_too_large, "is not possible"},
    {"mode 0", mode_0, "is no file's"},
    {"no links", no_links, "has no links"},
    {"extents", flag_extents, "uses extents"},
    {"directory larger than the disk", dir_larger_than_the_disk, "a directory of"},
    {"link too long", link_too_long, "a symbolic link of"},
    {"link of 0 bytes", link_of_0_bytes, "a symbolic link of"},
};

static void a_damaged_inode_is_not_opened(void **state)
{
    for (unsigned i = 0; i < array_size(inodes); i++) {
        struct file *file;
        int error;

        fresh_image(NULL);
        inodes[i].damage();
        host_case_keep(disk, "ext2", inodes[i].name);
        machine_listen();
        assert_int_equal(mount_with(0), 0);
        error = do_open("/mnt/dir/file", O_RDONLY, &file);
        if (error != -EUCLEAN) {
            fail_msg("%s: opening gives %d", inodes[i].name, error);
        }
        if (!machine_said(inodes[i].line)) {
            fail_msg("%s: the log is wrong: %s", inodes[i].name, machine_log);
        }
        assert_true(exists("/mnt/dir/small")); /* what is whole can be read */
        unmount();
    }
}

static ssize_t read_link(const char *name)
{
    char buffer[2000];
    struct path path;
    ssize_t len;

    assert_int_equal(path_walk(&world, name, 0, &path), 0);
    len = vfs_readlink(&path, buffer, sizeof(buffer));
    path_put(&path);
    return len;
}

static void a_fast_link_that_does_not_fit_the_inode_is_damage(void **state)
{
    inode_on_disk(link_number)->size_low = le32_of(60);
    host_case_keep(disk, "ext2", "fast link of 60 bytes");
    machine_listen();
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(read_link("/mnt/link"), -EUCLEAN);
    assert_true(machine_said("a target of 60 bytes does not fit"));
    assert_int_equal(read_link("/mnt/long"), 199);
    unmount();
}

static void links_that_lead_to_themselves_are_eloop(void **state)
{
    struct file *file;

    assert_int_equal(mount_with(0), 0);
    assert_int_equal(vfs_symlink(&world, "b", "/mnt/a"), 0);
    assert_int_equal(vfs_symlink(&world, "a", "/mnt/b"), 0);
    assert_int_equal(do_open("/mnt/a", O_RDONLY, &file), -ELOOP);
    unmount();
    host_case_keep(disk, "ext2", "symbolic links lead to themselves");
}

/* ---- Block pointers -------------------------------------------------------------------------- */

static ssize_t read_file_at(uint64_t position)
{
    static uint8_t bytes[BLOCK];
    struct file *file;
    ssize_t nr;

    assert_int_equal(do_open("/mnt/dir/file", O_RDONLY, &file), 0);
    nr = read_at(file, bytes, sizeof(bytes), position);
    file_put(file);
    return nr;
}

static void keep_pointer_case(unsigned index, uint32_t target)
{
    char name[64];

    ksnprintf(name, sizeof(name), "pointer %u is %u", index, target);
    host_case_keep(disk, "ext2", name);
}

static void a_pointer_that_leads_astray_is_an_error_of_the_read(void **state)
{
    static const uint32_t targets[] = {IMAGE_BYTES / BLOCK, UINT32_MAX, 1, 2, 0};
    static const unsigned indices[] = {5, 12, 13}; /* direct, and both kinds of indirect */

    for (unsigned i = 0; i < array_size(targets) * array_size(indices); i++) {
        uint32_t target = targets[i % array_size(targets)];
        unsigned index = indices[i / array_size(targets)];
        uint64_t position = index == 5 ? 5 * BLOCK : index == 12 ? 20 * BLOCK : 280 * BLOCK;

        fresh_image(NULL);
        if (target == 0) {
            target = le32_get(group_on_disk(0)->inode_table) + 1;
        }
        inode_on_disk(file_number)->block[index] = le32_of(target);
        keep_pointer_case(index, target);
        machine_listen();
        assert_int_equal(mount_with(0), 0);
        assert_int_equal(read_file_at(position), -EUCLEAN);
        assert_true(machine_said("outside the file system") || machine_said("inside metadata"));
        assert_int_equal(read_file_at(0), BLOCK);
        assert_int_equal(vfs_unlink(&world, "/mnt/dir/file"), -EROFS); /* nothing is changed now */
        unmount();
    }
}

/* Deleting what is damaged: it ends, says so, and frees nothing that is not the file's. */
static void expect_unlink_finds_damage(const char *name)
{
    host_case_keep(disk, "ext2", name);
    machine_listen();
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(vfs_unlink(&world, "/mnt/dir/file"), 0);
    assert_int_equal(vfs_mkdir(&world, "/mnt/new", 0755), -EROFS);
    unmount();
    assert_true(machine_said("damaged"));
    assert_int_equal(le16_get(super_on_disk()->state) & EXT_STATE_ERRORS, EXT_STATE_ERRORS);
}

static void an_indirect_block_that_points_to_itself_can_be_deleted(void **state)
{
    for (unsigned index = 12; index <= 14; index++) {
        uint32_t block;

        fresh_image(NULL);
        block = pointer_of(file_number, 12);
        inode_on_disk(file_number)->block[12] = le32_of(0);
        inode_on_disk(file_number)->block[index] = le32_of(block);
        for (unsigned i = 0; i < BLOCK / 4;
             i++) { /* a tree of 2^24 leaves, all of them this block */
            ((struct le32 *)block_on_disk(block))[i] = le32_of(block);
        }
        expect_unlink_finds_damage("indirect block points to itself");
    }
}

static bool is_marked_used(uint32_t block)
{
    uint32_t bitmap = le32_get(group_on_disk(0)->block_bitmap);

    return bitmap_test((const uint64_t *)block_on_disk(bitmap), block - 1);
}

static void after_a_block_that_is_named_twice_nothing_more_is_freed(void **state)
{
    struct le32 *pointers = (struct le32 *)block_on_disk(pointer_of(file_number, 12));
    uint32_t later = le32_get(pointers[100]);

    pointers[1] = pointers[0];
    expect_unlink_finds_damage("block named twice");
    assert_true(is_marked_used(later));
    assert_int_equal(le16_get(inode_on_disk(file_number)->links_count), 0);
    assert_int_equal(pointer_of(file_number, 13) != 0, 1); /* still the inode's own */

    fresh_image(NULL);
    inode_on_disk(file_number)->block[5] = inode_on_disk(file_number)->block[4];
    expect_unlink_finds_damage("block named twice");
    assert_true(is_marked_used(later));
}

static void a_pointer_into_metadata_is_not_freed(void **state)
{
    uint32_t table = le32_get(group_on_disk(0)->inode_table);

    inode_on_disk(file_number)->block[2] = le32_of(table);
    expect_unlink_finds_damage("pointer into the inode table");
    assert_true(is_marked_used(table));
}

/* ---- Bitmaps and counts ---------------------------------------------------------------------- */

static void metadata_that_is_called_free_is_not_given_away(void **state)
{
    memset(block_on_disk(le32_get(group_on_disk(0)->block_bitmap)), 0, BLOCK);
    host_case_keep(disk, "ext2", "block bitmap all free");
    machine_listen();
    assert_int_equal(mount_with(0), 0);
    /* From the start of the group on: the super block, the descriptors, … */
    assert_int_equal(write_pattern("/mnt/new", 100 << 10) < (100 << 10), 1);
    assert_true(machine_said("metadata blocks"));
    assert_int_equal(vfs_mkdir(&world, "/mnt/dir2", 0755), -EROFS);
    unmount();
    assert_int_equal(le16_get(super_on_disk()->magic), EXT_SUPER_MAGIC);
}

static void an_inode_in_use_that_is_called_free_is_not_given_away(void **state)
{
    struct ext_disk_inode before[64];

    memset(block_on_disk(le32_get(group_on_disk(0)->inode_bitmap)), 0, 8);
    host_case_keep(disk, "ext2", "inode bitmap all free");
    memcpy(before, inode_on_disk(1), sizeof(before));
    machine_listen();
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(make("/mnt/new"), -EUCLEAN);
    assert_true(machine_said("is free in its bitmap, and in use"));
    unmount();
    assert_memory_equal(inode_on_disk(1), before, sizeof(before));
}

static void fewer_links_than_names_are_noticed(void **state)
{
    struct path path;

    assert_int_equal(mount_with(0), 0);
    assert_int_equal(path_walk(&world, "/mnt/dir/small", 0, &path), 0);
    assert_int_equal(vfs_link(&path, &world, "/mnt/second"), 0);
    path_put(&path);
    unmount();
    forget_cache();
    inode_on_disk(small_number)->links_count = le16_of(1);
    host_case_keep(disk, "ext2", "fewer links than names");
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(vfs_unlink(&world, "/mnt/second"), 0);
    machine_listen();
    assert_false(exists("/mnt/dir/small")); /* deleted with its last link */
    assert_true(machine_said("has no links"));
    unmount();

    fresh_image(NULL);
    inode_on_disk(2)->links_count = le16_of(1);
    host_case_keep(disk, "ext2", "root has one link");
    machine_listen();
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(vfs_rmdir(&world, "/mnt/lost+found"), 0);
    unmount();
    assert_true(machine_said("fewer links"));
    assert_int_equal(mount_with(SUPER_RDONLY), 0); /* and the root is still there */
    assert_true(exists("/mnt/dir/file"));
    unmount();
}

static void an_orphan_list_that_leads_to_itself_is_not_followed(void **state)
{
    SET32(last_orphan, file_number);
    inode_on_disk(file_number)->dtime = le32_of(file_number);
    host_case_keep(disk, "ext2", "orphan list leads to itself");
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(read_file_at(0), BLOCK);
    unmount();
}

/* ---- Trees that are no trees ----------------------------------------------------------------- */

static void a_directory_below_itself_is_survived(void **state)
{
    struct ext_disk_entry *record = record_of(dir_number, 2);
    static struct world_listing listing;
    struct kstat stat;
    struct file *dir;

    record->inode = le32_of(2); /* "file" is the root now */
    record->file_type = 2;
    host_case_keep(disk, "ext2", "directory below itself");
    assert_int_equal(mount_with(0), 0);
    (void)!look("/mnt/dir/file/dir/file/dir/file/dir", &stat);
    if (do_open("/mnt/dir", O_RDONLY | O_DIRECTORY, &dir) == 0) {
        (void)!list_names(dir, &listing, 64);
        file_put(dir);
    }
    (void)!vfs_rmdir(&world, "/mnt/dir/file");
    (void)!vfs_rename(&world, "/mnt/dir", &world, "/mnt/dir/file/dir2", 0);
    (void)!vfs_unlink(&world, "/mnt/dir/small");
    unmount();
    assert_int_equal(mount_with(SUPER_RDONLY), 0);
    unmount();
}

static void a_directory_without_a_parent_cannot_be_moved_silently(void **state)
{
    struct ext_disk_entry *dotdot = record_of(dir_number, 1);

    dotdot->name[0] = 'x';
    dotdot->inode = le32_of(small_number);
    host_case_keep(disk, "ext2", "directory without a parent");
    machine_listen();
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(vfs_mkdir(&world, "/mnt/new", 0755), 0);
    assert_int_equal(vfs_rename(&world, "/mnt/dir", &world, "/mnt/new/dir", 0), -EUCLEAN);
    assert_true(machine_said("has no \"..\""));
    unmount();
}

/* ---- What damage does ------------------------------------------------------------------------- */

static int mount_with_options(const char *options)
{
    return vfs_mount(&world, disk->device.name, "/mnt", "ext2", 0, options);
}

static unsigned nr_times_said(const char *text)
{
    unsigned nr = 0;

    for (const char *at = machine_log; (at = strstr(at, text)) != NULL; at++) {
        nr++;
    }
    return nr;
}

static void an_object_is_complained_about_once(void **state)
{
    inode_on_disk(file_number)->block[5] = le32_of(UINT32_MAX);
    inode_on_disk(file_number)->block[7] = le32_of(UINT32_MAX - 1);
    inode_on_disk(small_number)->block[0] = le32_of(UINT32_MAX);
    machine_listen();
    assert_int_equal(mount_with(0), 0);
    for (unsigned i = 0; i < 3; i++) {
        struct file *file;
        char byte;

        assert_int_equal(read_file_at(5 * BLOCK), -EUCLEAN);
        assert_int_equal(read_file_at(7 * BLOCK), -EUCLEAN);
        assert_int_equal(do_open("/mnt/dir/small", O_RDONLY, &file), 0);
        assert_int_equal(read_at(file, &byte, 1, 0), -EUCLEAN);
        file_put(file);
    }
    unmount();
    assert_int_equal(nr_times_said("pointer 4294967295 outside the file system"), 2);
    assert_int_equal(nr_times_said("pointer 4294967294"), 0); /* of the same inode */
    assert_int_equal(nr_times_said("read-only from now on"), 1);
}

static void tell_of_objects(struct super *super, unsigned nr)
{
    for (unsigned i = 1; i <= nr; i++) {
        (void)!super_damaged(super, "inode %u: planted", i);
    }
}

static void what_was_too_much_at_once_is_told_later(void **state)
{
    struct path path;

    assert_int_equal(mount_with(0), 0);
    assert_int_equal(path_walk(&world, "/mnt", 0, &path), 0);
    host_clock_fake(port_clock_ns());
    machine_listen();
    tell_of_objects(path.dentry->super, 12);
    assert_int_equal(nr_times_said(": planted"), 10);
    assert_false(machine_said("inode 11:"));
    host_clock_advance(6000000000ull);
    machine_listen();
    tell_of_objects(path.dentry->super, 12);
    assert_int_equal(nr_times_said(": planted"), 2); /* and the others not again */
    assert_true(machine_said("inode 11:") && machine_said("inode 12:"));
    host_clock_real();
    path_put(&path);
    unmount();
}

static void after_damage_the_mount_is_as_its_options_say(void **state)
{
    SET16(errors, 3); /* the disk asks for a panic: it is not its to ask */
    inode_on_disk(file_number)->block[5] = le32_of(UINT32_MAX);
    assert_int_equal(mount_with_options("errors=remount-ro"), 0);
    assert_int_equal(read_file_at(5 * BLOCK), -EUCLEAN);
    assert_int_equal(make("/mnt/new"), -EROFS);
    unmount();
    assert_int_equal(mount_with_options("errors=continue"), 0);
    assert_int_equal(read_file_at(5 * BLOCK), -EUCLEAN);
    assert_int_equal(make("/mnt/new"), 0);
    unmount();
    assert_int_equal(le16_get(super_on_disk()->state) & EXT_STATE_ERRORS, EXT_STATE_ERRORS);
    machine_listen();
    assert_int_equal(mount_with_options("errors=ignore"), -EINVAL);
    assert_true(machine_said("\"errors=ignore\" is not understood"));
}

static void find_damage(void *arg)
{
    (void)!super_damaged(arg, "inode 1: planted");
}

static void the_machine_ends_only_if_the_mount_says_so(void **state)
{
    struct path path;

    assert_int_equal(mount_with_options("errors=panic"), 0);
    assert_int_equal(path_walk(&world, "/mnt", 0, &path), 0);
    host_expect_panic(find_damage, path.dentry->super, "errors=panic");
    path_put(&path);
    unmount();
}

#define TEST(name) cmocka_unit_test_setup(name, fresh_image)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_system_that_cannot_be_is_refused_with_a_line),
        TEST(what_cannot_be_read_is_eio),
        TEST(a_damaged_directory_never_seems_shorter_than_it_is),
        TEST(a_damaged_inode_is_not_opened),
        TEST(a_fast_link_that_does_not_fit_the_inode_is_damage),
        TEST(links_that_lead_to_themselves_are_eloop),
        TEST(a_pointer_that_leads_astray_is_an_error_of_the_read),
        TEST(an_indirect_block_that_points_to_itself_can_be_deleted),
        TEST(after_a_block_that_is_named_twice_nothing_more_is_freed),
        TEST(a_pointer_into_metadata_is_not_freed),
        TEST(metadata_that_is_called_free_is_not_given_away),
        TEST(an_inode_in_use_that_is_called_free_is_not_given_away),
        TEST(fewer_links_than_names_are_noticed),
        TEST(an_orphan_list_that_leads_to_itself_is_not_followed),
        TEST(a_directory_below_itself_is_survived),
        TEST(a_directory_without_a_parent_cannot_be_moved_silently),
        TEST(an_object_is_complained_about_once),
        TEST(what_was_too_much_at_once_is_told_later),
        TEST(after_damage_the_mount_is_as_its_options_say),
        TEST(the_machine_ends_only_if_the_mount_says_so),
    };

    return cmocka_run_group_tests(tests, ext_world_begin, ext_world_end);
}
