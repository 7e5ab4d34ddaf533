// SPDX-License-Identifier: MIT
/* Mount options: what each of them changes, that a mount has its own, and errors=. */
#include "conf.h"

#include <sys/statvfs.h>

#ifndef MS_NODIRATIME
#define MS_NODIRATIME 2048
#endif

static const struct timespec OLD[2] = {{1000000000, 0}, {1000000010, 0}};

/* Take the place away and mount it again, with these flags and a further option. Returns mount's result. */
static int mount_again(unsigned long flags, const char *option)
{
    char options[256], cwd[PATH_MAX];
    if (!conf_place.device || !strcmp(conf_place.type, "tmpfs"))
        SKIP("nothing lasts without a device");
    NEED_ROOT();
    EXPECT(getcwd(cwd, sizeof(cwd)));
    snprintf(options, sizeof(options), "%s%s%s", conf_place.options ? conf_place.options : "",
             conf_place.options && *option ? "," : "", option);
    OK(chdir("/"));
    OK(umount(conf_place.dir));
    int result = mount(conf_place.device, conf_place.dir, conf_place.type, flags, options),
        was = errno;
    if (result != 0)
        OK(mount(conf_place.device, conf_place.dir, conf_place.type, 0, conf_place.options));
    OK(chdir(cwd));
    errno = was;
    return result;
}

/* Mount the place again while it is in use, with a further option. */
static int remount_with(const char *option)
{
    char options[256];
    if (!conf_place.device)
        SKIP("no device to mount again (--device)");
    NEED_ROOT();
    snprintf(options, sizeof(options), "%s%s%s", conf_place.options ? conf_place.options : "",
             conf_place.options ? "," : "", option);
    return mount(conf_place.device, conf_place.dir, conf_place.type, MS_REMOUNT, options);
}

/* Whether the line of the place in /proc/self/mounts has this option. */
static bool is_told(const char *option)
{
    char line[1024], path[512], options[512];
    bool is_found = false;
    FILE *mounts = fopen("/proc/self/mounts", "r");
    EXPECT(mounts != NULL);
    while (fgets(line, sizeof(line), mounts)) {
        if (sscanf(line, "%*s %511s %*s %511s", path, options) != 2 || strcmp(path, conf_place.dir))
            continue;
        is_found = false;
        for (char *word = strtok(options, ","); word; word = strtok(NULL, ","))
            is_found = is_found || !strcmp(word, option);
    }
    fclose(mounts);
    return is_found;
}

/* Read a byte of a file, or list a directory. Returns whether that moved its atime, which is newer than mtime and
 * ctime; so relatime leaves it. */
static bool moves_atime(const char *path)
{
    struct stat before = stat_of(path);
    tick();
    if (S_ISDIR(before.st_mode)) {
        count_entries(path);
    } else {
        char c;
        int fd = (int)OK(open(path, O_RDONLY));
        EXPECT_EQ(read(fd, &c, 1), 1);
        OK(close(fd));
    }
    struct timespec a = before.st_atim, b = stat_of(path).st_atim;
    return a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec;
}

/* A file and a directory whose atimes relatime would move, for they are older than mtime. */
static void make_old(void)
{
    write_file("f", "abc", 3);
    OK(mkdir("d", 0755));
    OK(utimensat(AT_FDCWD, "f", OLD, 0));
    OK(utimensat(AT_FDCWD, "d", OLD, 0));
}

CASE(options, ro_from_the_start_is_erofs)
{
    write_file("f", "abc", 3);
    OK(mount_again(MS_RDONLY, ""));
    EXPECT_ERR(open("f", O_WRONLY), EROFS);
    EXPECT_ERR(open("new", O_CREAT | O_WRONLY, 0644), EROFS);
    EXPECT_ERR(rename("f", "g"), EROFS);
    EXPECT(is_told("ro"));
    expect_file("f", "abc");
    remount(0);
    write_file("new", "written", 7);
    EXPECT(is_told("rw"));
}

