// SPDX-License-Identifier: MIT
/* Mounting, as far as it needs no disk: tmpfs and its limits, bind mounts, flags, busy and lazy unmounting, and what
 * /proc tells of it. Each case has a name space of mounts of its own where there are such; without the right to mount it
 * is skipped. */
#include "abi.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

static void mount_tmpfs(const char *dir, unsigned long flags, const char *options)
{
    if (mkdir(dir, 0755) != 0)
        EXPECT_EQ(errno, EEXIST);
    if (mount("none", dir, "tmpfs", flags, options) != 0) {
        if (errno == EPERM || errno == EACCES)
            SKIP("no right to mount");
        FAIL("mount: %s", strerror(errno));
    }
}

static void begin(void)
{
    NEED_ROOT();
    if (unshare(CLONE_NEWNS) == 0)
        OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

/* The line of a table in /proc that has ` dir ` in it, or "". */
static const char *line_of(const char *table, const char *dir)
{
    static char text[65536];
    char cwd[PATH_MAX], wanted[PATH_MAX + 300];
    EXPECT(getcwd(cwd, sizeof(cwd)));
    snprintf(wanted, sizeof(wanted), " %s/%s ", cwd, dir);
    read_file(table, text, sizeof(text));
    char *at = strstr(text, wanted);
    if (!at)
        return "";
    char *end = strchr(at, '\n');
    if (end)
        *end = '\0';
    while (at > text && at[-1] != '\n')
        at--;
    return at;
}

CASE(mounts, tmpfs_obeys_its_limits)
{
    struct statvfs vfs;
    char *bytes = calloc(1, 1 << 20);
    begin();
    mount_tmpfs("m", 0, "size=1m,nr_inodes=5,mode=0711");
    EXPECT_EQ(mode_of("m") & 07777, 0711);
    OK(statvfs("m", &vfs));
    EXPECT_EQ(vfs.f_blocks * vfs.f_frsize, 1 << 20);
    EXPECT_EQ(vfs.f_files, 5);
    EXPECT_EQ(vfs.f_ffree, 4);
    int fd = (int)OK(open("m/a", O_RDWR | O_CREAT, 0644));
    EXPECT_EQ(write(fd, bytes, 1 << 20), 1 << 20);
    EXPECT_ERR(write(fd, bytes, 1), ENOSPC);
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof(name), "m/%d", i);
        make_file(name, 0644);
    }
    EXPECT_ERR(open("m/more", O_RDWR | O_CREAT, 0644), ENOSPC);
    OK(mount("none", "m", NULL, MS_REMOUNT, "size=2m"));
    EXPECT_EQ(write(fd, bytes, 1 << 20), 1 << 20);
    EXPECT_ERR(mount("none", "m", NULL, MS_REMOUNT, "size=1m"), EINVAL); /* less than is used */
    EXPECT_ERR(mount("none", "m", NULL, MS_REMOUNT, "nonsense"), EINVAL);
    close(fd);
    free(bytes);
    OK(umount("m"));
    EXPECT(!exists("m/a"));
}

CASE(mounts, busy_is_refused_and_lazy_waits_for_the_last_user)
{
    begin();
    mount_tmpfs("m", 0, "");
    int fd = (int)OK(open("m/f", O_RDWR | O_CREAT, 0644));
    EXPECT_ERR(umount("m"), EBUSY);
    OK(umount2("m", MNT_DETACH));
    EXPECT(!exists("m/f"));
    EXPECT_EQ(write(fd, "still here", 10), 10);
    EXPECT_STR(line_of("/proc/self/mounts", "m"), "");
    EXPECT_ERR(umount("m"), EINVAL);
    mount_tmpfs("m", 0, "");
    OK(chdir("m"));
    EXPECT_ERR(umount("../m"), EBUSY);
    OK(chdir(".."));
    OK(umount("m"));
    EXPECT_ERR(umount2("m", 0x100), EINVAL);
    EXPECT_ERR(umount("missing"), ENOENT);
}

