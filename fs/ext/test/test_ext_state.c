// SPDX-License-Identifier: MIT
/* What the ext2 driver leaves behind: the clean bit, nothing at all when it was mounted read-only,
 * whole trees when memory or the disk fail it in the middle of an operation, and when many threads
 * work at once. e2fsck is the judge. */
#include "fs/ext/test/ext_world.h"
#include "fs/vfs/super.h"

#include "mm/fault_inject.h"

static struct host_random source;

static uint16_t state_on_disk(void)
{
    return le16_get(super_on_disk()->state);
}

/* What the disk says while it is mounted for writing: with a journal it is clean all the same. */
static uint16_t state_while_mounted(void)
{
    bool has_journal = (le32_get(super_on_disk()->feature_compat) & EXT_COMPAT_HAS_JOURNAL) != 0;
    bool needs_replay = (le32_get(super_on_disk()->feature_incompat) & EXT_INCOMPAT_RECOVER) != 0;

    assert_int_equal(needs_replay, has_journal);
    return has_journal ? EXT_STATE_CLEAN : 0;
}

/* ---- The clean bit --------------------------------------------------------------------------- */

static void the_clean_bit_is_off_while_mounted_for_writing(void **state)
{
    assert_int_equal(state_on_disk(), EXT_STATE_CLEAN);
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(state_on_disk(), state_while_mounted());
    assert_int_equal(make("/mnt/new"), 0);
    assert_int_equal(mount_with(SUPER_REMOUNT), 0); /* writable it is already */
    vfs_sync_all();
    assert_int_equal(state_on_disk(), state_while_mounted());
    unmount();
    assert_int_equal(state_on_disk(), EXT_STATE_CLEAN);
    expect_clean();
}

static void what_was_not_clean_does_not_become_clean_by_mounting(void **state)
{
    super_on_disk()->state = le16_of(0);
    machine_listen();
    assert_int_equal(mount_with(0), 0);
    assert_true(machine_said("not unmounted cleanly"));
    unmount();
    assert_int_equal(state_on_disk(), 0);
}

static void a_read_only_mount_leaves_no_trace(void **state)
{
    struct file *file;
    char byte;

    disk->device.is_read_only = true;
    assert_int_equal(mount_with(0), -EROFS);
    assert_int_equal(mount_with(SUPER_RDONLY), 0);
    assert_int_equal(do_open("/mnt/dir/file", O_RDONLY, &file), 0);
    assert_int_equal(read_at(file, &byte, 1, 0), 1);
    file_put(file);
    assert_int_equal(do_open("/mnt/dir/file", O_RDWR, &file), -EROFS);
    assert_int_equal(vfs_mkdir(&world, "/mnt/new", 0755), -EROFS);
    vfs_sync_all();
    machine_listen();
    unmount();
    assert_false(machine_said("lost"));
    assert_memory_equal(disk->bytes, pristine, IMAGE_BYTES);
}

static void a_remount_changes_sides(void **state)
{
    assert_int_equal(mount_with(SUPER_RDONLY), 0);
    assert_memory_equal(disk->bytes, pristine, IMAGE_BYTES);
    assert_int_equal(mount_with(SUPER_REMOUNT), 0);
    assert_int_equal(state_on_disk(), state_while_mounted());
    assert_int_equal(make("/mnt/new"), 0);
    assert_int_equal(mount_with(SUPER_REMOUNT | SUPER_RDONLY), 0);
    assert_int_equal(state_on_disk(), EXT_STATE_CLEAN);
    expect_clean(); /* all that was done is there already */
    assert_int_equal(vfs_mkdir(&world, "/mnt/dir2", 0755), -EROFS);
    assert_int_equal(mount_with(SUPER_REMOUNT), 0);
    assert_int_equal(vfs_mkdir(&world, "/mnt/dir2", 0755), 0);
    unmount();
    assert_int_equal(state_on_disk(), EXT_STATE_CLEAN);
    expect_clean();
}

static int remount_with_options(const char *options)
{
    return vfs_mount(&world, NULL, "/mnt", NULL, MS_REMOUNT, options);
}

