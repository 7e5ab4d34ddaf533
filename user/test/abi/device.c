// SPDX-License-Identifier: MIT
/* The character devices that every program expects, and the terminal's line discipline on a pseudo
 * terminal where there is one (the console's own tests stand apart). */
#include "abi.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <termios.h>

CASE(device, null_swallows_and_gives_nothing)
{
    char c = 1;
    int fd = (int)OK(open("/dev/null", O_RDWR));
    EXPECT_EQ(read(fd, &c, 1), 0);
    EXPECT_EQ(write(fd, "abc", 3), 3);
    EXPECT_EQ(lseek(fd, 100, SEEK_SET) >= 0, 1);
    struct iovec iov[2] = {{"ab", 2}, {"cde", 3}};
    EXPECT_EQ(writev(fd, iov, 2), 5);
    OK(close((int)OK(open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0666)))); /* as shells do */
}

CASE(device, zero_gives_zeros)
{
    static char buf[100000];
    int fd = (int)OK(open("/dev/zero", O_RDWR));
    memset(buf, 1, sizeof(buf));
    EXPECT_EQ(read(fd, buf, sizeof(buf)), (ssize_t)sizeof(buf));
    for (size_t i = 0; i < sizeof(buf); i++)
        EXPECT_EQ(buf[i], 0);
    EXPECT_EQ(write(fd, "abc", 3), 3);
}

CASE(device, full_is_full)
{
    char c = 1;
    int fd = (int)OK(open("/dev/full", O_RDWR));
    EXPECT_EQ(read(fd, &c, 1), 1);
    EXPECT_EQ(c, 0);
    EXPECT_ERR(write(fd, "x", 1), ENOSPC);
}

/* Read records up to the one that has the text. Returns whether it came before the log's end. */
static bool find_record(int fd, const char *text)
{
    char record[8192];
    for (;;) {
        unsigned level;
        unsigned long long number, time_us;
        int start = 0;
        ssize_t got = read(fd, record, sizeof(record) - 1);
        if (got < 0 && errno == EPIPE) /* overwritten meanwhile */
            continue;
        if (got < 0) {
            EXPECT_EQ(errno, EAGAIN);
            return false;
        }
        EXPECT(got > 0 && record[got - 1] == '\n');
        record[got] = '\0';
        EXPECT_EQ(sscanf(record, "%u,%llu,%llu,%*[^;];%n", &level, &number, &time_us, &start), 3);
        if (start > 0 && strstr(record + start, text) != NULL)
            return true;
    }
}

CASE(device, kmsg_gives_the_log_by_records_and_never_ends)
{
    struct pollfd poller = {.events = POLLIN};
    char text[64], c;
    pid_t pid;
    int status;
    int fd = open("/dev/kmsg", O_RDWR | O_NONBLOCK);
    if (fd < 0 && (errno == EACCES || errno == EPERM || errno == ENOENT))
        SKIP("the log is not for everybody here");
    poller.fd = fd;
    EXPECT_ERR(read(fd, &c, 1), EINVAL); /* less than a record */
    snprintf(text, sizeof(text), "<6>abi: kmsg test of %d\n", (int)getpid());
    EXPECT_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    text[strlen(text) - 1] = '\0';
    EXPECT(find_record(fd, text + 3));
    EXPECT(!find_record(fd, text + 3)); /* each record once, and then -EAGAIN */
    CHILD (pid) {
        OK(poll(&poller, 1, 20000));
        EXPECT(poller.revents & POLLIN);
        OK(fcntl(fd, F_SETFL, 0));
        EXPECT(find_record(fd, "second"));
    }
    usleep(50000);
    EXPECT_EQ(waitpid(pid, &status, WNOHANG), 0);
    snprintf(text, sizeof(text), "abi: kmsg test, the second line\n");
    EXPECT_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    EXPECT_EXIT(pid, 0);
}

CASE(device, random_and_urandom)
{
    static const char *const names[] = {"/dev/random", "/dev/urandom"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        unsigned char a[64], b[64];
        int fd = (int)OK(open(names[i], O_RDONLY));
        EXPECT_EQ(read(fd, a, sizeof(a)), 64);
        EXPECT_EQ(read(fd, b, sizeof(b)), 64);
        EXPECT(memcmp(a, b, sizeof(a)) != 0);
    }
}

