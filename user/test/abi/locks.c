// SPDX-License-Identifier: MIT
/* Advisory locks: flock, POSIX record locks, locks of open files (OFD); and appending from several sides. */
#include "abi.h"
#include <sys/file.h>

#ifndef F_OFD_GETLK
#define F_OFD_GETLK  36
#define F_OFD_SETLK  37
#define F_OFD_SETLKW 38
#endif

static struct flock range(short type, off_t start, off_t len)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
}

static int lock(int fd, int command, short type, off_t start, off_t len)
{
    struct flock request = range(type, start, len);
    return fcntl(fd, command, &request);
}

/* What is in the way of a write lock, as another process sees it: "type start len". */
static void expect_in_the_way(const char *want, off_t start, off_t len)
{
    pid_t pid;
    CHILD (pid) {
        char got[80] = "none";
        struct flock request = range(F_WRLCK, start, len);
        int fd = (int)OK(open("f", O_RDWR));
        OK(fcntl(fd, F_GETLK, &request));
        if (request.l_type != F_UNLCK) {
            snprintf(got, sizeof(got), "%s %lld %lld", request.l_type == F_WRLCK ? "write" : "read",
                     (long long)request.l_start, (long long)request.l_len);
            EXPECT_EQ(request.l_whence, SEEK_SET);
        }
        EXPECT_STR(got, want);
    }
    EXPECT_EXIT(pid, 0);
}

static int open_f(void)
{
    write_file("f", "0123456789", 10);
    return (int)OK(open("f", O_RDWR));
}

/* ---- Record locks ------------------------------------------------------------------------------------ */

CASE(locks, ranges_are_cut_joined_and_replaced)
{
    int fd = open_f();
    OK(lock(fd, F_SETLK, F_WRLCK, 10, 20));
    expect_in_the_way("write 10 20", 0, 0);
    OK(lock(fd, F_SETLK, F_UNLCK, 15, 5));
    expect_in_the_way("write 10 5", 0, 0);
    expect_in_the_way("write 20 10", 16, 0);
    expect_in_the_way("none", 15, 5);
    OK(lock(fd, F_SETLK, F_RDLCK, 12, 10));
    expect_in_the_way("write 10 2", 0, 0);
    expect_in_the_way("read 12 10", 12, 1);
    expect_in_the_way("write 22 8", 25, 1);
    OK(lock(fd, F_SETLK, F_WRLCK, 0, 100));
    expect_in_the_way("write 0 100", 50, 1);
    OK(lock(fd, F_SETLK, F_WRLCK, 100, 0)); /* to the end, wherever it is: joined */
    expect_in_the_way("write 0 0", 1000000, 1);
    OK(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    expect_in_the_way("none", 0, 0);
}

CASE(locks, ranges_count_from_where_whence_says)
{
    int fd = open_f();
    struct flock request = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -3, .l_len = 2};
    OK(fcntl(fd, F_SETLK, &request));
    expect_in_the_way("write 7 2", 0, 0);
    OK(lseek(fd, 5, SEEK_SET));
    request = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 0, .l_len = -2};
    OK(fcntl(fd, F_SETLK, &request));
    expect_in_the_way("write 3 2", 0, 0);
    EXPECT_ERR(lock(fd, F_SETLK, F_WRLCK, -1, 1), EINVAL);
    EXPECT_ERR(lock(fd, F_SETLK, F_WRLCK, 1, -2), EINVAL);
    EXPECT_ERR(lock(fd, F_SETLK, 77, 0, 1), EINVAL);
    EXPECT_ERR(lock(fd, F_GETLK, F_UNLCK, 0, 1), EINVAL);
    EXPECT_ERR(fcntl(fd, F_SETLK, BAD), EFAULT);
    EXPECT_ERR(lock(fd, F_SETLK, F_WRLCK, LLONG_MAX, 2), EOVERFLOW);
}

CASE(locks, need_the_right_to_read_or_write)
{
    open_f();
    int reader = (int)OK(open("f", O_RDONLY)), writer = (int)OK(open("f", O_WRONLY));
    EXPECT_ERR(lock(reader, F_SETLK, F_WRLCK, 0, 1), EBADF);
    EXPECT_ERR(lock(writer, F_SETLK, F_RDLCK, 0, 1), EBADF);
    OK(lock(reader, F_SETLK, F_RDLCK, 0, 1));
    OK(lock(writer, F_SETLK, F_WRLCK, 0, 1));
}

