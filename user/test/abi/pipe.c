// SPDX-License-Identifier: MIT
/* Pipes and FIFOs: order, atomicity, blocking, and what happens when one side goes. */
#include "abi.h"

#include <poll.h>
#include <sys/ioctl.h>

static void set_nonblock(int fd)
{
    OK(fcntl(fd, F_SETFL, OK(fcntl(fd, F_GETFL)) | O_NONBLOCK));
}

CASE(pipe, bytes_come_in_order)
{
    enum { LEN = 500000 };
    int fd[2];
    char *buf = malloc(LEN), *got = malloc(LEN);
    pid_t pid;
    fill_pattern(buf, LEN, 2);
    OK(pipe(fd));
    CHILD (pid) {
        size_t done = 0;
        for (size_t step = 1; done < LEN; step = step * 5 % 9973 + 1) {
            size_t n = LEN - done < step ? LEN - done : step;
            EXPECT_EQ(write(fd[1], buf + done, n), (ssize_t)n);
            done += n;
        }
    }
    OK(close(fd[1]));
    size_t done = 0;
    ssize_t n;
    while ((n = OK(read(fd[0], got + done, LEN - done))) > 0)
        done += (size_t)n;
    EXPECT_EQ(done, LEN);
    EXPECT(memcmp(buf, got, LEN) == 0);
    EXPECT_EXIT(pid, 0);
}

CASE(pipe, read_takes_what_is_there)
{
    int fd[2];
    char buf[100];
    OK(pipe(fd));
    OK(write(fd[1], "abc", 3));
    OK(write(fd[1], "defg", 4));
    EXPECT_EQ(read(fd[0], buf, 2), 2);
    EXPECT_EQ(read(fd[0], buf, sizeof(buf)), 5);
    EXPECT(memcmp(buf, "cdefg", 5) == 0);
}

CASE(pipe, end_of_file_when_the_last_writer_closes)
{
    int fd[2];
    char c;
    OK(pipe(fd));
    int other = (int)OK(dup(fd[1]));
    OK(write(fd[1], "x", 1));
    OK(close(fd[1]));
    EXPECT_EQ(read(fd[0], &c, 1), 1);
    set_nonblock(fd[0]);
    EXPECT_ERR(read(fd[0], &c, 1), EAGAIN); /* another writer is left */
    OK(close(other));
    EXPECT_EQ(read(fd[0], &c, 1), 0);
    EXPECT_EQ(read(fd[0], &c, 1), 0);
}

CASE(pipe, write_without_reader_is_sigpipe_and_epipe)
{
    int fd[2];
    pid_t pid;
    OK(pipe(fd));
    OK(close(fd[0]));
    CHILD (pid) {
        (void)!write(fd[1], "x", 1);
    }
    EXPECT_KILLED(pid, SIGPIPE);
    signal(SIGPIPE, SIG_IGN);
    EXPECT_ERR(write(fd[1], "x", 1), EPIPE);
}

CASE(pipe, sleeping_writer_is_woken_by_the_readers_death)
{
    int fd[2];
    pid_t pid;
    static char buf[200000];
    OK(pipe(fd));
    CHILD (pid) {
        close(fd[0]);
        signal(SIGPIPE, SIG_IGN);
        ssize_t n = write(fd[1], buf, sizeof(buf));
        EXPECT(n < (ssize_t)sizeof(buf)); /* the part that fitted, or EPIPE */
        EXPECT_ERR(write(fd[1], buf, 1), EPIPE);
    }
    wait_until_asleep(pid);
    OK(close(fd[0]));
    EXPECT_EXIT(pid, 0);
}

CASE(pipe, wrong_end_is_ebadf)
{
    int fd[2];
    char c;
    OK(pipe(fd));
    EXPECT_ERR(read(fd[1], &c, 1), EBADF);
    EXPECT_ERR(write(fd[0], "x", 1), EBADF);
}

