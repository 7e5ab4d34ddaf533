// SPDX-License-Identifier: MIT
/* Which error comes when several are right. */
#include "conf.h"

CASE(refusal, component_that_is_no_directory_goes_before_all)
{
    make_file("f", 0644);
    EXPECT_ERR(open("f/x", O_CREAT | O_RDWR, 0644), ENOTDIR);
    EXPECT_ERR(mkdir("f/x", 0755), ENOTDIR);
    EXPECT_ERR(unlink("f/x"), ENOTDIR);
    EXPECT_ERR(rmdir("f/x"), ENOTDIR);
    EXPECT_ERR(rename("f/x", "y"), ENOTDIR);
    EXPECT_ERR(truncate("f/x", 0), ENOTDIR);
    EXPECT_ERR(chmod("f/.", 0644), ENOTDIR);
    EXPECT_ERR(access("f/..", F_OK), ENOTDIR);
}

CASE(refusal, missing_component_is_enoent)
{
    EXPECT_ERR(open("n/x", O_CREAT | O_RDWR, 0644), ENOENT);
    EXPECT_ERR(mkdir("n/x", 0755), ENOENT);
    EXPECT_ERR(unlink("n/x"), ENOENT);
    EXPECT_ERR(symlink("t", "n/x"), ENOENT);
    EXPECT_ERR(access("n/..", F_OK), ENOENT);
    EXPECT_ERR(mkdir("n/", 0755) ? -1 : rmdir("n") ? 0 : (errno = ENOENT, -1), ENOENT);
}

