// SPDX-License-Identifier: MIT
/* Journals that a power cut has left behind, and lists of orphans. The logs are written here by hand,
 * block by block as the format says, or by debugfs; e2fsck is the judge of what becomes of them. */
#define EXT_WORLD_TYPE "-t ext3 -J size=1"

#include "fs/ext/test/ext_world.h"

#include "fs/journal/disk.h"
#include "mm/fault_inject.h"
#include "tools/host/cases.h"

#define JOURNAL_INODE 8u

/* ---- A log written by hand -------------------------------------------------------------------- */

static struct {
    uint32_t position; /* the next block of the ring */
    uint32_t sequence;
    uint8_t *descriptor; /* the one that is being filled */
    uint32_t nr_tags;
} writer;

/* Block `index` of a file, by its pointers. */
static uint32_t block_of(uint32_t number, uint32_t index)
{
    const struct le32 *indirect;
    uint32_t per_block = BLOCK / 4;

    if (index < EXT_NR_DIRECT) {
        return pointer_of(number, index);
    }
    index -= EXT_NR_DIRECT;
    if (index < per_block) {
        indirect = (const struct le32 *)block_on_disk(pointer_of(number, EXT_NR_DIRECT));
        return le32_get(indirect[index]);
    }
    index -= per_block;
    indirect = (const struct le32 *)block_on_disk(pointer_of(number, EXT_NR_DIRECT + 1));
    indirect = (const struct le32 *)block_on_disk(le32_get(indirect[index / per_block]));
    return le32_get(indirect[index % per_block]);
}

static uint8_t *ring_block(uint32_t index)
{
    return block_on_disk(block_of(JOURNAL_INODE, index));
}

static struct journal_disk_super *journal_super(void)
{
    return (struct journal_disk_super *)ring_block(0);
}

static void need_replay(void)
{
    uint32_t features = le32_get(super_on_disk()->feature_incompat);

    super_on_disk()->feature_incompat = le32_of(features | EXT_INCOMPAT_RECOVER);
}

static uint8_t *next_block(void)
{
    uint8_t *block = ring_block(writer.position);

    writer.position++;
    if (writer.position == be32_get(journal_super()->nr_blocks)) {
        writer.position = be32_get(journal_super()->first);
    }
    memset(block, 0, BLOCK);
    return block;
}

static uint8_t *log_header(enum journal_block_type type)
{
    uint8_t *block = next_block();

    *(struct journal_disk_header *)block = (struct journal_disk_header){
        .magic = be32_of(JOURNAL_MAGIC),
        .type = be32_of(type),
        .sequence = be32_of(writer.sequence),
    };
    return block;
}

/* The log begins at this block of the ring. */
static void log_begin(uint32_t position, uint32_t sequence)
{
    writer.position = position;
    writer.sequence = sequence;
    writer.descriptor = NULL;
    journal_super()->start = be32_of(position);
    journal_super()->sequence = be32_of(sequence);
    need_replay();
}

static void log_descriptor(void)
{
    writer.descriptor = log_header(JOURNAL_DESCRIPTOR);
    writer.nr_tags = 0;
}

/* The nr-th tag; only the first has a UUID behind it. */
static struct journal_disk_tag *tag_at(uint32_t nr)
{
    return (struct journal_disk_tag *)(writer.descriptor + sizeof(struct journal_disk_header) +
                                       nr * sizeof(struct journal_disk_tag) +
                                       (nr != 0 ? JOURNAL_UUID_BYTES : 0));
}

/* A copy, all of one byte, that belongs into this block. */
static void log_copy(uint32_t block, uint8_t byte, bool is_escaped)
{
    uint16_t flags = JOURNAL_TAG_LAST;
    uint8_t *copy;

    if (writer.nr_tags != 0) {
        struct journal_disk_tag *last = tag_at(writer.nr_tags - 1);

        last->flags = be16_of(be16_get(last->flags) & (uint16_t)~JOURNAL_TAG_LAST);
        flags |= JOURNAL_TAG_SAME_UUID;
    }
    flags |= is_escaped ? JOURNAL_TAG_ESCAPED : 0;
    *tag_at(writer.nr_tags) = (struct journal_disk_tag){
        .block = be32_of(block),
        .flags = be16_of(flags),
    };
    writer.nr_tags++;
    copy = next_block();
    memset(copy, byte, BLOCK);
    if (is_escaped) {
        memset(copy, 0, 4);
    }
}