CASE(device, unknown_ioctls_are_enotty)
{
    int n, fd = (int)OK(open("/dev/null", O_RDWR)), f = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    struct termios t;
    EXPECT_ERR(tcgetattr(fd, &t), ENOTTY);
    EXPECT_ERR(tcgetattr(f, &t), ENOTTY);
    EXPECT_ERR(ioctl(f, 0x12345678, &n), ENOTTY);
    EXPECT(!isatty(fd) && !isatty(f));
    EXPECT_ERR(ioctl(150, TIOCGWINSZ, &n), EBADF);
}

CASE(device, missing_driver_is_enxio)
{
    NEED_ROOT();
    OK(mknod("c", S_IFCHR | 0600, (240 << 8) | 77));
    EXPECT_ERR(open("c", O_RDONLY), ENXIO);
}

CASE(device, node_works_anywhere)
{
    char c = 1;
    NEED_ROOT();
    OK(mknod("z", S_IFCHR | 0600, (1 << 8) | 5));
    int fd = open("z", O_RDONLY);
    if (fd < 0 && errno == EACCES)
        SKIP("the test directory is mounted nodev");
    EXPECT_EQ(read(fd, &c, 1), 1);
    EXPECT_EQ(c, 0);
}

static int master, slave;

static void open_pty(void)
{
    master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0)
        SKIP("no pseudo terminals");
    OK(grantpt(master));
    OK(unlockpt(master));
    slave = (int)OK(open(ptsname(master), O_RDWR | O_NOCTTY));
}

static void set_modes(tcflag_t clear, tcflag_t set)
{
    struct termios t;
    OK(tcgetattr(slave, &t));
    t.c_lflag = (t.c_lflag & ~clear) | set;
    OK(tcsetattr(slave, TCSANOW, &t));
}

static void expect_read(int fd, const char *want)
{
    char buf[256];
    size_t len = 0;
    while (len < strlen(want))
        len += (size_t)OK(read(fd, buf + len, sizeof(buf) - 1 - len));
    buf[len] = '\0';
    EXPECT_STR(buf, want);
}

CASE(tty, canonical_line_erase_and_kill)
{
    open_pty();
    set_modes(ECHO, ICANON);
    OK(write(master, "ab\177c\nwrong\025right\n", 18));
    expect_read(slave, "ac\n");
    expect_read(slave, "right\n");
}

CASE(tty, end_of_file_character)
{
    char c;
    open_pty();
    set_modes(ECHO, ICANON);
    OK(write(master, "ab\004\004", 4));
    expect_read(slave, "ab");
    EXPECT_EQ(read(slave, &c, 1), 0);
}

CASE(tty, echo_and_output_translation)
{
    open_pty();
    set_modes(0, ICANON | ECHO);
    OK(write(master, "hi\r", 3)); /* ICRNL on the way in, ONLCR on the way out */
    expect_read(slave, "hi\n");
    expect_read(master, "hi\r\n");
    OK(write(slave, "x\n", 2));
    expect_read(master, "x\r\n");
}

CASE(tty, raw_mode_passes_every_byte)
{
    struct termios t;
    char c;
    open_pty();
    OK(tcgetattr(slave, &t));
    cfmakeraw(&t);
    OK(tcsetattr(slave, TCSANOW, &t));
    for (int i = 1; i < 128; i++) {
        char out = (char)i;
        OK(write(master, &out, 1));
        EXPECT_EQ(read(slave, &c, 1), 1);
        EXPECT_EQ(c, i);
    }
}

CASE(tty, window_size)
{
    struct winsize ws = {33, 77, 0, 0}, got;
    open_pty();
    OK(ioctl(slave, TIOCSWINSZ, &ws));
    OK(ioctl(slave, TIOCGWINSZ, &got));
    EXPECT(got.ws_row == 33 && got.ws_col == 77);
    EXPECT(isatty(slave));
}

CASE(tty, interrupt_character_signals_the_foreground_group)
{
    pid_t pid;
    struct gate ready;
    open_pty();
    gate_init(&ready);
    CHILD (pid) {
        OK(setsid());
        OK(ioctl(slave, TIOCSCTTY, 0));
        EXPECT_EQ(tcgetpgrp(slave), getpid());
        gate_open(&ready);
        for (;;)
            pause();
    }
    gate_wait(&ready);
    OK(write(master, "\003", 1));
    EXPECT_KILLED(pid, SIGINT);
}
