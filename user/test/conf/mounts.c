// SPDX-License-Identifier: MIT
/* Mount flags: ro, noexec, nosuid, nodev, noatime; remounting, binding, busy and lazy unmounting. */
#include "conf.h"

#include <sys/statvfs.h>

static unsigned long flags_here(void)
{
    struct statvfs st;
    OK(statvfs(".", &st));
    return st.f_flag;
}

CASE(mounts, statvfs_tells_the_flags)
{
    remount(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
    EXPECT_EQ(flags_here() & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC),
              ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC);
    remount(0);
    EXPECT_EQ(flags_here() & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC), 0);
}

CASE(mounts, read_only_is_refused_while_somebody_writes)
{
    int fd = (int)OK(open("f", O_CREAT | O_WRONLY, 0644));
    if (!conf_place.device)
        SKIP("no device to mount again (--device)");
    NEED_ROOT();
    EXPECT_ERR(mount(conf_place.device, conf_place.dir, conf_place.type, MS_REMOUNT | MS_RDONLY,
                     conf_place.options),
               EBUSY);
    OK(close(fd));
    remount(MS_RDONLY);
}

CASE(mounts, read_only_is_refused_for_an_unlinked_open_file)
{
    int fd = (int)OK(open("f", O_CREAT | O_RDONLY, 0644));
    OK(unlink("f"));
    if (!conf_place.device)
        SKIP("no device to mount again (--device)");
    NEED_ROOT();
    EXPECT_ERR(mount(conf_place.device, conf_place.dir, conf_place.type, MS_REMOUNT | MS_RDONLY,
                     conf_place.options),
               EBUSY);
    OK(close(fd));
    remount(MS_RDONLY);
}

CASE(mounts, read_only_leaves_the_atime)
{
    struct timespec ts[2] = {{1000000000, 0}, {1000000010, 0}};
    char c;
    write_file("f", "abc", 3);
    OK(utimensat(AT_FDCWD, "f", ts, 0));
    time_t before = stat_of("f").st_atime;
    remount(MS_RDONLY);
    int fd = (int)OK(open("f", O_RDONLY));
    OK(read(fd, &c, 1));
    EXPECT_EQ(stat_of("f").st_atime, before);
}

CASE(mounts, noatime_leaves_the_atime)
{
    struct timespec ts[2] = {{1000000000, 0}, {1000000010, 0}};
    char c;
    write_file("f", "abc", 3);
    remount(MS_NOATIME);
    OK(utimensat(AT_FDCWD, "f", ts, 0));
    time_t before = stat_of("f").st_atime;
    OK(read((int)OK(open("f", O_RDONLY)), &c, 1));
    EXPECT_EQ(stat_of("f").st_atime, before);
    remount(MS_STRICTATIME);
    OK(read((int)OK(open("f", O_RDONLY)), &c, 1));
    EXPECT(stat_of("f").st_atime > before);
}

CASE(mounts, remounting_without_a_word_on_atime_keeps_it)
{
    remount(MS_NOATIME);
    remount(0);
    EXPECT_EQ(flags_here() & (ST_NOATIME | ST_RELATIME), ST_NOATIME);
    remount(MS_RELATIME);
    EXPECT_EQ(flags_here() & (ST_NOATIME | ST_RELATIME), ST_RELATIME);
}

CASE(mounts, noexec_is_eacces)
{
    pid_t pid;
    copy_file(abi_self, "prog", 0755);
    remount(MS_NOEXEC);
    CHILD (pid) {
        EXPECT_ERR(execl("./prog", "./prog", "--help", NULL), EACCES);
        int fd = (int)OK(open("prog", O_RDONLY));
        EXPECT_ERR(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0), EPERM);
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_ERR(access("prog", X_OK), EACCES);
}

CASE(mounts, nosuid_ignores_the_bit)
{
    NEED_ROOT();
    pid_t pid;
    copy_file(abi_self, "prog", 0755);
    OK(chown("prog", OTHER_UID, OTHER_GID));
    OK(chmod("prog", 06755));
    remount(MS_NOSUID);
    CHILD (pid) {
        execl("./prog", "./prog", "@effective_is_real", NULL);
        _exit(9);
    }
    EXPECT_EXIT(pid, 4);
}

HELPER(effective_is_real)
{
    (void)argc, (void)argv;
    return geteuid() == getuid() && getegid() == getgid() ? 4 : 5;
}

CASE(mounts, nodev_is_eacces)
{
    NEED_ROOT();
    OK(mknod("null", S_IFCHR | 0666, 0x103));
    OK(close((int)OK(open("null", O_RDWR))));
    remount(MS_NODEV);
    EXPECT_ERR(open("null", O_RDWR), EACCES);
    OK(close((int)OK(open("null", O_PATH))));
}

CASE(mounts, bind_shows_the_same_files)
{
    bind_place("m");
    OK(mkdir("here", 0755));
    write_file("here/f", "F", 1);
    char path[PATH_MAX], cwd[PATH_MAX];
    EXPECT(getcwd(cwd, sizeof(cwd)));
    snprintf(path, sizeof(path), "m/%s/here/f", strrchr(cwd, '/') + 1);
    expect_file(path, "F");
    EXPECT_EQ(inode_of(path), inode_of("here/f"));
    OK(umount("m"));
    EXPECT_EQ(count_entries("m"), 0);
}