static void log_revoke(uint32_t block)
{
    struct journal_disk_revoke *revoke = (struct journal_disk_revoke *)log_header(JOURNAL_REVOKE);

    revoke->nr_bytes = be32_of(sizeof(*revoke) + 4);
    revoke->blocks[0] = be32_of(block);
}

static void log_commit(void)
{
    (void)log_header(JOURNAL_COMMIT);
    writer.sequence++;
}

/* The first bytes of a file's blocks tell who has written them. */
static uint8_t data_byte(unsigned index)
{
    return block_on_disk(block_of(file_number, index))[BLOCK - 1];
}

static void mount_and_unmount(void)
{
    assert_int_equal(mount_with(0), 0);
    unmount();
}

static void expect_replayed(void)
{
    assert_int_equal(be32_get(journal_super()->start), 0);
    assert_int_equal(le32_get(super_on_disk()->feature_incompat) & EXT_INCOMPAT_RECOVER, 0);
    expect_clean();
}

/* ---- What is replayed -------------------------------------------------------------------------- */

static void committed_transactions_are_replayed_in_order(void **state)
{
    uint32_t first = block_of(file_number, 0), second = block_of(file_number, 20);

    log_begin(5, 7);
    log_descriptor();
    log_copy(first, 0xa1, false);
    log_copy(second, 0xa2, false);
    log_commit();
    log_descriptor();
    log_copy(first, 0xb1, false);
    log_commit();
    log_descriptor(); /* of this one no commit was written */
    log_copy(first, 0xc1, false);
    log_copy(second, 0xc2, false);
    machine_listen();
    assert_int_equal(mount_with(SUPER_RDONLY), 0); /* one that adds no transaction of its own */
    unmount();
    assert_true(machine_said("2 transactions, 3 blocks"));
    assert_int_equal(data_byte(0), 0xb1);
    assert_int_equal(data_byte(20), 0xa2);
    assert_int_equal(data_byte(1), 2);
    assert_int_equal(be32_get(journal_super()->sequence), 10);
    expect_replayed();
}

static void a_read_only_mount_replays_too(void **state)
{
    log_begin(1, 1);
    log_descriptor();
    log_copy(block_of(file_number, 3), 0x33, false);
    log_commit();
    assert_int_equal(mount_with(SUPER_RDONLY), 0);
    assert_int_equal(data_byte(3), 0x33);
    unmount();
    expect_replayed();
}

static void the_ring_goes_round(void **state)
{
    uint32_t nr_blocks = be32_get(journal_super()->nr_blocks);

    log_begin(nr_blocks - 3, 0xffffffff); /* numbers go round as well */
    for (unsigned i = 0; i < 4; i++) {
        log_descriptor();
        log_copy(block_of(file_number, i), (uint8_t)(0xd0 + i), false);
        log_commit();
    }
    mount_and_unmount();
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(data_byte(i), 0xd0 + i);
    }
    expect_replayed();
}

static void revoked_copies_are_void_unless_a_later_one_follows(void **state)
{
    uint32_t freed = block_of(file_number, 0), again = block_of(file_number, 1);

    log_begin(1, 40);
    log_descriptor();
    log_copy(freed, 0xe0, false);
    log_copy(again, 0xe1, false);
    log_commit();
    log_revoke(freed);
    log_revoke(again);
    log_commit();
    log_descriptor();
    log_copy(again, 0xe2, false);
    log_commit();
    machine_listen();
    mount_and_unmount();
    assert_true(machine_said("1 blocks, 2 more were void"));
    assert_int_equal(data_byte(0), 1); /* what the file had there */
    assert_int_equal(data_byte(1), 0xe2);
    expect_replayed();
}