CASE(pipe, nonblocking_is_eagain_when_empty_or_full)
{
    int fd[2];
    static char buf[4096];
    size_t sum = 0;
    ssize_t n;
    OK(pipe2(fd, O_NONBLOCK));
    EXPECT_ERR(read(fd[0], buf, 1), EAGAIN);
    while ((n = write(fd[1], buf, sizeof(buf))) > 0)
        sum += (size_t)n;
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_EQ(sum, 65536); /* Linux's capacity */
    EXPECT_ERR(write(fd[1], buf, 1), EAGAIN);
    EXPECT_EQ(read(fd[0], buf, sizeof(buf)), (ssize_t)sizeof(buf));
    EXPECT_EQ(write(fd[1], buf, sizeof(buf)), (ssize_t)sizeof(buf)); /* room again */
}

CASE(pipe, atomic_write_waits_rather_than_splits)
{
    int fd[2];
    static char buf[4096];
    OK(pipe2(fd, O_NONBLOCK));
    while (write(fd[1], buf, sizeof(buf)) > 0)
        ;
    EXPECT_EQ(read(fd[0], buf, 100), 100);
    EXPECT_ERR(write(fd[1], buf, 200), EAGAIN); /* no half of it */
    int queued = 0;
    OK(ioctl(fd[0], FIONREAD, &queued));
    EXPECT_EQ(queued, 65536 - 100);
}

CASE(pipe, small_writes_of_many_writers_stay_whole)
{
    enum { WRITERS = 5, EACH = 60, SIZE = PIPE_BUF };
    int fd[2], seen[WRITERS] = {0};
    pid_t pids[WRITERS];
    static char block[SIZE];
    OK(pipe(fd));
    for (int i = 0; i < WRITERS; i++) {
        CHILD (pids[i]) {
            memset(block, 'a' + i, SIZE);
            for (int j = 0; j < EACH; j++)
                EXPECT_EQ(write(fd[1], block, SIZE), SIZE);
        }
    }
    OK(close(fd[1]));
    for (int k = 0; k < WRITERS * EACH; k++) {
        size_t done = 0;
        while (done < SIZE)
            done += (size_t)OK(read(fd[0], block + done, SIZE - done));
        for (int i = 1; i < SIZE; i++)
            EXPECT_EQ(block[i], block[0]);
        seen[block[0] - 'a']++;
    }
    EXPECT_EQ(read(fd[0], block, 1), 0);
    for (int i = 0; i < WRITERS; i++) {
        EXPECT_EQ(seen[i], EACH);
        EXPECT_EXIT(pids[i], 0);
    }
}

CASE(pipe, pipe2_flags)
{
    int fd[2];
    OK(pipe2(fd, O_CLOEXEC | O_NONBLOCK));
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(fcntl(fd[i], F_GETFD), FD_CLOEXEC);
        EXPECT(fcntl(fd[i], F_GETFL) & O_NONBLOCK);
    }
    EXPECT_EQ(fcntl(fd[0], F_GETFL) & O_ACCMODE, O_RDONLY);
    EXPECT_EQ(fcntl(fd[1], F_GETFL) & O_ACCMODE, O_WRONLY);
    EXPECT_ERR(pipe2(fd, O_TRUNC), EINVAL);
}

CASE(pipe, fionread_counts)
{
    int fd[2], n = -1;
    OK(pipe(fd));
    OK(ioctl(fd[0], FIONREAD, &n));
    EXPECT_EQ(n, 0);
    OK(write(fd[1], "hello", 5));
    OK(ioctl(fd[0], FIONREAD, &n));
    EXPECT_EQ(n, 5);
    EXPECT_ERR(ioctl(fd[0], 0x12345, &n), ENOTTY);
    EXPECT_ERR(ioctl(fd[0], TIOCGWINSZ, &n), ENOTTY);
}

CASE(pipe, zero_byte_write_sends_nothing)
{
    int fd[2], n = -1;
    OK(pipe(fd));
    EXPECT_EQ(write(fd[1], "", 0), 0);
    OK(ioctl(fd[0], FIONREAD, &n));
    EXPECT_EQ(n, 0);
    EXPECT_EQ(read(fd[0], &n, 0), 0);
}