static void a_remount_refuses_what_it_does_not_know_and_changes_nothing(void **state)
{
    struct path path;

    assert_int_equal(mount_with(0), 0);
    assert_int_equal(path_walk(&world, "/mnt", WALK_FOLLOW, &path), 0);
    machine_listen();
    assert_int_equal(remount_with_options("errors=panic,no-such-option"), -EINVAL);
    assert_true(machine_said("\"no-such-option\" is not understood"));
    assert_int_equal(remount_with_options("noload"),
                     -EINVAL); /* only one that never writes has it */
    assert_int_equal(remount_with_options("errors=panic,errors=nonsense"), -EINVAL);
    assert_string_equal(super_policy(path.dentry->super), "errors=remount-ro");
    assert_int_equal(remount_with_options("errors=continue,data=ordered"), 0);
    assert_string_equal(super_policy(path.dentry->super), "errors=continue");
    assert_int_equal(make("/mnt/new"), 0);
    path_put(&path);
    unmount();
    expect_clean();
}

static void an_open_file_without_a_name_keeps_it_writable(void **state)
{
    struct file *file;
    char byte;

    assert_int_equal(mount_with(0), 0);
    assert_int_equal(do_open("/mnt/dir/file", O_RDONLY, &file), 0);
    assert_int_equal(vfs_unlink(&world, "/mnt/dir/file"), 0);
    assert_int_equal(mount_with(SUPER_REMOUNT | SUPER_RDONLY), -EBUSY); /* closing it will write */
    assert_int_equal(read_at(file, &byte, 1, 5 * BLOCK), 1);
    assert_int_equal(byte, 6);
    file_put(file);
    assert_int_equal(mount_with(SUPER_REMOUNT | SUPER_RDONLY), 0);
    unmount();
    expect_clean();
}

static _Atomic int remount_result = 1; /* not yet */

static void remove_in_a_thread(void *arg)
{
    assert(vfs_unlink(&world, "/mnt/dir/small") == 0);
}

static void remount_in_a_thread(void *arg)
{
    atomic_store(&remount_result, mount_with(SUPER_REMOUNT | SUPER_RDONLY));
}

/* An unlink that has looked whether it may, and waits for the directory's lock. */
static void a_remount_waits_for_names_that_are_being_changed(void **state)
{
    struct super *super;
    struct path dir;

    assert_int_equal(mount_with(0), 0);
    assert_int_equal(path_walk(&world, "/mnt/dir", 0, &dir), 0);
    super = dir.dentry->super;
    rwlock_read_lock(&dir.dentry->inode->lock);
    assert_non_null(port_spawn("remove", remove_in_a_thread, NULL));
    while (atomic_load(&super->nr_changes) == 0) {
        usleep(100);
    }
    atomic_store(&remount_result, 1);
    assert_non_null(port_spawn("remount", remount_in_a_thread, NULL));
    while ((__atomic_load_n(&super->flags, __ATOMIC_SEQ_CST) & SUPER_RDONLY) == 0) {
        usleep(100);
    }
    usleep(20000);
    assert_int_equal(atomic_load(&remount_result), 1);
    rwlock_read_unlock(&dir.dentry->inode->lock);
    while (atomic_load(&remount_result) == 1) {
        usleep(100);
    }
    assert_int_equal(atomic_load(&remount_result), 0);
    path_put(&dir);
    assert_false(exists("/mnt/dir/small"));
    assert_int_equal(state_on_disk(), EXT_STATE_CLEAN);
    expect_clean();
    unmount();
}

/* What is wrong is found while it becomes writable: it does not. */
static void a_remount_does_not_open_what_damage_has_closed(void **state)
{
    super_on_disk()->last_orphan = le32_of(7777); /* no inode's number */
    assert_int_equal(mount_with(SUPER_RDONLY), 0);
    assert_int_equal(mount_with(SUPER_REMOUNT), -EROFS);
    assert_int_equal(vfs_mkdir(&world, "/mnt/new", 0755), -EROFS);
    unmount();
}

static void shutting_down_leaves_it_clean(void **state)
{
    struct file *file;

    assert_int_equal(mount_with(0), 0);
    assert_int_equal(make("/mnt/new"), 0);
    vfs_shutdown();
    assert_int_equal(state_on_disk(), EXT_STATE_CLEAN);
    expect_clean();
    assert_int_equal(do_open("/mnt/new", O_RDWR, &file), -EROFS);
    unmount();
    assert_int_equal(state_on_disk(), EXT_STATE_CLEAN);
}