static void an_escaped_copy_gets_its_first_word_back(void **state)
{
    log_begin(1, 3);
    log_descriptor();
    log_copy(block_of(file_number, 2), 0x22, true);
    log_copy(block_of(file_number, 4), 0x44, false);
    log_commit();
    mount_and_unmount();
    assert_int_equal(get_be32(block_on_disk(block_of(file_number, 2))), JOURNAL_MAGIC);
    assert_int_equal(data_byte(2), 0x22);
    assert_int_equal(data_byte(4), 0x44);
    expect_replayed();
}

static void what_debugfs_wrote_is_replayed_as_e2fsck_does(void **state)
{
    static uint8_t ours[IMAGE_BYTES];
    static const char script[] = "printf 'jo\\njw -b %u,%u -r %u /dev/zero\\njc\\n' >%s.cmd && "
                                 "debugfs -w -f %s.cmd %s >%s 2>&1";
    char line[400];
    size_t len;

    host_disk_save(disk, image_path);
    len = (size_t)ksnprintf(line, sizeof(line), PATH_PREFIX);
    ksnprintf(line + len, sizeof(line) - len, script, block_of(file_number, 5),
              block_of(file_number, 6), block_of(file_number, 7), image_path, image_path,
              image_path, log_path);
    assert_int_equal(system(line), 0);
    host_disk_free(disk);
    disk = host_disk_load(image_path);
    assert_int_not_equal(be32_get(journal_super()->start), 0);
    mount_and_unmount();
    memcpy(ours, disk->bytes, IMAGE_BYTES);
    assert_true(run("e2fsck -fy -E journal_only %s%s >%s 2>&1", "") <= 1 << 8);
    host_disk_free(disk);
    disk = host_disk_load(image_path);
    for (unsigned i = 0; i < 12; i++) {
        const uint8_t *theirs = block_on_disk(block_of(file_number, i));

        assert_memory_equal(ours + (theirs - disk->bytes), theirs, BLOCK);
    }
    assert_int_not_equal(data_byte(5), 6);
    ksnprintf(line, sizeof(line), "%s.cmd", image_path);
    (void)!unlink(line);
}

/* ---- In the middle of it ------------------------------------------------------------------------ */

static unsigned nr_writes_left; /* then the power goes */

static int cut_power(struct host_disk *cut, const struct block_request *request)
{
    if (request->op == BLOCK_READ) {
        return 0;
    }
    if (nr_writes_left == 0) {
        return -EIO;
    }
    nr_writes_left--;
    return 0;
}

static void a_replay_that_is_cut_short_is_done_again(void **state)
{
    unsigned nr_writes;

    for (nr_writes = 0;; nr_writes++) {
        int error;

        (void)fresh_image(NULL);
        log_begin(1, 100);
        for (unsigned i = 0; i < 5; i++) {
            log_descriptor();
            log_copy(block_of(file_number, 2 * i), (uint8_t)(0x90 + i), false);
            log_copy(block_of(file_number, 50 + 3 * i), (uint8_t)(0x80 + i), false);
            log_commit();
        }
        nr_writes_left = nr_writes;
        disk->filter = cut_power;
        error = mount_with(SUPER_RDONLY);
        disk->filter = NULL;
        if (error == 0) {
            unmount();
            break;
        }
        forget_cache();
        mount_and_unmount();
        for (unsigned i = 0; i < 5; i++) {
            assert_int_equal(data_byte(2 * i), 0x90 + i);
            assert_int_equal(data_byte(50 + 3 * i), 0x80 + i);
        }
        expect_replayed();
    }
    assert_true(nr_writes > 4);
}

static void nothing_is_lost_when_memory_is_short(void **state)
{
    for (unsigned nth = 1;; nth++) {
        uint64_t nr_failed;
        int error;

        (void)fresh_image(NULL);
        log_begin(1, 100);
        log_revoke(block_of(file_number, 9));
        log_descriptor();
        log_copy(block_of(file_number, 0), 0x77, false);
        log_commit();
        fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, nth, false);
        error = mount_with(0);
        nr_failed = fault_inject_disarm();
        if (error == 0) {
            unmount();
        } else {
            mount_and_unmount();
        }
        assert_int_equal(data_byte(0), 0x77);
        if (nr_failed == 0) {
            break;
        }
    }
}