CASE(options, ro_refuses_a_store_that_was_possible)
{
    make_patterned("f", 8192, 1);
    int fd = (int)OK(open("f", O_RDONLY));
    remount(MS_RDONLY);
    EXPECT_ERR(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EACCES);
    char *at = OK_MAP(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    at[0] = 'x';
    EXPECT(has_pattern(fd, 0, 8192, 1));
}

CASE(options, noatime_from_the_start)
{
    make_old();
    OK(mount_again(MS_NOATIME, ""));
    EXPECT(!moves_atime("f"));
    EXPECT(!moves_atime("d"));
    EXPECT(is_told("noatime"));
}

CASE(options, nodiratime_is_for_directories_alone)
{
    make_old();
    remount(MS_NODIRATIME);
    EXPECT(!moves_atime("d"));
    EXPECT(moves_atime("f"));
    EXPECT(is_told("nodiratime"));
}

CASE(options, relatime_is_the_default)
{
    make_old();
    OK(mount_again(0, ""));
    EXPECT(is_told("relatime"));
    EXPECT(moves_atime("d"));
    EXPECT(!moves_atime("d")); /* it is newer than mtime and ctime now */
}

/* Even a format that keeps the day alone can tell these apart. */
CASE(options, strictatime_moves_what_relatime_leaves)
{
    write_file("f", "abc", 3);
    struct timespec ts[2] = {{time(NULL) + 10 * 86400, 0}, {1000000000, 0}};
    OK(utimensat(AT_FDCWD, "f", ts, 0));
    remount(MS_RELATIME);
    EXPECT(!moves_atime("f"));
    remount(MS_STRICTATIME);
    EXPECT(moves_atime("f"));
}

CASE(options, strictatime_counts_each_read)
{
    write_file("f", "abc", 3);
    remount(MS_STRICTATIME);
    EXPECT(moves_atime("f"));
    EXPECT(moves_atime("f"));
}

CASE(options, bind_has_its_own_atime)
{
    make_old();
    char cwd[PATH_MAX], path[PATH_MAX];
    bind_place("m");
    OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_NOATIME, NULL));
    EXPECT(getcwd(cwd, sizeof(cwd)));
    snprintf(path, sizeof(path), "m/%s/f", strrchr(cwd, '/') + 1);
    EXPECT(!moves_atime(path));
    EXPECT(moves_atime("f"));
    OK(umount("m"));
}

CASE(options, bind_has_its_own_noexec_nosuid_and_nodev)
{
    struct statvfs st;
    char cwd[PATH_MAX], path[PATH_MAX];
    bind_place("m");
    copy_file(abi_self, "prog", 0755);
    OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_NOEXEC | MS_NOSUID | MS_NODEV, NULL));
    OK(statvfs("m", &st));
    EXPECT_EQ(st.f_flag & (ST_NOEXEC | ST_NOSUID | ST_NODEV), ST_NOEXEC | ST_NOSUID | ST_NODEV);
    OK(statvfs(".", &st));
    EXPECT_EQ(st.f_flag & (ST_NOEXEC | ST_NOSUID | ST_NODEV), 0);
    EXPECT(getcwd(cwd, sizeof(cwd)));
    snprintf(path, sizeof(path), "m/%s/prog", strrchr(cwd, '/') + 1);
    EXPECT_ERR(access(path, X_OK), EACCES);
    OK(access("prog", X_OK));
    EXPECT_ERR(execl(path, path, "--help", NULL), EACCES);
    OK(umount("m"));
}

CASE(options, bind_takes_the_flags_of_its_source)
{
    struct statvfs st;
    remount(MS_NOEXEC | MS_NOSUID);
    bind_place("m");
    OK(statvfs("m", &st));
    EXPECT_EQ(st.f_flag & (ST_NOEXEC | ST_NOSUID), ST_NOEXEC | ST_NOSUID);
    OK(umount("m"));
}

CASE(options, noexec_script_is_eacces)
{
    write_file("script", "#!/bin/sh\n", 10);
    chmod("script", 0755);
    remount(MS_NOEXEC);
    EXPECT_ERR(execl("./script", "./script", NULL), EACCES);
}

CASE(options, noexec_refuses_mprotect_of_a_mapping)
{
    make_patterned("f", 4096, 1);
    remount(MS_NOEXEC);
    int fd = (int)OK(open("f", O_RDONLY));
    char *at = OK_MAP(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
    EXPECT_ERR(mprotect(at, 4096, PROT_READ | PROT_EXEC), EACCES);
}

CASE(options, sync_is_told_and_writes_through)
{
    remount(MS_SYNCHRONOUS);
    EXPECT(is_told("sync"));
    make_patterned("f", 30000, 1);
    EXPECT(has_pattern((int)OK(open("f", O_RDONLY)), 0, 30000, 1));
    remount(0);
    EXPECT(!is_told("sync"));
}

CASE(options, errors_are_taken_and_told)
{
    OK(remount_with("errors=remount-ro"));
    EXPECT(is_told("errors=remount-ro"));
    OK(remount_with("errors=continue"));
    EXPECT(!is_told("errors=remount-ro"));
}

CASE(options, errors_from_the_start)
{
    write_file("f", "abc", 3);
    OK(mount_again(0, "errors=panic"));
    EXPECT(is_told("errors=panic"));
    expect_file("f", "abc");
    OK(remount_with("errors=continue"));
    EXPECT(!is_told("errors=panic"));
}

CASE(options, errors_nonsense_is_einval_and_changes_nothing)
{
    EXPECT_ERR(remount_with("errors=nonsense"), EINVAL);
    EXPECT_ERR(remount_with("no-such-option"), EINVAL);
    make_file("f", 0644);
}

CASE(options, nonsense_from_the_start_is_einval)
{
    write_file("f", "abc", 3);
    EXPECT_ERR(mount_again(0, "no-such-option"), EINVAL);
    EXPECT_ERR(mount_again(0, "errors=nonsense"), EINVAL);
    expect_file("f", "abc");
}