static void damage_is_recorded_and_keeps_the_file_system_read_only(void **state)
{
    record_of(dir_number, 1)->record_len = le16_of(0);
    assert_int_equal(mount_with(0), 0);
    assert_false(exists("/mnt/dir/file"));
    assert_int_equal(mount_with(SUPER_REMOUNT), -EROFS); /* not by hand either */
    unmount();
    assert_int_equal(state_on_disk(), EXT_STATE_ERRORS);
    assert_int_not_equal(judge(), 0);
}

/* ---- Attributes ------------------------------------------------------------------------------ */

static void blocks_of_attributes_go_with_their_inodes(void **state)
{
    static const char *const names[] = {"/link", "/long", "/dir/file", "/dir/small"};

    host_disk_save(disk, image_path);
    for (unsigned i = 0; i < array_size(names); i++) {
        if (run("debugfs -w -R 'ea_set %s user.note 0123456789' %s >%s 2>&1", names[i]) != 0) {
            skip();
        }
    }
    host_disk_free(disk);
    disk = host_disk_load(image_path);
    assert_true(le32_get(inode_on_disk(link_number)->file_acl) != 0);
    assert_int_equal(judge(), 0);
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(vfs_unlink(&world, "/mnt/link"), 0);
    assert_int_equal(vfs_unlink(&world, "/mnt/long"), 0);
    assert_int_equal(vfs_unlink(&world, "/mnt/dir/small"), 0);
    unmount();
    expect_clean();
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(vfs_unlink(&world, "/mnt/dir/file"), 0);
    unmount();
    expect_clean();
}

static void a_shared_block_of_attributes_stays_for_the_others(void **state)
{
    struct ext_disk_attributes *attributes;
    uint32_t block, shared;

    host_disk_save(disk, image_path);
    if (run("debugfs -w -R 'ea_set %s user.note 0123456789' %s >%s 2>&1", "/dir/file") != 0) {
        skip();
    }
    host_disk_free(disk);
    disk = host_disk_load(image_path);
    block = le32_get(inode_on_disk(file_number)->file_acl);
    assert_true(block != 0);
    attributes = (struct ext_disk_attributes *)block_on_disk(block);
    attributes->nr_inodes = le32_of(2);
    inode_on_disk(small_number)->file_acl = le32_of(block);
    shared = le32_get(inode_on_disk(small_number)->nr_sectors);
    inode_on_disk(small_number)->nr_sectors = le32_of(shared + BLOCK / 512);
    assert_int_equal(judge(), 0);
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(vfs_unlink(&world, "/mnt/dir/small"), 0);
    unmount();
    expect_clean();
    assert_int_equal(le32_get(attributes->nr_inodes), 1);
    forget_cache();
    inode_on_disk(file_number)->file_acl = le32_of(1); /* the super block */
    machine_listen();
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(vfs_unlink(&world, "/mnt/dir/file"), 0);
    unmount();
    assert_true(machine_said("attributes cannot be in block 1"));
}

/* ---- Small things ---------------------------------------------------------------------------- */

static void device_numbers_of_every_size_come_back(void **state)
{
    static const uint32_t numbers[] = {0x0103, 0x1234, (8u << 8) | 5 | (0x123u << 20), 0x7ff07};
    char name[32];

    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(mount_with(0), 0);
        for (unsigned i = 0; i < array_size(numbers); i++) {
            struct kstat stat;

            ksnprintf(name, sizeof(name), "/mnt/dev%u", i);
            if (round == 0) {
                assert_int_equal(vfs_mknod(&world, name, S_IFBLK | 0600, numbers[i]), 0);
            }
            assert_int_equal(look(name, &stat), 0);
            assert_int_equal(stat.rdev, numbers[i]);
        }
        unmount();
    }
    expect_clean();
}

static void times_come_back_to_the_second(void **state)
{
    struct attr_change change = {
        .valid = ATTR_MTIME | ATTR_ATIME, .mtime = {1234567890, 5}, .atime = {-86400, 0}};
    struct kstat stat;
    struct path path;

    assert_int_equal(mount_with(0), 0);
    assert_int_equal(path_walk(&world, "/mnt/dir/file", 0, &path), 0);
    assert_int_equal(vfs_setattr(&path, &change, &cred_kernel), 0);
    path_put(&path);
    unmount();
    assert_int_equal(mount_with(SUPER_RDONLY), 0);
    assert_int_equal(look("/mnt/dir/file", &stat), 0);
    assert_int_equal(stat.mtime.sec, 1234567890);
    assert_int_equal(stat.mtime.nsec, 0); /* small inodes have no room for more */
    assert_int_equal(stat.atime.sec, -86400);
    unmount();
}