/* Each write of an unmount, and all after it, fail. The log has what was committed, also for a mount that finds the device's
 * cache as the first one has left it: the journal's super block lies in one page with the beginning of the ring, which
 * was written past that page. */
static void what_an_unmount_could_not_put_in_its_place_is_replayed(void **state)
{
    bool has_failed_checkpoint = false;
    bool has_failed = true;

    for (unsigned nr_writes = 0; has_failed; nr_writes++) {
        (void)fresh_image(NULL);
        assert_int_equal(block_of(JOURNAL_INODE, 0) / (PAGE_SIZE / BLOCK),
                         block_of(JOURNAL_INODE, 1) / (PAGE_SIZE / BLOCK));
        assert_int_equal(mount_with(0), 0);
        assert_int_equal(vfs_mkdir(&world, "/mnt/committed", 0755), 0);
        vfs_sync_all();
        nr_writes_left = nr_writes;
        disk->filter = cut_power;
        machine_listen();
        unmount();
        disk->filter = NULL;
        has_failed = machine_said("data was lost");
        has_failed_checkpoint |= machine_said("could not be put in their places");
        assert_int_equal(mount_with(0), 0);
        assert_true(exists("/mnt/committed"));
        unmount();
        expect_replayed();
    }
    assert_true(has_failed_checkpoint);
}

/* ---- What must not be written ------------------------------------------------------------------- */

static void a_disk_that_must_not_be_written_is_refused_or_left_alone(void **state)
{
    static uint8_t before[IMAGE_BYTES];

    log_begin(1, 9);
    log_descriptor();
    log_copy(block_of(file_number, 0), 0x66, false);
    log_commit();
    memcpy(before, disk->bytes, IMAGE_BYTES);
    disk->device.is_read_only = true;
    machine_listen();
    assert_int_equal(mount_with(SUPER_RDONLY), -EROFS);
    assert_true(machine_said("noload"));
    disk->device.is_read_only = false;
    assert_int_equal(vfs_mount(&world, disk->device.name, "/mnt", "ext2", 0, "noload"), -EINVAL);
    machine_listen();
    assert_int_equal(vfs_mount(&world, disk->device.name, "/mnt", "ext2", 0, "nonsense"), -EINVAL);
    assert_true(machine_said("\"nonsense\" is not understood"));
    assert_int_equal(vfs_mount(&world, disk->device.name, "/mnt", "ext2", SUPER_RDONLY, "noload"),
                     0);
    assert_true(exists("/mnt/dir/file"));
    assert_int_equal(mount_with(SUPER_REMOUNT), -EROFS);
    unmount();
    assert_memory_equal(disk->bytes, before, IMAGE_BYTES);
}

/* ---- Journals that lie -------------------------------------------------------------------------- */

static void no_magic(void)
{
    journal_super()->header.magic = be32_of(1);
}

static void other_block_size(void)
{
    journal_super()->block_size = be32_of(4096);
}

static void too_long(void)
{
    journal_super()->nr_blocks = be32_of(1 << 20);
}

static void begins_nowhere(void)
{
    journal_super()->first = be32_of(0);
}

static void starts_outside(void)
{
    journal_super()->start = be32_of(5000);
}

static void needs_more(void)
{
    journal_super()->feature_incompat = be32_of(0x10);
}

static void copy_outside(void)
{
    log_descriptor();
    log_copy(IMAGE_BYTES / BLOCK, 0, false);
    log_commit();
}

static void revoke_too_long(void)
{
    log_revoke(3);
    ((struct journal_disk_revoke *)ring_block(4))->nr_bytes = be32_of(5000);
    log_commit();
}

static void is_a_directory(void)
{
    inode_on_disk(JOURNAL_INODE)->mode = le16_of(S_IFDIR | 0700);
}

static void has_a_hole(void)
{
    inode_on_disk(JOURNAL_INODE)->block[0] = le32_of(0);
}

static void has_no_inode(void)
{
    super_on_disk()->journal_inode = le32_of(0);
}

