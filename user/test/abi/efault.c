// SPDX-License-Identifier: MIT
/* Bad pointers: each is an error of the call, and the process goes on. Raw calls, since the C library
 * reads some of these pointers itself. Each call is tried with every kind of bad address. */
#include "abi.h"

#include <sys/uio.h>

/* Evaluate the call with `bad` as each bad address in turn; it must fail with EFAULT. */
#define EXPECT_EFAULT(call)                                 \
    for (int bad_nr = 0; bad_nr < BAD_POINTERS; bad_nr++) { \
        void *bad = bad_pointer(bad_nr);                    \
        EXPECT_ERR(call, EFAULT);                           \
    }

static int full_pipe_reader(int data)
{
    int fd[2];
    OK(pipe(fd));
    if (data)
        OK(write(fd[1], "some data", 9));
    return fd[0];
}

CASE(efault, read_and_write)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    int zero = (int)OK(open("/dev/zero", O_RDWR));
    int pipe_in = full_pipe_reader(1), fds[2];
    OK(pipe(fds));
    OK(write(fd, "content", 7));
    EXPECT_EFAULT(syscall(SYS_pread64, fd, bad, 7, 0));
    EXPECT_EFAULT(syscall(SYS_pwrite64, fd, bad, 7, 0));
    EXPECT_EFAULT(syscall(SYS_write, fd, bad, 7));
    OK(lseek(fd, 0, SEEK_SET));
    EXPECT_EFAULT(syscall(SYS_read, fd, bad, 7));
    EXPECT_EFAULT(syscall(SYS_read, zero, bad, 7));
    EXPECT_EFAULT(syscall(SYS_read, pipe_in, bad, 7));
    EXPECT_EFAULT(syscall(SYS_write, fds[1], bad, 7));
    EXPECT_EQ(size_of("f"), 7);
    EXPECT_EQ(syscall(SYS_write, (int)OK(open("/dev/null", O_WRONLY)), bad_pointer(0), 7), 7);
}

CASE(efault, zero_length_needs_no_pointer)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    EXPECT_EQ(syscall(SYS_read, fd, bad_pointer(1), 0), 0);
    EXPECT_EQ(syscall(SYS_write, fd, bad_pointer(1), 0), 0);
    EXPECT_EQ(syscall(SYS_readv, fd, bad_pointer(0), 0), 0);
    EXPECT_EQ(syscall(SYS_writev, fd, bad_pointer(0), 0), 0);
}

CASE(efault, vectors)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    char byte = 'x';
    OK(write(fd, "content", 7));
    EXPECT_EFAULT(syscall(SYS_readv, fd, bad, 2));
    EXPECT_EFAULT(syscall(SYS_writev, fd, bad, 2));
    OK(lseek(fd, 0, SEEK_SET));
    struct iovec iov[2] = {{bad_pointer(0), 5}, {&byte, 1}};
    EXPECT_ERR(readv(fd, iov, 2), EFAULT);
    EXPECT_ERR(writev(fd, iov, 2), EFAULT);
    EXPECT_ERR(syscall(SYS_readv, fd, iov, -1), EINVAL);
    EXPECT_ERR(syscall(SYS_readv, fd, iov, 1025), EINVAL);
    iov[0] = (struct iovec){&byte, (size_t)-1};
    EXPECT_ERR(readv(fd, iov, 2), EINVAL);
    /* what came before the bad part counts */
    iov[0] = (struct iovec){&byte, 1};
    iov[1] = (struct iovec){bad_pointer(0), 5};
    EXPECT_EQ(readv(fd, iov, 2), 1);
    EXPECT_EQ(byte, 'c');
}