static void times_that_a_small_inode_cannot_hold_are_the_last_it_can(void **state)
{
    struct attr_change change = {
        .valid = ATTR_MTIME | ATTR_ATIME, .mtime = {3000000000, 0}, .atime = {-3000000000, 0}};
    struct kstat stat;
    struct path path;

    assert_int_equal(mount_with(0), 0);
    assert_int_equal(path_walk(&world, "/mnt/dir/file", 0, &path), 0);
    assert_int_equal(vfs_setattr(&path, &change, &cred_kernel), 0);
    path_put(&path);
    for (unsigned round = 0; round < 2; round++) { /* also when it was read back */
        assert_int_equal(look("/mnt/dir/file", &stat), 0);
        assert_int_equal(stat.mtime.sec, INT32_MAX);
        assert_int_equal(stat.atime.sec, INT32_MIN);
        unmount();
        assert_int_equal(mount_with(SUPER_RDONLY), 0);
    }
    unmount();
}

static uint64_t bad_sector;

static int fail_bad_sector(struct host_disk *failing, const struct block_request *request)
{
    return request->op == BLOCK_READ && bad_sector >= request->sector &&
                   bad_sector < request->sector + request->nr_sectors
               ? -EIO
               : 0;
}

/* The old directory cannot be read any more when its name is to be removed. */
static void a_rename_that_fails_changes_nothing(void **state)
{
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(vfs_mkdir(&world, "/mnt/other", 0755), 0);
    assert_true(exists("/mnt/dir/small")); /* the name is cached, the block soon is not */
    vfs_sync_all();
    bad_sector = (uint64_t)pointer_of(dir_number, 0) * 2;
    disk->filter = fail_bad_sector;
    mapping_drop_clean(disk->device.cache);
    assert_int_equal(vfs_rename(&world, "/mnt/dir/small", &world, "/mnt/other/small", 0), -EIO);
    disk->filter = NULL;
    assert_true(exists("/mnt/dir/small"));
    assert_false(exists("/mnt/other/small"));
    unmount();
    expect_clean();
}

/* The inode's block of the table, which nobody has in memory: an error of that write, and of nothing else. */
static void a_block_of_the_table_that_cannot_be_read_fails_one_operation(void **state)
{
    bool has_journal = (le32_get(super_on_disk()->feature_compat) & EXT_COMPAT_HAS_JOURNAL) != 0;
    ssize_t result;
    struct file *file;
    char byte = 'x';

    assert_int_equal(mount_with(0), 0);
    assert_int_equal(do_open("/mnt/dir/file", O_RDWR, &file), 0);
    vfs_sync_all();
    mapping_drop_clean(disk->device.cache);
    bad_sector = (uint64_t)((uint8_t *)inode_on_disk(file_number) - disk->bytes) / SECTOR_SIZE;
    disk->filter = fail_bad_sector;
    result = write_at(file, &byte, 1, 340 << 10); /* in a block of its own */
    assert_true(has_journal ? result == -EIO : result == 1);
    result = vfs_truncate_file(file, 1000);
    assert_true(has_journal ? result == -EIO : result == 0);
    disk->filter = NULL;
    assert_int_equal(write_at(file, &byte, 1, 340 << 10), 1);
    assert_int_equal(vfs_mkdir(&world, "/mnt/new", 0755), 0);
    file_put(file);
    unmount();
    expect_clean();
}

static unsigned nr_flushes;

static int count_flushes(struct host_disk *counting, const struct block_request *request)
{
    (void)counting;
    nr_flushes += request->op == BLOCK_FLUSH;
    return 0;
}