static void has_an_impossible_inode(void)
{
    super_on_disk()->journal_inode = le32_of(4000000000u);
}

static void journals_that_lie_are_refused_with_a_line(void **state)
{
    static const struct {
        void (*damage)(void);
        int error;
        const char *line;
    } cases[] = {
        {no_magic, -EUCLEAN, "no journal"},
        {other_block_size, -EUCLEAN, "block size is 4096"},
        {too_long, -EUCLEAN, "last block is 1048576"},
        {begins_nowhere, -EUCLEAN, "last block"},
        {starts_outside, -EUCLEAN, "begins at block 5000"},
        {needs_more, -EINVAL, "features 0x10"},
        {copy_outside, -EUCLEAN, "outside the file system, in block 4096"},
        {revoke_too_long, -EUCLEAN, "length is 5000"},
        {is_a_directory, -EUCLEAN, "not a regular file"},
        {has_a_hole, -EUCLEAN, "a hole at block 0"},
        {has_no_inode, -EINVAL, "not on this disk"},
        {has_an_impossible_inode, -EUCLEAN, "4000000000 is out of range"},
    };
    static uint8_t before[IMAGE_BYTES];

    for (size_t i = 0; i < array_size(cases); i++) {
        (void)fresh_image(NULL);
        log_begin(1, 1);
        log_descriptor();
        log_copy(block_of(file_number, 0), 0x55, false);
        log_commit();
        cases[i].damage();
        host_case_keep(disk, "ext3", cases[i].line);
        memcpy(before, disk->bytes, IMAGE_BYTES);
        machine_listen();
        assert_int_equal(mount_with(0), cases[i].error);
        if (!machine_said(cases[i].line)) {
            fail_msg("case %zu: no word of \"%s\"", i, cases[i].line);
        }
        assert_memory_equal(disk->bytes, before, IMAGE_BYTES);
    }
}

/* One descriptor after the other, all round the ring and never a commit. */
static void a_ring_without_an_end_ends(void **state)
{
    uint32_t nr_blocks = be32_get(journal_super()->nr_blocks);

    log_begin(1, 1);
    for (uint32_t i = 1; i < nr_blocks; i++) {
        (void)log_header(JOURNAL_REVOKE);
    }
    machine_listen();
    mount_and_unmount();
    assert_true(machine_said("0 transactions, 0 blocks"));
    expect_replayed();
}

/* Random blocks of a sound log are overwritten with random bytes: any outcome but a crash. */
static void random_damage_is_survived(void **state)
{
    struct host_random source;

    host_random_init(&source);
    for (unsigned round = 0; round < 300; round++) {
        (void)fresh_image(NULL);
        log_begin(1, 1);
        for (unsigned i = 0; i < 6; i++) {
            log_revoke(block_of(file_number, 30 + i));
            log_descriptor();
            log_copy(block_of(file_number, i), 0x55, false);
            log_copy(block_of(dir_number, 0), 0x55, false);
            log_commit();
        }
        for (unsigned i = 0; i < 4; i++) {
            uint32_t block = (uint32_t)host_random_below(&source, 20);

            ring_block(block)[host_random_below(&source, 64)] ^= (uint8_t)host_random_below(&source,
                                                                                            256);
        }
        if (mount_with(0) == 0) {
            (void)exists("/mnt/dir/file");
            unmount();
        }
    }
}

/* ---- Orphans ------------------------------------------------------------------------------------ */

static void set_orphans(uint32_t first)
{
    super_on_disk()->last_orphan = le32_of(first);
}

/* Remove a name and its link, and leave the rest to the list. */
static void orphan(const char *name, uint32_t number, uint32_t next)
{
    host_disk_save(disk, image_path);
    assert_int_equal(run("debugfs -w -R 'unlink %s' %s >%s 2>&1", name), 0);
    host_disk_free(disk);
    disk = host_disk_load(image_path);
    inode_on_disk(number)->links_count = le16_of(0);
    inode_on_disk(number)->dtime = le32_of(next);
}