CASE(efault, buffer_that_ends_too_early_gives_a_short_count)
{
    size_t page = page_size();
    char *p = map_anon(2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    memset(p, 'x', page);
    OK(mprotect(p + page, page, PROT_NONE));
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    ssize_t n = write(fd, p + page - 10, 20);
    EXPECT(n == 10 || (n == -1 && errno == EFAULT));
    OK(ftruncate(fd, 0));
    OK(pwrite(fd, "0123456789abcdefghij", 20, 0));
    n = pread(fd, p + page - 10, 20, 0);
    EXPECT(n == 10 || (n == -1 && errno == EFAULT));
    if (n == 10)
        EXPECT(memcmp(p + page - 10, "0123456789", 10) == 0);
}

CASE(efault, paths)
{
    char buf[64];
    int cwd = AT_FDCWD;
    EXPECT_EFAULT(syscall(SYS_openat, cwd, bad, O_RDONLY));
    EXPECT_EFAULT(syscall(SYS_mkdirat, cwd, bad, 0755));
    EXPECT_EFAULT(syscall(SYS_unlinkat, cwd, bad, 0));
    EXPECT_EFAULT(syscall(SYS_renameat2, cwd, bad, cwd, "x", 0));
    EXPECT_EFAULT(syscall(SYS_renameat2, cwd, "x", cwd, bad, 0));
    EXPECT_EFAULT(syscall(SYS_linkat, cwd, bad, cwd, "x", 0));
    EXPECT_EFAULT(syscall(SYS_symlinkat, bad, cwd, "x"));
    EXPECT_EFAULT(syscall(SYS_symlinkat, "x", cwd, bad));
    EXPECT_EFAULT(syscall(SYS_readlinkat, cwd, bad, buf, sizeof(buf)));
    EXPECT_EFAULT(syscall(SYS_chdir, bad));
    EXPECT_EFAULT(syscall(SYS_fchmodat, cwd, bad, 0644));
    EXPECT_EFAULT(syscall(SYS_fchownat, cwd, bad, 0, 0, 0));
    EXPECT_EFAULT(syscall(SYS_faccessat, cwd, bad, F_OK));
    EXPECT_EFAULT(syscall(SYS_truncate, bad, 0));
    EXPECT_EFAULT(syscall(SYS_mknodat, cwd, bad, S_IFIFO | 0600, 0));
    EXPECT_EFAULT(syscall(SYS_statfs, bad, buf));
}

CASE(efault, path_at_the_edge_of_a_mapping)
{
    size_t page = page_size();
    char *p = map_anon(2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    OK(mprotect(p + page, page, PROT_NONE));
    char *end = p + page;
    make_file("name", 0644);
    memcpy(end - 5, "name", 5); /* the NUL is the last byte: right */
    OK(close((int)OK(open(end - 5, O_RDONLY))));
    memcpy(end - 4, "name", 4); /* no NUL before the hole */
    EXPECT_ERR(open(end - 4, O_RDONLY), EFAULT);
}

CASE(efault, stat_family)
{
    OK(symlink("target", "link"));
    EXPECT_EFAULT(syscall(SYS_newfstatat, AT_FDCWD, ".", bad, 0));
    EXPECT_EFAULT(syscall(SYS_newfstatat, AT_FDCWD, bad, bad, 0));
    EXPECT_EFAULT(syscall(SYS_fstat, 0, bad));
    EXPECT_EFAULT(syscall(SYS_statx, AT_FDCWD, ".", 0, 0x7ff, bad));
    EXPECT_EFAULT(syscall(SYS_statfs, ".", bad));
    EXPECT_EFAULT(syscall(SYS_fstatfs, (int)OK(open(".", O_RDONLY)), bad));
    EXPECT_EFAULT(syscall(SYS_readlinkat, AT_FDCWD, "link", bad, 100));
    EXPECT_EFAULT(syscall(SYS_getcwd, bad, 4096));
    EXPECT_EFAULT(syscall(SYS_utimensat, AT_FDCWD, ".", bad, 0));
    int dir = (int)OK(open(".", O_RDONLY | O_DIRECTORY));
    EXPECT_EFAULT((lseek(dir, 0, SEEK_SET), syscall(SYS_getdents64, dir, bad, 4096)));
}

CASE(efault, descriptors)
{
    int lowest = (int)OK(dup(0));
    OK(close(lowest));
    EXPECT_EFAULT(syscall(SYS_pipe2, bad, 0));
    EXPECT_EQ(dup(0), lowest); /* a failed pipe2 leaves no descriptors behind */
    EXPECT_EFAULT(syscall(SYS_ppoll, bad, 3, NULL, NULL, 8));
    struct {
        int fd;
        short events, revents;
    } p = {0, 0, 0};
    EXPECT_EFAULT(syscall(SYS_ppoll, &p, 1, bad, NULL, 8));
    EXPECT_EFAULT(syscall(SYS_ppoll, &p, 1, NULL, bad, 8));
    EXPECT_EFAULT(syscall(SYS_pselect6, 10, bad, NULL, NULL, NULL, NULL));
    EXPECT_EFAULT(syscall(SYS_pselect6, 0, NULL, NULL, NULL, bad, NULL));
    EXPECT_EFAULT(syscall(SYS_pselect6, 0, NULL, NULL, NULL, NULL, bad));
    EXPECT_EFAULT(syscall(SYS_ioctl, full_pipe_reader(1), 0x541b, bad)); /* FIONREAD */
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    EXPECT_EFAULT(syscall(SYS_sendfile, fd, full_pipe_reader(0), bad, 10));
}

CASE(efault, signals)
{
    EXPECT_EFAULT(syscall(SYS_rt_sigaction, SIGUSR1, bad, NULL, 8));
    EXPECT_EFAULT(syscall(SYS_rt_sigaction, SIGUSR1, NULL, bad, 8));
    EXPECT_EFAULT(syscall(SYS_rt_sigprocmask, SIG_BLOCK, bad, NULL, 8));
    EXPECT_EFAULT(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, bad, 8));
    EXPECT_EFAULT(syscall(SYS_rt_sigpending, bad, 8));
    EXPECT_EFAULT(syscall(SYS_rt_sigsuspend, bad, 8));
    EXPECT_EFAULT(syscall(SYS_rt_sigtimedwait, bad, NULL, NULL, 8));
    EXPECT_EFAULT(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, bad));
    EXPECT_EFAULT(syscall(SYS_sigaltstack, bad, NULL));
    EXPECT_EFAULT(syscall(SYS_sigaltstack, NULL, bad));
}