/* Rename within /mnt/names, and how many flushes of the disk that took. */
static unsigned flushes_of_rename(const char *old_name, const char *new_name)
{
    char old_path[300], new_path[300];

    ksnprintf(old_path, sizeof(old_path), "/mnt/names/%s", old_name);
    ksnprintf(new_path, sizeof(new_path), "/mnt/names/%s", new_name);
    nr_flushes = 0;
    disk->filter = count_flushes;
    assert_int_equal(vfs_rename(&world, old_path, &world, new_path, 0), 0);
    disk->filter = NULL;
    assert_false(exists(old_path));
    assert_true(exists(new_path));
    return nr_flushes;
}

/* A block has 512 bytes before the end of its first sector. "." and ".." take 24, and each of two names of 250 letters
 * 260: so the second record, from 284 on, ends in another sector. */
static void a_rename_waits_for_the_disk_unless_it_is_one_change_of_one_sector(void **state)
{
    char first[256] = "", second[256] = "", longer[256] = "", path[300];
    unsigned nr_settlings = 1;

    memset(first, 'a', 250);
    memset(second, 'b', 250);
    memset(longer, 'c', 255);
    if ((le32_get(super_on_disk()->feature_compat) & EXT_COMPAT_HAS_JOURNAL) != 0) {
        nr_settlings = 0; /* both names are in one transaction */
    }
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(vfs_mkdir(&world, "/mnt/names", 0755), 0);
    ksnprintf(path, sizeof(path), "/mnt/names/%s", first);
    assert_int_equal(write_pattern(path, 10), 10);
    ksnprintf(path, sizeof(path), "/mnt/names/%s", second);
    assert_int_equal(write_pattern(path, 10), 10);
    vfs_sync_all();

    assert_int_equal(flushes_of_rename(first, "short"), 0);
    assert_int_equal(flushes_of_rename("short", first), 0); /* its record is as long as ever */
    assert_int_equal(flushes_of_rename(first, longer), nr_settlings); /* 264 bytes do not fit 260 */
    assert_int_equal(flushes_of_rename(second, "in one sector"), 0);
    assert_int_equal(flushes_of_rename("in one sector", second), nr_settlings); /* to 284 .. 542 */
    unmount();
    expect_clean();
}

/* ---- Without memory -------------------------------------------------------------------------- */

/* A bit of everything. Errors are the point. */
static void use_everything(void)
{
    struct path path;

    (void)!vfs_mkdir(&world, "/mnt/new", 0755);
    (void)!write_pattern("/mnt/new/file", 20 << 10);
    (void)!write_pattern("/mnt/dir/small", 5000);
    (void)!vfs_rename(&world, "/mnt/dir/small", &world, "/mnt/new/small", 0);
    (void)!vfs_symlink(&world, "somewhere", "/mnt/new/link");
    if (path_walk(&world, "/mnt/new/file", 0, &path) == 0) {
        (void)!vfs_link(&path, &world, "/mnt/second");
        (void)!vfs_truncate(&path, 3000, &cred_kernel);
        (void)!vfs_truncate(&path, 40000, &cred_kernel);
        path_put(&path);
    }
    (void)!vfs_unlink(&world, "/mnt/new/link");
    (void)!vfs_rename(&world, "/mnt/new", &world, "/mnt/dir/new", 0);
    (void)!vfs_unlink(&world, "/mnt/dir/new/file");
    (void)!vfs_rmdir(&world, "/mnt/lost+found");
}

static void any_allocation_may_fail_and_the_tree_stays_whole(void **state)
{
    unsigned nth = 1;

    for (;; nth++) {
        uint64_t nr_failed;

        fresh_image(NULL);
        fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, nth, false);
        if (mount_with(0) == 0) {
            use_everything();
            nr_failed = fault_inject_disarm();
            unmount();
        } else {
            nr_failed = fault_inject_disarm();
        }
        if (nr_failed == 0) {
            break;
        }
        if (nth % 4 == 0) { /* the judge takes his time */
            if (judge() != 0) {
                show_verdict();
                fail_msg("allocation %u: e2fsck complains", nth);
            }
        }
    }
    assert_true(nth > 50);
}

/* A file goes, in part or whole, and nothing of its metadata is in the cache. Errors are the point. */
static void free_blocks(bool is_whole)
{
    struct path path;

    if (is_whole) {
        (void)!vfs_unlink(&world, "/mnt/dir/file");
    } else if (path_walk(&world, "/mnt/dir/file", 0, &path) == 0) {
        (void)!vfs_truncate(&path, 3000, &cred_kernel);
        path_put(&path);
    }
}