static void orphans_are_freed(void **state)
{
    orphan("/dir/file", file_number, small_number);
    orphan("/dir/small", small_number, link_number);
    orphan("/link", link_number, 0);
    set_orphans(file_number);
    machine_listen();
    assert_int_equal(mount_with(SUPER_RDONLY), 0); /* only a mount that writes does it */
    unmount();
    assert_int_equal(le32_get(super_on_disk()->last_orphan), file_number);
    mount_and_unmount();
    assert_true(machine_said("3 inodes without names freed, 0 files cut"));
    assert_int_equal(le32_get(super_on_disk()->last_orphan), 0);
    expect_clean();
}

/* A directory and a symbolic link that were being made when the disk failed have no first block, or no size yet. */
static void orphans_that_were_never_complete_are_freed(void **state)
{
    struct ext_disk_inode *dir, *link;
    uint16_t nr_dirs = le16_get(group_on_disk(0)->used_dirs_count);

    orphan("/link", link_number, small_number);
    orphan("/dir/small", small_number, 0);
    set_orphans(link_number);
    dir = inode_on_disk(link_number);
    dir->mode = le16_of(S_IFDIR | 0755);
    dir->size_low = le32_of(0);
    memset(dir->block, 0, sizeof(dir->block));
    group_on_disk(0)->used_dirs_count = le16_of(nr_dirs + 1);
    link = inode_on_disk(small_number);
    link->mode = le16_of(S_IFLNK | 0777);
    link->size_low = le32_of(0);
    machine_listen();
    mount_and_unmount();
    assert_true(machine_said("2 inodes without names freed"));
    expect_clean();
}

static void a_file_that_was_being_cut_is_cut(void **state)
{
    struct kstat stat;

    inode_on_disk(file_number)->size_low = le32_of(5 * BLOCK + 10);
    set_orphans(file_number);
    machine_listen();
    assert_int_equal(mount_with(0), 0);
    assert_true(machine_said("0 inodes without names freed, 1 files cut"));
    assert_int_equal(look("/mnt/dir/file", &stat), 0);
    assert_int_equal(stat.size_bytes, 5 * BLOCK + 10);
    assert_int_equal(stat.nr_sectors, 6 * BLOCK / 512);
    unmount();
    expect_clean();
}

static void lists_of_orphans_that_lie_end(void **state)
{
    static const uint32_t wrong[] = {1, 8, 65, 0xffffffff};

    inode_on_disk(file_number)->dtime = le32_of(file_number); /* it leads to itself */
    set_orphans(file_number);
    if (mount_with(0) == 0) {
        unmount();
    }
    for (size_t i = 0; i < array_size(wrong); i++) {
        (void)fresh_image(NULL);
        set_orphans(wrong[i]);
        machine_listen();
        assert_int_equal(mount_with(0), 0);
        assert_true(machine_said("the list of orphans leads to inode"));
        assert_int_equal(vfs_mkdir(&world, "/mnt/new", 0755), -EROFS);
        unmount();
    }
}

#define TEST(name) cmocka_unit_test_setup(name, fresh_image)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(committed_transactions_are_replayed_in_order),
        TEST(a_read_only_mount_replays_too),
        TEST(the_ring_goes_round),
        TEST(revoked_copies_are_void_unless_a_later_one_follows),
        TEST(an_escaped_copy_gets_its_first_word_back),
        TEST(what_debugfs_wrote_is_replayed_as_e2fsck_does),
        TEST(a_replay_that_is_cut_short_is_done_again),
        TEST(nothing_is_lost_when_memory_is_short),
        TEST(what_an_unmount_could_not_put_in_its_place_is_replayed),
        TEST(a_disk_that_must_not_be_written_is_refused_or_left_alone),
        TEST(journals_that_lie_are_refused_with_a_line),
        TEST(a_ring_without_an_end_ends),
        TEST(random_damage_is_survived),
        TEST(orphans_are_freed),
        TEST(orphans_that_were_never_complete_are_freed),
        TEST(a_file_that_was_being_cut_is_cut),
        TEST(lists_of_orphans_that_lie_end),
    };

    return cmocka_run_group_tests(tests, ext_world_begin, ext_world_end);
}
