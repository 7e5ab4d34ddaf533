// SPDX-License-Identifier: MIT
/* statfs, and what a full file system does. */
#include "conf.h"

#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

static struct statfs space(void)
{
    struct statfs st;
    OK(syscall(SYS_statfs, ".", &st));
    return st;
}

CASE(space, says_which_file_system)
{
    static const struct {
        const char *type;
        unsigned magic;
    } magics[] = {{"ext2", 0xef53}, {"ext3", 0xef53}, {"vfat", 0x4d44}, {"tmpfs", 0x01021994}};
    for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
        if (!strcmp(magics[i].type, conf_place.type))
            EXPECT_EQ(space().f_type, magics[i].magic);
    }
}

CASE(space, numbers_are_consistent)
{
    struct statfs st = space();
    EXPECT(st.f_blocks > 0 && st.f_bfree <= st.f_blocks && st.f_bavail <= st.f_bfree);
    EXPECT(st.f_ffree <= st.f_files);
    EXPECT(st.f_bsize >= 512 && (st.f_bsize & (st.f_bsize - 1)) == 0);
    EXPECT(st.f_namelen >= 255);
}

CASE(space, same_by_descriptor_and_vfs)
{
    struct statfs a = space(), b;
    struct statvfs v;
    int fd = (int)OK(open(".", O_RDONLY));
    OK(syscall(SYS_fstatfs, fd, &b));
    OK(statvfs(".", &v));
    EXPECT_EQ(a.f_type, b.f_type);
    EXPECT_EQ(a.f_blocks, b.f_blocks);
    EXPECT_EQ(v.f_blocks, a.f_blocks);
}

CASE(space, writing_takes_and_removing_gives_back)
{
    sync();
    struct statfs before = space();
    make_patterned("f", 3 << 20, 1);
    int fd = (int)OK(open("f", O_RDONLY));
    OK(fsync(fd));
    OK(close(fd));
    struct statfs during = space();
    unsigned long taken = (unsigned long)(before.f_bfree - during.f_bfree) *
                          (unsigned long)before.f_bsize;
    EXPECT(taken >= 3 << 20 && taken < 4 << 20);
    OK(unlink("f"));
    sync();
    EXPECT_EQ(space().f_bfree, before.f_bfree);
}

CASE(space, inodes_are_counted)
{
    struct statfs before = space();
    char name[16];
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        make_file(name, 0644);
    }
    EXPECT_EQ(before.f_ffree - space().f_ffree, 10);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        OK(unlink(name));
    }
    EXPECT_EQ(space().f_ffree, before.f_ffree);
}

/* Write until there is no room; returns the bytes that went in. */
static off_t fill_up(const char *path)
{
    static char data[65536];
    int fd = (int)OK(open(path, O_CREAT | O_WRONLY, 0644));
    off_t total = 0;
    ssize_t len;
    memset(data, 'f', sizeof(data));
    while ((len = write(fd, data, sizeof(data))) > 0)
        total += len;
    EXPECT_EQ(errno, ENOSPC);
    OK(close(fd));
    return total;
}

CASE(space, full_is_enospc_and_what_was_written_stays)
{
    struct statfs before = space();
    off_t total = fill_up("f");
    EXPECT_EQ(size_of("f"), total);
    EXPECT(total > (off_t)before.f_bavail * before.f_bsize / 2);
    OK(unlink("f"));
    sync();
    EXPECT_EQ(space().f_bfree, before.f_bfree);
}

CASE(space, full_allows_overwriting_and_removing)
{
    make_patterned("old", 100000, 1);
    fill_up("f");
    make_patterned("old2", 0, 1);
    int fd = (int)OK(open("old", O_RDWR));
    EXPECT_EQ(pwrite(fd, "over", 4, 50000), 4);
    OK(fsync(fd));
    OK(rename("old", "older"));
    OK(unlink("older"));
    OK(unlink("f"));
}

CASE(space, full_keeps_directories_whole)
{
    char name[300];
    int made = 0;
    OK(mkdir("d", 0755));
    fill_up("f");
    for (; made < 5000; made++) {
        snprintf(name, sizeof(name), "d/%s%d", "a-rather-long-name-that-fills-directories-", made);
        int fd = open(name, O_CREAT | O_WRONLY, 0644);
        if (fd < 0)
            break;
        OK(close(fd));
    }
    EXPECT_EQ(count_entries("d"), made);
    for (int i = 0; i < made; i++) {
        snprintf(name, sizeof(name), "d/%s%d", "a-rather-long-name-that-fills-directories-", i);
        OK(unlink(name));
    }
    OK(unlink("f"));
    OK(rmdir("d"));
}

/* Blocks that are free, and not for everybody. */
static long reserve(void)
{
    struct statfs st = space();
    return (long)(st.f_bfree - st.f_bavail);
}

/* Fill all of it, and give half of the reserve back. */
static void leave_half_the_reserve(void)
{
    off_t half = reserve() * (off_t)space().f_bsize / 2;
    OK(truncate("f", fill_up("f") - half));
    EXPECT(space().f_bfree > 0 && space().f_bavail == 0);
}

CASE(space, reserved_blocks_are_roots)
{
    NEED_ROOT();
    EXPECT(reserve() > 0);
    make_open_directory("d");
    AS_USER (TEST_UID, TEST_GID)
        fill_up("d/user");
    struct statfs full = space();
    EXPECT(full.f_bfree - full.f_bavail > 0);
    EXPECT(full.f_bavail * full.f_bsize <= 65536);
    make_patterned("root", 10000, 1);
    OK(unlink("d/user"));
}

/* Who writes counts, and not who opened the file. */
CASE(space, reserved_blocks_are_the_writers)
{
    static char data[65536];
    NEED_ROOT();
    EXPECT(reserve() > 0);
    int fd = (int)OK(open("f", O_CREAT | O_RDWR, 0600));
    AS_USER (TEST_UID, TEST_GID) {
        while (write(fd, data, sizeof(data)) > 0)
            continue;
        EXPECT_EQ(errno, ENOSPC);
    }
    EXPECT(space().f_bfree > 0);
    EXPECT_EQ(write(fd, data, sizeof(data)), sizeof(data));
}

CASE(space, reserved_blocks_are_not_for_directories)
{
    NEED_ROOT();
    EXPECT(reserve() > 0);
    make_open_directory("d");
    leave_half_the_reserve();
    AS_USER (TEST_UID, TEST_GID)
        EXPECT_ERR(mkdir("d/sub", 0755), ENOSPC);
    OK(mkdir("d/roots", 0755));
}

CASE(space, reserved_blocks_are_not_for_stores)
{
    NEED_ROOT();
    EXPECT(reserve() > 0);
    int fd = (int)OK(open("hole", O_CREAT | O_RDWR, 0666));
    OK(ftruncate(fd, 1 << 20));
    leave_half_the_reserve();
    char *at = OK_MAP(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    AS_USER (TEST_UID, TEST_GID) {
        pid_t pid;
        CHILD (pid)
            at[0] = 'u';
        EXPECT_KILLED(pid, SIGBUS);
    }
    at[1 << 19] = 'r';
}
