// SPDX-License-Identifier: MIT
/* Advisory locks: flock by opening, POSIX by process, OFD by opening with ranges. */
#include "conf.h"

#include <sys/file.h>

#ifndef F_OFD_GETLK
#define F_OFD_GETLK  36
#define F_OFD_SETLK  37
#define F_OFD_SETLKW 38
#endif

static int open_file(void)
{
    return (int)OK(open("f", O_RDWR | O_CREAT, 0644));
}

static int lock_range(int fd, int command, int type, off_t start, off_t len)
{
    struct flock lock = {
        .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
    return fcntl(fd, command, &lock);
}

/* What another process finds in the way of a write lock: its type. */
static int found_by_other(off_t start, off_t len)
{
    pid_t pid;
    int status;
    CHILD (pid) {
        struct flock lock = {
            .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
        OK(fcntl(open_file(), F_GETLK, &lock));
        _exit(lock.l_type);
    }
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT(WIFEXITED(status));
    return WEXITSTATUS(status);
}

CASE(locking, flock_is_the_openings)
{
    int a = open_file(), b = open_file();
    OK(flock(a, LOCK_EX));
    EXPECT_ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    EXPECT_ERR(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    OK(flock(dup(a), LOCK_EX | LOCK_NB)); /* the same opening */
    OK(flock(a, LOCK_SH));
    OK(flock(b, LOCK_SH | LOCK_NB));
    EXPECT_ERR(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
}

CASE(locking, flock_ends_with_the_last_descriptor)
{
    int a = open_file(), copy = (int)OK(dup(a)), b = open_file();
    OK(flock(a, LOCK_EX));
    OK(close(a));
    EXPECT_ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    OK(close(copy));
    OK(flock(b, LOCK_EX | LOCK_NB));
}

CASE(locking, flock_works_on_directories_and_read_only)
{
    int a = (int)OK(open(".", O_RDONLY)), b = (int)OK(open(".", O_RDONLY));
    OK(flock(a, LOCK_EX));
    EXPECT_ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    EXPECT_ERR(flock(a, 16), EINVAL);
}

CASE(locking, flock_waiter_gets_it)
{
    pid_t pid;
    int a = open_file();
    OK(flock(a, LOCK_EX));
    CHILD (pid)
        OK(flock(open_file(), LOCK_EX));
    wait_until_asleep(pid);
    OK(flock(a, LOCK_UN));
    EXPECT_EXIT(pid, 0);
}

CASE(locking, posix_ranges_split_and_join)
{
    int fd = open_file();
    OK(lock_range(fd, F_SETLK, F_WRLCK, 0, 100));
    OK(lock_range(fd, F_SETLK, F_UNLCK, 40, 20));
    EXPECT_EQ(found_by_other(0, 40), F_WRLCK);
    EXPECT_EQ(found_by_other(40, 20), F_UNLCK);
    EXPECT_EQ(found_by_other(60, 10), F_WRLCK);
    OK(lock_range(fd, F_SETLK, F_RDLCK, 0, 100));
    EXPECT_EQ(found_by_other(45, 1), F_RDLCK);
}

CASE(locking, posix_length_zero_goes_to_the_end)
{
    int fd = open_file();
    OK(lock_range(fd, F_SETLK, F_WRLCK, 1000, 0));
    EXPECT_EQ(found_by_other(0, 1000), F_UNLCK);
    EXPECT_EQ(found_by_other((off_t)1 << 40, 1), F_WRLCK);
}

CASE(locking, posix_negative_length_goes_backwards)
{
    int fd = open_file();
    OK(lock_range(fd, F_SETLK, F_WRLCK, 100, -10));
    EXPECT_EQ(found_by_other(90, 10), F_WRLCK);
    EXPECT_EQ(found_by_other(100, 1), F_UNLCK);
    EXPECT_ERR(lock_range(fd, F_SETLK, F_WRLCK, 5, -10), EINVAL);
}

CASE(locking, posix_is_dropped_by_any_close)
{
    int a = open_file(), b = open_file();
    OK(lock_range(a, F_SETLK, F_WRLCK, 0, 0));
    EXPECT_EQ(found_by_other(0, 0), F_WRLCK);
    OK(close(b));
    EXPECT_EQ(found_by_other(0, 0), F_UNLCK);
}

CASE(locking, posix_is_not_inherited)
{
    pid_t pid;
    int fd = open_file();
    OK(lock_range(fd, F_SETLK, F_WRLCK, 0, 10));
    CHILD (pid)
        EXPECT_ERR(lock_range(fd, F_SETLK, F_WRLCK, 0, 10), EAGAIN);
    EXPECT_EXIT(pid, 0);
}

CASE(locking, posix_needs_the_mode)
{
    make_file("f", 0644);
    int reader = (int)OK(open("f", O_RDONLY)), writer = (int)OK(open("f", O_WRONLY));
    EXPECT_ERR(lock_range(reader, F_SETLK, F_WRLCK, 0, 1), EBADF);
    EXPECT_ERR(lock_range(writer, F_SETLK, F_RDLCK, 0, 1), EBADF);
    OK(lock_range(reader, F_SETLK, F_RDLCK, 0, 1));
    EXPECT_ERR(lock_range(reader, F_SETLK, 77, 0, 1), EINVAL);
}

CASE(locking, posix_says_who_holds_it)
{
    pid_t pid;
    int fd = open_file();
    struct gate held;
    gate_init(&held);
    CHILD (pid) {
        OK(lock_range(open_file(), F_SETLK, F_WRLCK, 5, 7));
        gate_open(&held);
        sleep_ms(20000);
    }
    gate_wait(&held);
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
    OK(fcntl(fd, F_GETLK, &lock));
    EXPECT_EQ(lock.l_type, F_WRLCK);
    EXPECT_EQ(lock.l_start, 5);
    EXPECT_EQ(lock.l_len, 7);
    EXPECT_EQ(lock.l_pid, pid);
    kill(pid, SIGKILL);
    EXPECT_KILLED(pid, SIGKILL);
    OK(lock_range(fd, F_SETLK, F_WRLCK, 0, 0)); /* death gives it back */
}

CASE(locking, posix_deadlock_is_edeadlk)
{
    pid_t pid;
    int fd = open_file();
    struct gate held;
    gate_init(&held);
    OK(lock_range(fd, F_SETLK, F_WRLCK, 0, 1));
    CHILD (pid) {
        int own = open_file();
        OK(lock_range(own, F_SETLK, F_WRLCK, 1, 1));
        gate_open(&held);
        OK(lock_range(own, F_SETLKW, F_WRLCK, 0, 1));
    }
    gate_wait(&held);
    wait_until_asleep(pid);
    EXPECT_ERR(lock_range(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
    OK(lock_range(fd, F_SETLK, F_UNLCK, 0, 1));
    EXPECT_EXIT(pid, 0);
}

CASE(locking, ofd_is_the_openings)
{
    int a = open_file(), b = open_file();
    OK(lock_range(a, F_OFD_SETLK, F_WRLCK, 0, 10));
    EXPECT_ERR(lock_range(b, F_OFD_SETLK, F_WRLCK, 5, 10), EAGAIN);
    OK(lock_range(b, F_OFD_SETLK, F_WRLCK, 10, 10));
    OK(close(open_file())); /* other closes do not matter */
    EXPECT_ERR(lock_range(b, F_OFD_SETLK, F_RDLCK, 0, 1), EAGAIN);
    OK(close(a));
    OK(lock_range(b, F_OFD_SETLK, F_WRLCK, 0, 10));
}

CASE(locking, ofd_and_posix_meet)
{
    int a = open_file(), b = open_file();
    OK(lock_range(a, F_OFD_SETLK, F_WRLCK, 0, 10));
    EXPECT_ERR(lock_range(b, F_SETLK, F_WRLCK, 0, 10), EAGAIN);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    OK(fcntl(b, F_GETLK, &lock));
    EXPECT_EQ(lock.l_pid, -1);
    struct flock bad = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_pid = 5};
    EXPECT_ERR(fcntl(a, F_OFD_SETLK, &bad), EINVAL);
}

CASE(locking, survives_rename_and_unlink)
{
    int a = open_file();
    OK(flock(a, LOCK_EX));
    OK(rename("f", "g"));
    int b = (int)OK(open("g", O_RDWR));
    EXPECT_ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    OK(unlink("g"));
    EXPECT_ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    OK(flock(open_file(), LOCK_EX | LOCK_NB)); /* a new file */
}