CASE(locks, readers_share_and_writers_do_not)
{
    pid_t pid;
    int fd = open_f();
    OK(lock(fd, F_SETLK, F_RDLCK, 0, 5));
    CHILD (pid) {
        int own = (int)OK(open("f", O_RDWR));
        OK(lock(own, F_SETLK, F_RDLCK, 0, 5));
        EXPECT_ERR(lock(own, F_SETLK, F_WRLCK, 4, 1), EAGAIN);
        OK(lock(own, F_SETLK, F_WRLCK, 5, 1));
    }
    EXPECT_EXIT(pid, 0);
    OK(lock(fd, F_SETLK, F_WRLCK, 0, 0)); /* the child's went with it */
}

CASE(locks, any_close_of_the_file_drops_them_all)
{
    int fd = open_f();
    OK(lock(fd, F_SETLK, F_WRLCK, 0, 5));
    int other = (int)OK(open("f", O_RDONLY));
    expect_in_the_way("write 0 5", 0, 0);
    OK(close(other));
    expect_in_the_way("none", 0, 0);
    OK(lock(fd, F_SETLK, F_WRLCK, 0, 5));
    OK(close((int)OK(dup(fd))));
    expect_in_the_way("none", 0, 0);
}

CASE(locks, are_not_inherited_by_fork_and_survive_exec)
{
    pid_t pid;
    struct flock request = range(F_WRLCK, 0, 0);
    int fd = open_f();
    OK(lock(fd, F_SETLK, F_WRLCK, 0, 5));
    CHILD (pid) {
        EXPECT_ERR(lock(fd, F_SETLK, F_WRLCK, 0, 5), EAGAIN); /* by the same open file */
        OK(fcntl(fd, F_GETLK, &request));
        EXPECT_EQ(request.l_pid, getppid());
    }
    EXPECT_EXIT(pid, 0);
    expect_in_the_way("write 0 5", 0, 0);
}

CASE(locks, waiting_ends_when_the_lock_goes)
{
    struct gate locked;
    pid_t pid;
    int fd = open_f();
    gate_init(&locked);
    CHILD (pid) {
        int own = (int)OK(open("f", O_RDWR));
        OK(lock(own, F_SETLK, F_WRLCK, 0, 5));
        gate_open(&locked);
        sleep_ms(100);
        EXPECT_EQ(pwrite(own, "X", 1, 0), 1);
    }
    gate_wait(&locked);
    EXPECT_ERR(lock(fd, F_SETLK, F_WRLCK, 0, 5), EAGAIN);
    OK(lock(fd, F_SETLKW, F_WRLCK, 0, 5));
    char c;
    EXPECT_EQ(pread(fd, &c, 1, 0), 1);
    EXPECT_EQ(c, 'X');
    EXPECT_EXIT(pid, 0);
}

static void nothing(int sig)
{
    (void)sig;
}

CASE(locks, a_signal_ends_waiting)
{
    struct gate locked;
    pid_t pid;
    int fd = open_f();
    gate_init(&locked);
    CHILD (pid) {
        int own = (int)OK(open("f", O_RDWR));
        OK(lock(own, F_SETLK, F_WRLCK, 0, 5));
        gate_open(&locked);
        pause();
    }
    gate_wait(&locked);
    on_signal(SIGALRM, nothing, 0);
    tick_every(30);
    EXPECT_ERR(lock(fd, F_SETLKW, F_WRLCK, 0, 5), EINTR);
    kill(pid, SIGKILL);
    EXPECT_KILLED(pid, SIGKILL);
}