CASE(pipe, many_pipes_in_a_chain)
{
    enum { N = 20 };
    int in = -1, fd[2];
    pid_t pids[N];
    char c = 0;
    OK(pipe(fd));
    OK(write(fd[1], &c, 1));
    close(fd[1]);
    in = fd[0];
    for (int i = 0; i < N; i++) {
        OK(pipe(fd));
        CHILD (pids[i]) {
            EXPECT_EQ(read(in, &c, 1), 1);
            c++;
            EXPECT_EQ(write(fd[1], &c, 1), 1);
        }
        close(in);
        close(fd[1]);
        in = fd[0];
    }
    EXPECT_EQ(read(in, &c, 1), 1);
    EXPECT_EQ(c, N);
    for (int i = 0; i < N; i++)
        EXPECT_EXIT(pids[i], 0);
}

CASE(fifo, open_blocks_until_the_other_side_comes)
{
    pid_t pid;
    char buf[8];
    OK(mkfifo("p", 0600));
    CHILD (pid) {
        int fd = (int)OK(open("p", O_WRONLY));
        OK(write(fd, "hello", 5));
    }
    wait_until_asleep(pid);
    EXPECT_EQ(waitpid(pid, NULL, WNOHANG), 0);
    int fd = (int)OK(open("p", O_RDONLY));
    EXPECT_EQ(read(fd, buf, 5), 5);
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(read(fd, buf, 1), 0);
}

CASE(fifo, reader_blocks_until_a_writer_comes)
{
    pid_t pid;
    OK(mkfifo("p", 0600));
    CHILD (pid) {
        char c;
        int fd = (int)OK(open("p", O_RDONLY));
        EXPECT_EQ(read(fd, &c, 1), 1);
        EXPECT_EQ(read(fd, &c, 1), 0);
    }
    wait_until_asleep(pid);
    int fd = (int)OK(open("p", O_WRONLY));
    OK(write(fd, "x", 1));
    OK(close(fd));
    EXPECT_EXIT(pid, 0);
}

CASE(fifo, nonblocking_open)
{
    char c;
    OK(mkfifo("p", 0600));
    EXPECT_ERR(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
    int r = (int)OK(open("p", O_RDONLY | O_NONBLOCK));
    EXPECT_EQ(read(r, &c, 1), 0); /* no writer: end of file, not EAGAIN */
    int w = (int)OK(open("p", O_WRONLY | O_NONBLOCK));
    EXPECT_ERR(read(r, &c, 1), EAGAIN);
    OK(write(w, "x", 1));
    EXPECT_EQ(read(r, &c, 1), 1);
}

CASE(fifo, read_write_open_never_blocks)
{
    char c;
    OK(mkfifo("p", 0600));
    int fd = (int)OK(open("p", O_RDWR));
    OK(write(fd, "y", 1));
    EXPECT_EQ(read(fd, &c, 1), 1);
    EXPECT_EQ(c, 'y');
}

CASE(fifo, content_is_gone_when_all_close)
{
    char c;
    OK(mkfifo("p", 0600));
    int fd = (int)OK(open("p", O_RDWR));
    OK(write(fd, "y", 1));
    OK(close(fd));
    fd = (int)OK(open("p", O_RDONLY | O_NONBLOCK));
    EXPECT_EQ(read(fd, &c, 1), 0);
    EXPECT_EQ(size_of("p"), 0);
}

CASE(fifo, two_names_are_one_fifo)
{
    char c;
    OK(mkfifo("p", 0600));
    OK(link("p", "q"));
    int a = (int)OK(open("p", O_RDWR)), b = (int)OK(open("q", O_RDWR));
    OK(write(a, "z", 1));
    EXPECT_EQ(read(b, &c, 1), 1);
    EXPECT_ERR(mkfifo("p", 0600), EEXIST);
}
