// SPDX-License-Identifier: MIT
/* Names on FAT: files of other systems and for them, one file under many spellings, short names
 * that differ, and what cannot be a name. */
#include "fs/fat/test/fat_world.h"

static void files_of_other_systems_are_found_by_all_their_names(void **state)
{
    struct host_disk *disk = make_image(34 * KIB, "-F 32 -s 1");
    static const char text[] = "written by mtools";

    host_disk_save(disk, image_path);
    host_disk_free(disk);
    assert_int_equal(run_command("mmd -i %s ::dir '::A Directory' && for name in "
                                 "'A rather long name for it.text' UPPER.TXT lower.txt; do "
                                 "echo -n '%s' | mcopy -i %s - \"::dir/$name\" || exit 1; done",
                                 image_path, text, image_path),
                     0);
    disk = host_disk_load(image_path);
    mount_disk(disk);
    expect_names("/mnt", "dir|A Directory|");
    expect_names("/mnt/DIR", "A rather long name for it.text|UPPER.TXT|lower.txt|");
    expect_text("/mnt/dir/A rather long name for it.text", text);
    expect_text("/mnt/DIR/a RATHER LONG name for it.TEXT", text);
    expect_text("/mnt/dir/ARATHE~1.TEX", text);
    expect_text("/mnt/dir/upper.txt", text);
    expect_text("/mnt/dir/Lower.Txt", text);
    expect_text("/mnt/dir/lower.txt..", text); /* dots at the end do not count */
    expect_names("/mnt/adirec~1", "");
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

static void names_made_here_are_read_by_other_systems(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16");

    mount_disk(disk);
    assert_int_equal(vfs_mkdir(here(), "/mnt/Some Directory", 0755), 0);
    put_text("/mnt/Some Directory/Näme with 🐧 and more than thirteen units.tar.gz", "content");
    put_text("/mnt/plain.txt", "plain");
    put_text("/mnt/.hidden", "hidden");
    unmount();
    check_clean(disk);
    assert_int_equal(
        run_command("LC_ALL=C.UTF-8 mtype -i %s '::Some Directory/N*.gz' | grep -qx content && "
                    "mtype -i %s ::plain.txt | grep -qx plain && "
                    "mdir -b -i %s :: | grep -qx '::/plain.txt' && "
                    "mdir -b -i %s :: | grep -qx '::/.hidden'",
                    image_path, image_path, image_path, image_path),
        0);
    host_disk_free(disk);
}

static void all_spellings_are_one_file(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16");
    struct file *file;

    mount_disk(disk);
    put_text("/mnt/A Long File Name.txt", "one");
    assert_int_equal(try_open("/mnt/a long file name.TXT", O_CREAT | O_EXCL | O_RDWR, &file),
                     -EEXIST);
    assert_int_equal(try_open("/mnt/ALONGF~1.TXT", O_CREAT | O_EXCL | O_RDWR, &file), -EEXIST);
    assert_int_equal(number_of("/mnt/a LONG file name.txt"), number_of("/mnt/alongf~1.txt"));
    put_text("/mnt/alongf~1.txt", "two");
    expect_text("/mnt/A Long File Name.txt", "two");
    assert_int_equal(vfs_unlink(here(), "/mnt/A LONG FILE NAME.TXT"), 0);
    assert_int_equal(try_open("/mnt/A Long File Name.txt", O_RDONLY, &file), -ENOENT);
    assert_int_equal(try_open("/mnt/alongf~1.txt", O_RDONLY, &file), -ENOENT);
    expect_names("/mnt", "");
    assert_int_equal(try_open("/mnt/name", O_RDONLY, &file),
                     -ENOENT); /* not there in one spelling … */
    put_text("/mnt/NAME", "there");
    expect_text("/mnt/name", "there"); /* … and then in the other */
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

static void a_directory_has_one_name_however_it_is_spelt(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16");

    mount_disk(disk);
    assert_int_equal(vfs_mkdir(here(), "/mnt/Directory", 0755), 0);
    put_text("/mnt/DIRECTORY/file", "x");
    assert_int_equal(vfs_rename(here(), "/mnt/Directory", here(), "/mnt/DIRECTORY/Below", 0),
                     -EINVAL);
    assert_int_equal(vfs_rename(here(), "/mnt/directory", here(), "/mnt/Other", 0), 0);
    expect_text("/mnt/oTHER/FILE", "x");
    assert_int_equal(vfs_unlink(here(), "/mnt/other/FILE"), 0);
    assert_int_equal(vfs_rmdir(here(), "/mnt/OTHER"), 0);
    expect_names("/mnt", "");
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

static void many_names_that_begin_alike_have_different_short_names(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16 -s 1");
    char name[64];

    mount_disk(disk);
    assert_int_equal(vfs_mkdir(here(), "/mnt/d", 0755), 0);
    for (unsigned i = 0; i < 1500; i++) { /* more than there are tails to three digits */
        ksnprintf(name, sizeof(name), "/mnt/d/the same beginning, number %u.txt", i);
        file_put(open_file(name, O_CREAT | O_EXCL | O_RDWR));
    }
    unmount();
    check_clean(disk); /* fsck.fat looks for names that are there twice */
    mount_disk(disk);
    for (unsigned i = 0; i < 1500; i++) {
        ksnprintf(name, sizeof(name), "/mnt/d/the same beginning, number %u.txt", i);
        assert_int_equal(vfs_unlink(here(), name), 0);
    }
    assert_int_equal(vfs_rmdir(here(), "/mnt/d"), 0);
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

static void what_cannot_be_a_name_is_einval(void **state)
{
    static const char *const bad[] = {"/mnt/a*", "/mnt/a:b", "/mnt/a ", "/mnt/\xff", "/mnt/..."};
    struct host_disk *disk = make_image(16 * KIB, "-F 16");
    struct file *file;

    mount_disk(disk);
    for (unsigned i = 0; i < array_size(bad); i++) {
        assert_int_equal(try_open(bad[i], O_RDONLY, &file), -ENOENT);
        assert_int_equal(try_open(bad[i], O_CREAT | O_RDWR, &file), -EINVAL);
        assert_int_equal(vfs_mkdir(here(), bad[i], 0755), -EINVAL);
    }
    put_text("/mnt/good", "x");
    assert_int_equal(vfs_rename(here(), "/mnt/good", here(), "/mnt/b?d", 0), -EINVAL);
    expect_text("/mnt/good", "x");
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_other_systems_are_found_by_all_their_names),
        cmocka_unit_test(names_made_here_are_read_by_other_systems),
        cmocka_unit_test(all_spellings_are_one_file),
        cmocka_unit_test(a_directory_has_one_name_however_it_is_spelt),
        cmocka_unit_test(many_names_that_begin_alike_have_different_short_names),
        cmocka_unit_test(what_cannot_be_a_name_is_einval),
    };

    return cmocka_run_group_tests(tests, fat_world_start, fat_world_stop);
}