CASE(mounts, bind_of_a_directory_and_of_a_file)
{
    NEED_ROOT();
    if (!conf_place.device)
        SKIP("no device to mount again (--device)");
    OK(mkdir("a", 0755));
    write_file("a/f", "A", 1);
    OK(mkdir("b", 0755));
    make_file("g", 0644);
    OK(mount("a", "b", NULL, MS_BIND, NULL));
    expect_file("b/f", "A");
    OK(mount("a/f", "g", NULL, MS_BIND, NULL));
    expect_file("g", "A");
    OK(umount("g"));
    OK(umount("b"));
    EXPECT_EQ(size_of("g"), 0);
}

CASE(mounts, bind_can_be_read_only_alone)
{
    bind_place("m");
    OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    EXPECT_ERR(open("m/new", O_CREAT | O_WRONLY, 0644), EROFS);
    EXPECT_ERR(mkdir("m/new", 0755), EROFS);
    make_file("still", 0644);
    OK(umount("m"));
}

CASE(mounts, busy_is_ebusy_and_lazily_possible)
{
    bind_place("m");
    int fd = (int)OK(open("m", O_RDONLY | O_DIRECTORY));
    EXPECT_ERR(umount("m"), EBUSY);
    OK(umount2("m", MNT_DETACH));
    OK(close((int)OK(openat(fd, "later", O_CREAT | O_WRONLY, 0644)))); /* alive while held */
    OK(unlinkat(fd, "later", 0));
    EXPECT_EQ(count_entries("m"), 0);
}

CASE(mounts, current_directory_keeps_it_busy)
{
    bind_place("m");
    OK(chdir("m"));
    EXPECT_ERR(umount("../m"), EBUSY);
    OK(chdir(".."));
    OK(umount("m"));
}

CASE(mounts, refusals)
{
    NEED_ROOT();
    make_file("f", 0644);
    OK(mkdir("d", 0755));
    EXPECT_ERR(umount("d"), EINVAL);
    EXPECT_ERR(umount("missing"), ENOENT);
    EXPECT_ERR(mount("none", "missing", "tmpfs", 0, NULL), ENOENT);
    EXPECT_ERR(mount("none", "f", "tmpfs", 0, NULL), ENOTDIR);
    EXPECT_ERR(mount("none", "d", "no-such-type", 0, NULL), ENODEV);
    EXPECT_ERR(mount("none", "d", NULL, MS_REMOUNT, NULL), EINVAL);
    EXPECT_ERR(umount2("d", 0x1000), EINVAL);
}

CASE(mounts, are_roots)
{
    NEED_ROOT();
    OK(mkdir("d", 0755));
    AS_USER (TEST_UID, TEST_GID) {
        EXPECT_ERR(mount("none", "d", "tmpfs", 0, NULL), EPERM);
        EXPECT_ERR(umount(conf_place.dir), EPERM);
    }
}

CASE(mounts, content_is_there_after_mounting_again)
{
    char cwd[PATH_MAX];
    if (!conf_place.device || !strcmp(conf_place.type, "tmpfs"))
        SKIP("nothing lasts without a device");
    NEED_ROOT();
    EXPECT(getcwd(cwd, sizeof(cwd)));
    make_patterned("f", 123456, 11);
    OK(mkdir("d", 0755));
    make_file("d/g", 0644);
    OK(chdir("/"));
    OK(umount(conf_place.dir));
    OK(mount(conf_place.device, conf_place.dir, conf_place.type, 0, conf_place.options));
    OK(chdir(cwd));
    EXPECT(has_pattern((int)OK(open("f", O_RDONLY)), 0, 123456, 11));
    EXPECT_EQ(size_of("f"), 123456);
    EXPECT(exists("d/g"));
    EXPECT_EQ(count_entries("."), 2);
}

CASE(mounts, tmpfs_of_a_size_is_full_at_it)
{
    NEED_ROOT();
    struct statvfs st;
    OK(mkdir("t", 0755));
    OK(mount("tmpfs", "t", "tmpfs", 0, "size=1m,mode=0750"));
    OK(statvfs("t", &st));
    EXPECT_EQ(st.f_blocks * st.f_frsize, 1 << 20);
    EXPECT_EQ(mode_of("t"), S_IFDIR | 0750);
    char data[65536] = "";
    int fd = (int)OK(open("t/f", O_CREAT | O_WRONLY, 0644));
    for (int i = 0; i < 16; i++)
        EXPECT_EQ(write(fd, data, sizeof(data)), sizeof(data));
    EXPECT_ERR(write(fd, data, 1), ENOSPC);
    OK(close(fd));
    OK(umount("t"));
}

CASE(mounts, moved_is_seen_elsewhere)
{
    bind_place("a");
    OK(mkdir("b", 0755));
    OK(mkdir("a/sub", 0755));
    int fd = (int)OK(open("a", O_RDONLY | O_DIRECTORY));
    OK(mount("a", "b", NULL, MS_MOVE, NULL));
    EXPECT(exists("b/sub") && !exists("a/sub"));
    OK(faccessat(fd, "sub", F_OK, 0));
    EXPECT_ERR(mount("b", "b/sub", NULL, MS_MOVE, NULL), ELOOP);
    EXPECT_ERR(mount("a", "b", NULL, MS_MOVE, NULL), EINVAL);
    EXPECT_ERR(umount("a"), EINVAL);
    EXPECT_ERR(umount("b"), EBUSY);
    OK(close(fd));
    OK(umount("b"));
    OK(rmdir("b"));
}
