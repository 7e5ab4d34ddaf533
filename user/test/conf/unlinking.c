// SPDX-License-Identifier: MIT
/* unlink, rmdir and link: what lives on without a name, and the counts. */
#include "conf.h"

CASE(unlinking, open_file_lives_until_closed)
{
    struct stat st;
    make_patterned("f", 20000, 1);
    int fd = (int)OK(open("f", O_RDWR));
    OK(unlink("f"));
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_nlink, 0);
    EXPECT_EQ(st.st_size, 20000);
    EXPECT(has_pattern(fd, 0, 20000, 1));
    EXPECT_EQ(pwrite(fd, "more", 4, 20000), 4);
    OK(ftruncate(fd, 5));
    OK(fsync(fd));
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_size, 5);
}

CASE(unlinking, mapped_file_lives_until_unmapped)
{
    make_patterned("f", 8192, 2);
    int fd = (int)OK(open("f", O_RDWR));
    char *at = OK_MAP(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    OK(close(fd));
    OK(unlink("f"));
    EXPECT(check_pattern(at, 8192, 2));
    at[0] = 'x';
    OK(msync(at, 8192, MS_SYNC));
}

CASE(unlinking, space_comes_back_with_the_last_close)
{
    struct stat st;
    make_patterned("f", 300000, 3);
    int fd = (int)OK(open("f", O_RDONLY));
    OK(unlink("f"));
    OK(fstat(fd, &st));
    EXPECT(st.st_blocks >= 580);
}

CASE(unlinking, other_link_stays_whole)
{
    make_patterned("a", 10000, 4);
    OK(link("a", "b"));
    EXPECT_EQ(links_of("a"), 2);
    OK(unlink("a"));
    EXPECT_EQ(links_of("b"), 1);
    EXPECT(has_pattern((int)OK(open("b", O_RDONLY)), 0, 10000, 4));
}

CASE(unlinking, directories_and_files_have_each_their_call)
{
    OK(mkdir("d", 0755));
    make_file("f", 0644);
    EXPECT_ERR(unlink("d"), EISDIR);
    EXPECT_ERR(rmdir("f"), ENOTDIR);
    EXPECT_ERR(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
    EXPECT_ERR(unlinkat(AT_FDCWD, "f", 1), EINVAL);
    OK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
}

CASE(unlinking, trailing_slashes)
{
    make_file("f", 0644);
    OK(mkdir("d", 0755));
    EXPECT_ERR(unlink("f/"), ENOTDIR);
    EXPECT_ERR(unlink("d/"), EISDIR);
    EXPECT_ERR(rmdir("f/"), ENOTDIR);
    EXPECT_ERR(unlink("missing/"), ENOENT);
    OK(rmdir("d/"));
}

CASE(unlinking, dots)
{
    OK(mkdir("d", 0755));
    EXPECT_ERR(rmdir("d/."), EINVAL);
    EXPECT_ERR(rmdir("d/.."), ENOTEMPTY);
    EXPECT_ERR(unlink("d/."), EISDIR);
    EXPECT_ERR(unlink("d/.."), EISDIR);
    EXPECT_ERR(rmdir("."), EINVAL);
}

CASE(unlinking, full_directory_is_enotempty)
{
    OK(mkdir("d", 0755));
    make_file("d/f", 0644);
    EXPECT_ERR(rmdir("d"), ENOTEMPTY);
    OK(unlink("d/f"));
    OK(rmdir("d"));
}

CASE(unlinking, removed_directory_is_dead_but_there)
{
    OK(mkdir("d", 0755));
    int fd = (int)OK(open("d", O_RDONLY | O_DIRECTORY));
    struct stat st;
    OK(rmdir("d"));
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_nlink, 0);
    EXPECT_ERR(openat(fd, "x", O_RDONLY), ENOENT);
    char buf[512];
    EXPECT_ERR(syscall(SYS_getdents64, fd, buf, sizeof(buf)), ENOENT);
}

CASE(unlinking, mount_point_is_ebusy)
{
    bind_place("m");
    EXPECT_ERR(rmdir("m"), EBUSY);
    OK(umount("m"));
    OK(rmdir("m"));
}

CASE(unlinking, name_can_be_used_at_once)
{
    for (int i = 0; i < 50; i++) {
        make_patterned("f", 5000, (unsigned)i);
        OK(unlink("f"));
        EXPECT_ERR(unlink("f"), ENOENT);
        OK(mkdir("f", 0755));
        OK(rmdir("f"));
    }
}

CASE(linking, gives_a_second_name)
{
    write_file("a", "A", 1);
    OK(link("a", "b"));
    EXPECT_EQ(inode_of("a"), inode_of("b"));
    EXPECT_EQ(links_of("a"), 2);
    int fd = (int)OK(open("b", O_WRONLY | O_APPEND));
    OK(write(fd, "B", 1));
    expect_file("a", "AB");
}

CASE(linking, refusals)
{
    make_file("f", 0644);
    make_file("g", 0644);
    OK(mkdir("d", 0755));
    EXPECT_ERR(link("d", "e"), EPERM);
    EXPECT_ERR(link("f", "g"), EEXIST);
    EXPECT_ERR(link("f", "d"), EEXIST);
    EXPECT_ERR(link("missing", "x"), ENOENT);
    EXPECT_ERR(link("f", "missing/x"), ENOENT);
    EXPECT_ERR(link("f", "g/x"), ENOTDIR);
    EXPECT_ERR(link("f", "x/"), ENOENT);
    EXPECT_ERR(linkat(AT_FDCWD, "f", AT_FDCWD, "x", 0x8000), EINVAL);
}

CASE(linking, symlink_itself_or_what_it_names)
{
    make_file("f", 0644);
    OK(symlink("f", "l"));
    OK(link("l", "hard"));
    EXPECT(S_ISLNK(stat_of("hard").st_mode));
    OK(linkat(AT_FDCWD, "l", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
    EXPECT_EQ(inode_of("followed"), inode_of("f"));
}

CASE(linking, removed_file_has_no_way_back)
{
    char path[64];
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0644));
    OK(unlink("f"));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    EXPECT_ERR(linkat(AT_FDCWD, path, AT_FDCWD, "back", AT_SYMLINK_FOLLOW), ENOENT);
}

CASE(linking, hundreds_of_links_count)
{
    make_file("f", 0644);
    for (int i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof(name), "l%d", i);
        OK(link("f", name));
    }
    EXPECT_EQ(links_of("f"), 301);
    for (int i = 0; i < 300; i += 2) {
        char name[16];
        snprintf(name, sizeof(name), "l%d", i);
        OK(unlink(name));
    }
    EXPECT_EQ(links_of("f"), 151);
}

CASE(linking, directories_count_their_subdirectories)
{
    OK(mkdir("d", 0755));
    EXPECT_EQ(links_of("d"), 2);
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof(name), "d/%d", i);
        OK(mkdir(name, 0755));
    }
    make_file("d/f", 0644);
    EXPECT_EQ(links_of("d"), 7);
    OK(rmdir("d/3"));
    EXPECT_EQ(links_of("d"), 6);
}