static void begin_freeing(void)
{
    fresh_image(NULL);
    assert_int_equal(mount_with(0), 0);
    assert_true(exists("/mnt/dir/file"));
    vfs_sync_all();
    mapping_drop_clean(disk->device.cache);
}

/* What was to be done can be done later: by the next mount, where there is a journal to tell it. */
static void end_freeing(bool is_whole, unsigned nth)
{
    unmount();
    forget_cache();
    assert_int_equal(mount_with(0), 0);
    unmount();
    if (judge() != 0) {
        show_verdict();
        fail_msg("%s, failure %u: e2fsck complains", is_whole ? "unlink" : "truncate", nth);
    }
}

static void free_without_memory(bool is_whole)
{
    uint64_t nr_failed = 1;

    for (unsigned nth = 1; nr_failed != 0; nth++) {
        begin_freeing();
        fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, nth, nth % 3 == 0);
        free_blocks(is_whole);
        nr_failed = fault_inject_disarm();
        end_freeing(is_whole, nth);
    }
}

static void a_block_whose_freeing_lacks_memory_is_not_lost(void **state)
{
    free_without_memory(true);
    free_without_memory(false);
}

static uint64_t nr_free(void)
{
    return stats_of("/mnt").nr_free;
}

/* The last user of a file without a name closes it when there is no memory. */
static void close_without_memory(const char *name)
{
    struct file *file;

    assert_int_equal(do_open(name, O_RDONLY, &file), 0);
    assert_int_equal(vfs_unlink(&world, name), 0);
    fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, 1, true);
    mapping_drop_clean(disk->device.cache);
    file_put(file);
    assert_true(fault_inject_disarm() != 0);
}

static void what_could_not_be_freed_is_freed_by_the_next_sync(void **state)
{
    uint64_t nr_before;

    assert_int_equal(mount_with(0), 0);
    vfs_sync_all();
    nr_before = nr_free();
    close_without_memory("/mnt/dir/file");
    assert_int_equal(nr_free(), nr_before);
    vfs_sync_all();
    assert_true(nr_free() >= nr_before + 300);
    unmount();
    expect_clean();
}

/* Others come onto the list of orphans, and go, after one that could not be finished with. A power cut then. */
static void what_could_not_be_freed_keeps_its_place_among_the_orphans(void **state)
{
    uint8_t *at_the_cut = malloc(IMAGE_BYTES);
    struct file *small, *other;

    assert_int_equal(mount_with(0), 0);
    assert_int_equal(do_open("/mnt/dir/small", O_RDONLY, &small), 0);
    assert_int_equal(vfs_unlink(&world, "/mnt/dir/small"), 0);
    close_without_memory("/mnt/dir/file");
    assert_int_equal(do_open("/mnt/other", O_CREAT | O_RDWR, &other), 0);
    assert_int_equal(vfs_unlink(&world, "/mnt/other"), 0);
    file_put(small); /* from the end of the list */
    assert_int_equal(vfs_fsync(other, 0, UINT64_MAX, false), 0);
    memcpy(at_the_cut, disk->bytes, IMAGE_BYTES);
    file_put(other);
    unmount();
    expect_clean();
    forget_cache();
    memcpy(disk->bytes, at_the_cut, IMAGE_BYTES);
    free(at_the_cut);
    if ((le32_get(super_on_disk()->feature_compat) & EXT_COMPAT_HAS_JOURNAL) != 0) {
        machine_listen();
        assert_int_equal(mount_with(0), 0);
        assert_true(machine_said("2 inodes without names freed"));
        unmount();
        expect_clean();
    }
}

/* ---- With a failing disk --------------------------------------------------------------------- */

static unsigned nr_reads_left; /* until one fails */

static int fail_one_read(struct host_disk *failing, const struct block_request *request)
{
    return request->op == BLOCK_READ && nr_reads_left-- == 1 ? -EIO : 0;
}

static void free_with_bad_reads(bool is_whole)
{
    bool has_failed = true;

    for (unsigned nth = 1; has_failed; nth++) {
        begin_freeing();
        nr_reads_left = nth;
        disk->filter = fail_one_read;
        free_blocks(is_whole);
        disk->filter = NULL;
        has_failed = (int)nr_reads_left <= 0;
        end_freeing(is_whole, nth);
    }
}