CASE(locks, a_circle_of_waiters_is_edeadlk)
{
    struct gate has_second;
    pid_t pid;
    int fd = open_f();
    gate_init(&has_second);
    OK(lock(fd, F_SETLK, F_WRLCK, 0, 1));
    CHILD (pid) {
        int own = (int)OK(open("f", O_RDWR));
        OK(lock(own, F_SETLK, F_WRLCK, 1, 1));
        gate_open(&has_second);
        OK(lock(own, F_SETLKW, F_WRLCK, 0, 1)); /* until the parent gives up */
    }
    gate_wait(&has_second);
    wait_until_asleep(pid);
    EXPECT_ERR(lock(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
    OK(lock(fd, F_SETLK, F_UNLCK, 0, 1));
    EXPECT_EXIT(pid, 0);
}

/* ---- Locks of open files ----------------------------------------------------------------------------- */

CASE(locks, of_open_files_meet_each_other_and_survive_closes)
{
    struct flock request = range(F_WRLCK, 0, 0);
    int fd = open_f(), other = (int)OK(open("f", O_RDWR));
    OK(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 5));
    EXPECT_ERR(lock(other, F_OFD_SETLK, F_WRLCK, 2, 1), EAGAIN);
    EXPECT_ERR(lock(other, F_SETLK, F_WRLCK, 2, 1), EAGAIN); /* the process's own, too */
    OK(fcntl(other, F_OFD_GETLK, &request));
    EXPECT_EQ(request.l_type, F_WRLCK);
    EXPECT_EQ(request.l_pid, -1);
    OK(close((int)OK(open("f", O_RDONLY))));
    int copy = (int)OK(dup(fd));
    OK(close(fd));
    EXPECT_ERR(lock(other, F_OFD_SETLK, F_WRLCK, 2, 1), EAGAIN);
    OK(close(copy));
    OK(lock(other, F_OFD_SETLK, F_WRLCK, 2, 1));
    request = range(F_WRLCK, 0, 0);
    request.l_pid = 1;
    EXPECT_ERR(fcntl(other, F_OFD_SETLK, &request), EINVAL);
}

CASE(locks, of_open_files_are_shared_by_fork)
{
    pid_t pid;
    int fd = open_f();
    OK(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 5));
    CHILD (pid) {
        OK(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 5));
        OK(lock(fd, F_OFD_SETLK, F_UNLCK, 0, 5));
    }
    EXPECT_EXIT(pid, 0);
    expect_in_the_way("none", 0, 0);
}

/* ---- flock ------------------------------------------------------------------------------------------- */

CASE(locks, flock_belongs_to_the_open_file)
{
    int fd = open_f(), other = (int)OK(open("f", O_RDONLY));
    OK(flock(fd, LOCK_EX));
    EXPECT_ERR(flock(other, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    OK(lock(fd, F_SETLK, F_WRLCK, 0, 0)); /* another sort: they do not meet */
    OK(flock(fd, LOCK_SH));
    OK(flock(other, LOCK_SH | LOCK_NB));
    EXPECT_ERR(flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    OK(flock(other, LOCK_UN));
    int copy = (int)OK(dup(fd));
    OK(flock(copy, LOCK_EX | LOCK_NB));
    OK(close(fd));
    EXPECT_ERR(flock(other, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    OK(flock(copy, LOCK_UN));
    OK(flock(other, LOCK_SH | LOCK_NB));
    EXPECT_ERR(flock(other, 0), EINVAL);
    EXPECT_ERR(flock(other, LOCK_SH | LOCK_EX), EINVAL);
    EXPECT_ERR(flock(-1, LOCK_SH), EBADF);
}

CASE(locks, flock_waits)
{
    struct gate locked;
    pid_t pid;
    int fd = open_f();
    gate_init(&locked);
    CHILD (pid) {
        int own = (int)OK(open("f", O_RDONLY));
        OK(flock(own, LOCK_EX));
        gate_open(&locked);
        sleep_ms(50);
        EXPECT_EQ(write(open("f", O_WRONLY), "Y", 1), 1);
    }
    char c;
    gate_wait(&locked);
    OK(flock(fd, LOCK_SH));
    EXPECT_EQ(pread(fd, &c, 1, 0), 1);
    EXPECT_EQ(c, 'Y');
    EXPECT_EXIT(pid, 0);
}

/* ---- Appending --------------------------------------------------------------------------------------- */

CASE(locks, appended_records_neither_mix_nor_get_lost)
{
    enum { WRITERS = 4, RECORDS = 200, BYTES = 301 };
    static char all[WRITERS * RECORDS * BYTES + 1];
    int counts[WRITERS] = {0};
    pid_t pids[WRITERS];
    make_file("f", 0644);
    for (int i = 0; i < WRITERS; i++) {
        CHILD (pids[i]) {
            char record[BYTES];
            int fd = (int)OK(open("f", O_WRONLY | O_APPEND));
            memset(record, 'a' + i, sizeof(record));
            for (int j = 0; j < RECORDS; j++) {
                EXPECT_EQ(write(fd, record, sizeof(record)), BYTES);
            }
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        EXPECT_EXIT(pids[i], 0);
    }
    EXPECT_EQ(read_file("f", all, sizeof(all)), WRITERS * RECORDS * BYTES);
    for (int i = 0; i < WRITERS * RECORDS; i++) {
        const char *record = all + i * BYTES;
        EXPECT(record[0] >= 'a' && record[0] < 'a' + WRITERS);
        counts[record[0] - 'a']++;
        for (int j = 1; j < BYTES; j++) {
            EXPECT_EQ(record[j], record[0]);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        EXPECT_EQ(counts[i], RECORDS);
    }
}