CASE(mounts, bind_shows_the_same_files)
{
    begin();
    mount_tmpfs("m", 0, "");
    OK(mkdir("m/sub", 0755));
    OK(mkdir("here", 0755));
    make_file("file", 0644);
    make_file("m/other", 0644);
    OK(mount("m/sub", "here", NULL, MS_BIND, NULL));
    write_file("here/f", "content", 7);
    expect_file("m/sub/f", "content");
    OK(mount("m/other", "file", NULL, MS_BIND, NULL));
    write_file("file", "of a file", 9);
    expect_file("m/other", "of a file");
    EXPECT_ERR(mount("m/sub", "file", NULL, MS_BIND, NULL), ENOTDIR);
    EXPECT_ERR(rename("here/f", "m/sub/g"), EXDEV);
    EXPECT_ERR(link("here/f", "m/sub/g"), EXDEV);
    EXPECT_ERR(rmdir("here"), EBUSY);
    EXPECT_ERR(unlink("file"), EBUSY);
    OK(mount("none", "here", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    EXPECT_ERR(open("here/g", O_WRONLY | O_CREAT, 0644), EROFS);
    make_file("m/sub/g", 0644); /* only the one place */
    OK(umount("file"));
    OK(umount("here"));
    OK(umount("m"));
}

CASE(mounts, flags_are_obeyed)
{
    begin();
    mount_tmpfs("m", MS_NODEV | MS_NOEXEC | MS_NOSUID, "");
    copy_file(abi_self, "m/program", 0755);
    EXPECT_ERR(execl("m/program", "program", "--list", NULL), EACCES);
    EXPECT_ERR(access("m/program", X_OK), EACCES);
    OK(mknod("m/null", S_IFCHR | 0666, (1 << 8) | 3));
    EXPECT_ERR(open("m/null", O_RDONLY), EACCES);
    struct statvfs vfs;
    OK(statvfs("m", &vfs));
    EXPECT((vfs.f_flag & ST_NOSUID) != 0);
    OK(mount("none", "m", NULL, MS_REMOUNT | MS_RDONLY, ""));
    EXPECT_ERR(open("m/f", O_WRONLY | O_CREAT, 0644), EROFS);
    EXPECT_ERR(unlink("m/null"), EROFS);
    EXPECT_ERR(chmod("m/null", 0600), EROFS);
    OK(mount("none", "m", NULL, MS_REMOUNT, ""));
    int fd = (int)OK(open("m/f", O_WRONLY | O_CREAT, 0644));
    EXPECT_ERR(mount("none", "m", NULL, MS_REMOUNT | MS_RDONLY, ""), EBUSY);
    close(fd);
    OK(umount("m"));
}

CASE(mounts, proc_tells)
{
    begin();
    mount_tmpfs("m", MS_NOSUID | MS_NOATIME, "size=64k");
    const char *line = line_of("/proc/self/mounts", "m");
    EXPECT(strncmp(line, "none ", 5) == 0);
    EXPECT(strstr(line, " tmpfs rw,nosuid,noatime,") && strstr(line, "size=64k"));
    EXPECT_STR(line + strlen(line) - 4, " 0 0");
    line = line_of("/proc/self/mountinfo", "m");
    int id, parent, major, minor;
    char root[64];
    EXPECT_EQ(sscanf(line, "%d %d %d:%d %63s", &id, &parent, &major, &minor, root), 5);
    struct stat st;
    OK(stat("m", &st));
    EXPECT_EQ(major, (int)(st.st_dev >> 8 & 0xfff));
    EXPECT_EQ(minor, (int)(st.st_dev & 0xff));
    EXPECT_STR(root, "/");
    EXPECT(strstr(line, " rw,nosuid,noatime ") && strstr(line, " - tmpfs none rw"));
    OK(mkdir("m/a b", 0755));
    OK(mount("m/a b", "m/a b", NULL, MS_BIND, NULL));
    line = line_of("/proc/self/mountinfo", "m/a\\040b");
    EXPECT_EQ(sscanf(line, "%d %d %d:%d %63s", &id, &parent, &major, &minor, root), 5);
    EXPECT_STR(root, "/a\\040b");
    OK(umount("m/a b"));
    OK(umount("m"));
}

CASE(mounts, only_root_mounts)
{
    NEED_ROOT();
    OK(mkdir("m", 0777));
    become_user(TEST_UID, TEST_GID);
    EXPECT_ERR(mount("none", "m", "tmpfs", 0, ""), EPERM);
    EXPECT_ERR(umount("m"), EPERM);
}