CASE(efault, processes)
{
    pid_t pid;
    for (int i = 0; i < BAD_POINTERS; i++) {
        CHILD (pid) {
        }
        EXPECT_ERR(syscall(SYS_wait4, pid, bad_pointer(i), 0, NULL), EFAULT);
    }
    EXPECT_EFAULT(syscall(SYS_getrusage, 0, bad));
    EXPECT_EFAULT(syscall(SYS_times, bad));
    EXPECT_EFAULT(syscall(SYS_prlimit64, 0, 7, bad, NULL));
    EXPECT_EFAULT(syscall(SYS_prlimit64, 0, 7, NULL, bad));
    if (getgroups(0, NULL) > 0)
        EXPECT_EFAULT(syscall(SYS_getgroups, 65536, bad));
    EXPECT_EFAULT(syscall(SYS_getresuid, bad, bad, bad));
    EXPECT_EFAULT(syscall(SYS_sched_getaffinity, 0, 128, bad));
    EXPECT_EFAULT(syscall(SYS_prctl, 15, bad, 0, 0, 0)); /* PR_SET_NAME */
    EXPECT_EFAULT(syscall(SYS_prctl, 16, bad, 0, 0, 0)); /* PR_GET_NAME */
}

CASE(efault, times_and_system)
{
    EXPECT_EFAULT(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, bad));
    EXPECT_EFAULT(syscall(SYS_clock_getres, CLOCK_MONOTONIC, bad));
    EXPECT_EFAULT(syscall(SYS_gettimeofday, bad, NULL));
    EXPECT_EFAULT(syscall(SYS_nanosleep, bad, NULL));
    EXPECT_EFAULT(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, bad, NULL));
    EXPECT_EFAULT(syscall(SYS_setitimer, 0, bad, NULL));
    EXPECT_EFAULT(syscall(SYS_getitimer, 0, bad));
    EXPECT_EFAULT(syscall(SYS_uname, bad));
    EXPECT_EFAULT(syscall(SYS_sysinfo, bad));
    EXPECT_EFAULT(syscall(SYS_getrandom, bad, 16, 0));
}

CASE(efault, wild_lengths)
{
    char *p = map_anon(page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE);
    int zero = (int)OK(open("/dev/zero", O_RDONLY));
    ssize_t n = read(zero, p, (size_t)1 << 62);
    EXPECT(n == -1 ? errno == EFAULT || errno == EINVAL : n > 0);
    n = syscall(SYS_read, zero, p, (size_t)-1);
    EXPECT(n == -1 && (errno == EFAULT || errno == EINVAL));
    EXPECT_ERR(syscall(SYS_getrandom, bad_pointer(2), (size_t)1 << 40, 0), EFAULT);
}

CASE(efault, stack_pointer_nowhere_kills_when_a_signal_comes)
{
    pid_t pid;
    CHILD (pid) {
        stack_t ss = {.ss_sp = bad_pointer(0), .ss_size = page_size() * 4};
        OK(sigaltstack(&ss, NULL));
        on_signal(SIGUSR1, (void (*)(int))(uintptr_t)abort, SA_ONSTACK);
        kill(getpid(), SIGUSR1); /* the frame cannot be written */
    }
    EXPECT_KILLED(pid, SIGSEGV);
}