CASE(refusal, loop_in_the_middle_is_eloop)
{
    OK(symlink("b", "a"));
    OK(symlink("a", "b"));
    EXPECT_ERR(open("a/x", O_RDONLY), ELOOP);
    EXPECT_ERR(mkdir("a/x", 0755), ELOOP);
    EXPECT_ERR(open("a", O_RDONLY), ELOOP);
    EXPECT_ERR(mkdir("a", 0755), EEXIST);
    EXPECT_ERR(open("a", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
    EXPECT_ERR(open("a", O_CREAT | O_RDWR, 0644), ELOOP);
}

CASE(refusal, long_names_are_enametoolong)
{
    const char *name = name_of_length(256, 'x');
    EXPECT_ERR(open(name, O_RDONLY), ENAMETOOLONG);
    EXPECT_ERR(open(name, O_CREAT | O_RDWR, 0644), ENAMETOOLONG);
    EXPECT_ERR(mkdir(name, 0755), ENAMETOOLONG);
    EXPECT_ERR(unlink(name), ENAMETOOLONG);
    EXPECT_ERR(rmdir(name), ENAMETOOLONG);
    EXPECT_ERR(access(name, F_OK), ENAMETOOLONG);
}

CASE(refusal, long_name_as_target_of_rename)
{
    make_file("f", 0644);
    EXPECT_ERR(rename("f", name_of_length(256, 'x')), ENAMETOOLONG);
    EXPECT_ERR(rename(name_of_length(256, 'x'), "f"), ENAMETOOLONG);
    EXPECT(exists("f"));
}

CASE(refusal, long_name_below_a_file_is_enotdir)
{
    char path[400];
    make_file("f", 0644);
    snprintf(path, sizeof(path), "f/%s", name_of_length(256, 'x'));
    EXPECT_ERR(open(path, O_RDONLY), ENOTDIR);
}

CASE(refusal, long_paths_are_enametoolong)
{
    char path[PATH_MAX + 2];
    for (size_t i = 0; i < PATH_MAX; i++)
        path[i] = i & 1 ? '/' : '.';
    path[PATH_MAX] = '\0';
    EXPECT_ERR(open(path, O_RDONLY), ENAMETOOLONG);
    path[PATH_MAX - 1] = '\0';
    OK(close((int)OK(open(path, O_RDONLY))));
    EXPECT_ERR(mkdir(name_of_length(PATH_MAX - 1, 'x'), 0755), ENAMETOOLONG);
}

CASE(refusal, existing_target_before_all_that_the_directory_forbids)
{
    NEED_ROOT();
    OK(mkdir("d", 0755));
    make_file("d/f", 0644);
    AS_USER (TEST_UID, TEST_GID) {
        EXPECT_ERR(mkdir("d/f", 0755), EEXIST);
        EXPECT_ERR(open("d/f", O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST);
        EXPECT_ERR(symlink("t", "d/f"), EEXIST);
        EXPECT_ERR(mkdir("d/new", 0755), EACCES);
        EXPECT_ERR(unlink("d/missing"), ENOENT);
        EXPECT_ERR(unlink("d/f"), EACCES);
        EXPECT_ERR(rmdir("d/f"), EACCES);
    }
}

CASE(refusal, no_search_right_hides_what_is_missing)
{
    NEED_ROOT();
    OK(mkdir("d", 0700));
    make_file("d/f", 0644);
    AS_USER (TEST_UID, TEST_GID) {
        EXPECT_ERR(open("d/f", O_RDONLY), EACCES);
        EXPECT_ERR(open("d/missing", O_RDONLY), EACCES);
        EXPECT_ERR(mkdir("d/f", 0755), EACCES);
        EXPECT_ERR(open("d/f/x", O_RDONLY), EACCES);
    }
}

CASE(refusal, directory_for_writing_is_eisdir)
{
    OK(mkdir("d", 0755));
    EXPECT_ERR(open("d", O_WRONLY), EISDIR);
    EXPECT_ERR(open("d", O_RDWR | O_TRUNC), EISDIR);
    EXPECT_ERR(open("d", O_RDONLY | O_TRUNC), EISDIR);
    EXPECT_ERR(truncate("d", 0), EISDIR);
    EXPECT_ERR(open("d", O_CREAT | O_WRONLY, 0644), EISDIR);
}

CASE(refusal, read_and_write_of_directories)
{
    char c;
    int fd = (int)OK(open(".", O_RDONLY));
    EXPECT_ERR(read(fd, &c, 1), EISDIR);
    EXPECT_ERR(pread(fd, &c, 1, 0), EISDIR);
    EXPECT_ERR(write(fd, &c, 1), EBADF);
    EXPECT_ERR(ftruncate(fd, 0), EINVAL);
}

CASE(refusal, negative_sizes_and_offsets)
{
    char c;
    make_file("f", 0644);
    int fd = (int)OK(open("f", O_RDWR));
    EXPECT_ERR(truncate("f", -1), EINVAL);
    EXPECT_ERR(ftruncate(fd, -1), EINVAL);
    EXPECT_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
    EXPECT_ERR(lseek(fd, 0, 99), EINVAL);
    EXPECT_ERR(pread(fd, &c, 1, -1), EINVAL);
    EXPECT_ERR(pwrite(fd, &c, 1, -1), EINVAL);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 0);
}

CASE(refusal, rename_checks_in_order)
{
    make_file("f", 0644);
    OK(mkdir("d", 0755));
    OK(mkdir("d/e", 0755));
    EXPECT_ERR(rename("missing", "d"), ENOENT);
    EXPECT_ERR(rename("missing", "also/missing"), ENOENT);
    EXPECT_ERR(rename("f", "d"), EISDIR);
    EXPECT_ERR(rename("d", "f"), ENOTDIR);
    EXPECT_ERR(rename("d", "d/e"), EINVAL);
    EXPECT_ERR(rename("d/e", "d"), ENOTEMPTY);
    EXPECT_ERR(rename("f/", "g"), ENOTDIR);
    EXPECT_ERR(rename("f", "g/"), ENOTDIR);
    EXPECT_ERR(rename("d", "."), EBUSY);
}

CASE(refusal, read_only_mount_is_erofs)
{
    make_file("f", 0644);
    OK(mkdir("d", 0755));
    int fd = (int)OK(open("f", O_RDONLY));
    remount(MS_RDONLY);
    EXPECT_ERR(open("f", O_WRONLY), EROFS);
    EXPECT_ERR(open("new", O_CREAT | O_WRONLY, 0644), EROFS);
    OK(close((int)OK(open("f", O_CREAT | O_RDONLY, 0644))));
    EXPECT_ERR(open("f", O_CREAT | O_EXCL | O_RDONLY, 0644), EEXIST);
    EXPECT_ERR(mkdir("new", 0755), EROFS);
    EXPECT_ERR(mkdir("d", 0755), EEXIST);
    EXPECT_ERR(unlink("f"), EROFS);
    EXPECT_ERR(rmdir("d"), EROFS);
    EXPECT_ERR(rename("f", "g"), EROFS);
    EXPECT_ERR(chmod("f", 0600), EROFS);
    EXPECT_ERR(fchmod(fd, 0600), EROFS);
    EXPECT_ERR(truncate("f", 0), EROFS);
    EXPECT_ERR(utimensat(AT_FDCWD, "f", NULL, 0), EROFS);
    EXPECT_ERR(access("f", W_OK), EROFS);
    OK(access("f", R_OK));
    remount(0);
    OK(unlink("f"));
}

CASE(refusal, read_only_mount_and_links)
{
    make_file("f", 0644);
    remount(MS_RDONLY);
    EXPECT_ERR(link("f", "g"), EROFS);
    EXPECT_ERR(symlink("f", "g"), EROFS);
    EXPECT_ERR(symlink("x", "f"), EEXIST);
    EXPECT_ERR(mkfifo("p", 0600), EROFS);
}

CASE(refusal, descriptors_for_reading_do_not_write)
{
    make_file("f", 0644);
    int fd = (int)OK(open("f", O_RDONLY));
    EXPECT_ERR(write(fd, "x", 1), EBADF);
    EXPECT_ERR(pwrite(fd, "x", 1, 0), EBADF);
    EXPECT_ERR(ftruncate(fd, 0), EINVAL);
    EXPECT_ERR(syscall(SYS_fallocate, fd, 0, 0, 1), EBADF);
    EXPECT_ERR(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0), EACCES);
    int writer = (int)OK(open("f", O_WRONLY));
    EXPECT_ERR(mmap(NULL, 4096, PROT_READ, MAP_SHARED, writer, 0), EACCES);
}

CASE(refusal, executed_file_is_etxtbsy)
{
    copy_file(abi_self, "sleeper", 0755);
    pid_t pid = (pid_t)OK(fork());
    if (pid == 0) {
        execl("./sleeper", "./sleeper", "@sleep_in_case", NULL);
        _exit(1);
    }
    int fd, err = 0;
    for (int i = 0; i < 500 && err != ETXTBSY; i++) {
        fd = open("sleeper", O_WRONLY);
        err = fd < 0 ? errno : 0;
        if (fd >= 0)
            close(fd);
        sleep_ms(2);
    }
    EXPECT_EQ(err, ETXTBSY);
    EXPECT_ERR(truncate("sleeper", 0), ETXTBSY);
    OK(close((int)OK(open("sleeper", O_RDONLY))));
    OK(unlink("sleeper"));
    kill(pid, SIGKILL);
    EXPECT_KILLED(pid, SIGKILL);
}

HELPER(sleep_in_case)
{
    (void)argc, (void)argv;
    sleep_ms(20000);
    return 0;
}