static void a_block_whose_freeing_meets_a_bad_read_is_not_lost(void **state)
{
    free_with_bad_reads(true);
    free_with_bad_reads(false);
}

static int fail_some(struct host_disk *failing, const struct block_request *request)
{
    return host_random_below(&source, 12) == 0 ? -EIO : 0;
}

static void a_failing_disk_is_survived(void **state)
{
    for (unsigned round = 0; round < 60; round++) {
        fresh_image(NULL);
        disk->filter = fail_some;
        if (mount_with(0) == 0) {
            use_everything();
            vfs_sync_all();
            unmount();
        }
        disk->filter = NULL;
    }
}

/* ---- Many at once ---------------------------------------------------------------------------- */

static void busy_thread(unsigned index, void *arg)
{
    char dir[32], name[64], other[64];

    for (unsigned i = 0; i < 2; i++) { /* all race to make both, and then both are there for all */
        int error;

        ksnprintf(dir, sizeof(dir), "/mnt/t%u", i);
        error = vfs_mkdir(&world, dir, 0755);
        assert(error == 0 || error == -EEXIST);
    }
    ksnprintf(dir, sizeof(dir), "/mnt/t%u", index % 2); /* two share a directory */
    for (unsigned i = 0; i < 40; i++) {
        struct path path;

        ksnprintf(name, sizeof(name), "%s/f%u-%u", dir, index, i % 5);
        ksnprintf(other, sizeof(other), "/mnt/t%u/g%u-%u", (index + 1) % 2, index, i % 3);
        assert(write_pattern(name, 3000 + 700 * i) > 0);
        if (i % 3 == 0 && exists(name)) {
            assert(vfs_rename(&world, name, &world, other, 0) == 0);
        } else if (i % 4 == 0) {
            assert(vfs_unlink(&world, name) == 0);
        } else if (path_walk(&world, name, 0, &path) == 0) {
            assert(vfs_truncate(&path, 100 * i, &cred_kernel) == 0);
            path_put(&path);
        }
        if (i % 16 == 15) {
            vfs_sync_all();
        }
    }
}

static void many_threads_leave_a_whole_tree(void **state)
{
    assert_int_equal(mount_with(0), 0);
    host_disk_set_async(disk, 8, 50);
    host_run_threads(4, busy_thread, NULL);
    unmount();
    host_disk_set_async(disk, 0, 0);
    expect_clean();
}

static int begin(void **state)
{
    host_random_init(&source);
    return ext_world_begin(state);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh_image)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_clean_bit_is_off_while_mounted_for_writing),
        TEST(what_was_not_clean_does_not_become_clean_by_mounting),
        TEST(a_read_only_mount_leaves_no_trace),
        TEST(a_remount_changes_sides),
        TEST(a_remount_refuses_what_it_does_not_know_and_changes_nothing),
        TEST(an_open_file_without_a_name_keeps_it_writable),
        TEST(a_remount_waits_for_names_that_are_being_changed),
        TEST(a_remount_does_not_open_what_damage_has_closed),
        TEST(a_block_of_the_table_that_cannot_be_read_fails_one_operation),
        TEST(damage_is_recorded_and_keeps_the_file_system_read_only),
        TEST(blocks_of_attributes_go_with_their_inodes),
        TEST(a_shared_block_of_attributes_stays_for_the_others),
        TEST(device_numbers_of_every_size_come_back),
        TEST(times_come_back_to_the_second),
        TEST(times_that_a_small_inode_cannot_hold_are_the_last_it_can),
        TEST(a_rename_that_fails_changes_nothing),
        TEST(a_rename_waits_for_the_disk_unless_it_is_one_change_of_one_sector),
        TEST(any_allocation_may_fail_and_the_tree_stays_whole),
        TEST(a_block_whose_freeing_lacks_memory_is_not_lost),
        TEST(a_block_whose_freeing_meets_a_bad_read_is_not_lost),
        TEST(what_could_not_be_freed_is_freed_by_the_next_sync),
        TEST(what_could_not_be_freed_keeps_its_place_among_the_orphans),
        TEST(a_failing_disk_is_survived),
        TEST(many_threads_leave_a_whole_tree),
        TEST(shutting_down_leaves_it_clean),
    };

    return cmocka_run_group_tests(tests, begin, ext_world_end);
}
