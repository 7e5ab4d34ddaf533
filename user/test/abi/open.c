// SPDX-License-Identifier: MIT
/* open and its flags; descriptors, their duplicates, and their limits. */
#include "abi.h"

#include <sys/resource.h>
#include <sys/uio.h>

CASE(open, creat_makes_with_mode_and_umask)
{
    umask(027);
    OK(close((int)OK(open("a", O_WRONLY | O_CREAT, 0666))));
    EXPECT_EQ(mode_of("a"), S_IFREG | 0640);
    umask(0);
    OK(close((int)OK(open("b", O_WRONLY | O_CREAT, 07777))));
    EXPECT_EQ(mode_of("b"), S_IFREG | 07777);
    OK(close((int)OK(open("a", O_WRONLY | O_CREAT, 0777)))); /* exists: mode untouched */
    EXPECT_EQ(mode_of("a"), S_IFREG | 0640);
}

CASE(open, creat_with_read_only_mode_still_gives_a_writable_descriptor)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0));
    EXPECT_EQ(write(fd, "x", 1), 1);
    EXPECT_EQ(mode_of("f") & 07777, 0);
}

CASE(open, missing_is_enoent)
{
    EXPECT_ERR(open("missing", O_RDONLY), ENOENT);
    EXPECT_ERR(open("missing/file", O_WRONLY | O_CREAT, 0600), ENOENT);
    EXPECT_ERR(open("", O_RDONLY), ENOENT);
    EXPECT_ERR(open("", O_WRONLY | O_CREAT, 0600), ENOENT);
}

CASE(open, excl_refuses_whatever_exists)
{
    make_file("f", 0600);
    OK(mkdir("d", 0700));
    OK(symlink("nowhere", "dangling"));
    EXPECT_ERR(open("f", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
    EXPECT_ERR(open("d", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
    EXPECT_ERR(open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
    EXPECT(!exists("nowhere"));
    OK(close((int)OK(open("new", O_WRONLY | O_CREAT | O_EXCL, 0600))));
}

CASE(open, creat_through_a_dangling_symlink_makes_the_target)
{
    OK(symlink("target", "link"));
    OK(close((int)OK(open("link", O_WRONLY | O_CREAT, 0600))));
    EXPECT(exists("target"));
}

CASE(open, excl_race_has_one_winner)
{
    enum { N = 8 };
    for (int round = 0; round < 10; round++) {
        pid_t pids[N];
        int wins = 0, status;
        char name[16];
        struct gate g;
        gate_init(&g);
        snprintf(name, sizeof(name), "lock%d", round);
        for (int i = 0; i < N; i++) {
            CHILD (pids[i]) {
                close(g.fd[1]);
                gate_wait(&g);
                int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
                EXPECT(fd >= 0 || errno == EEXIST);
                _exit(fd >= 0 ? 1 : 0);
            }
        }
        close(g.fd[0]);
        close(g.fd[1]);
        for (int i = 0; i < N; i++) {
            EXPECT_EQ(waitpid(pids[i], &status, 0), pids[i]);
            EXPECT(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
            wins += WEXITSTATUS(status);
        }
        EXPECT_EQ(wins, 1);
    }
}

CASE(open, trunc_empties)
{
    write_file("f", "content", 7);
    int reader = (int)OK(open("f", O_RDONLY)), c = 0;
    OK(close((int)OK(open("f", O_WRONLY | O_TRUNC))));
    EXPECT_EQ(size_of("f"), 0);
    EXPECT_EQ(read(reader, &c, 1), 0);
}

CASE(open, append_always_writes_at_the_end)
{
    char buf[16];
    write_file("f", "abc", 3);
    int a = (int)OK(open("f", O_RDWR | O_APPEND)), b = (int)OK(open("f", O_WRONLY | O_APPEND));
    OK(write(a, "1", 1));
    OK(write(b, "2", 1));
    OK(lseek(a, 0, SEEK_SET));
    OK(write(a, "3", 1));
    EXPECT_EQ(lseek(a, 0, SEEK_CUR), 6);
    expect_file("f", "abc123");
    EXPECT_EQ(pread(a, buf, 3, 0), 3);
}

CASE(open, append_from_many_processes_loses_nothing)
{
    enum { N = 4, EACH = 100 };
    pid_t pids[N];
    static char text[N * EACH * 4 + 1];
    int seen[N] = {0};
    make_file("log", 0644);
    for (int i = 0; i < N; i++) {
        CHILD (pids[i]) {
            char line[8];
            int fd = (int)OK(open("log", O_WRONLY | O_APPEND));
            for (int j = 0; j < EACH; j++) {
                snprintf(line, sizeof(line), "%d%02d\n", i, j);
                EXPECT_EQ(write(fd, line, 4), 4);
            }
        }
    }
    for (int i = 0; i < N; i++)
        EXPECT_EXIT(pids[i], 0);
    EXPECT_EQ(read_file("log", text, sizeof(text)), N * EACH * 4);
    for (int at = 0; at < N * EACH * 4; at += 4) {
        int who = text[at] - '0', which = (text[at + 1] - '0') * 10 + text[at + 2] - '0';
        EXPECT(who >= 0 && who < N && text[at + 3] == '\n');
        EXPECT_EQ(which, seen[who]);
        seen[who]++;
    }
}

CASE(open, directory_flag_and_directories)
{
    OK(mkdir("d", 0755));
    make_file("f", 0644);
    EXPECT_ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
    OK(close((int)OK(open("d", O_RDONLY | O_DIRECTORY))));
    OK(close((int)OK(open("d", O_RDONLY))));
    EXPECT_ERR(open("d", O_WRONLY), EISDIR);
    EXPECT_ERR(open("d", O_RDWR), EISDIR);
    EXPECT_ERR(open("d", O_RDONLY | O_CREAT, 0600), EISDIR);
    EXPECT_ERR(open("new/", O_WRONLY | O_CREAT, 0600), EISDIR);
    EXPECT_ERR(open("f/", O_RDONLY), ENOTDIR);
    EXPECT_ERR(open("f/x", O_RDONLY), ENOTDIR);
}

CASE(open, nofollow_refuses_a_final_symlink)
{
    OK(mkdir("d", 0755));
    make_file("d/f", 0644);
    OK(symlink("d", "dl"));
    OK(symlink("d/f", "fl"));
    EXPECT_ERR(open("fl", O_RDONLY | O_NOFOLLOW), ELOOP);
    EXPECT_ERR(open("dl", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
    OK(close((int)OK(open("dl/f", O_RDONLY | O_NOFOLLOW)))); /* only the last counts */
}

CASE(open, path_descriptor_only_names)
{
    char c;
    struct stat st;
    make_file("f", 0644);
    int fd = (int)OK(open("f", O_PATH));
    EXPECT_ERR(read(fd, &c, 1), EBADF);
    EXPECT_ERR(write(fd, "x", 1), EBADF);
    EXPECT_ERR(fchmod(fd, 0600), EBADF);
    OK(fstat(fd, &st));
    EXPECT(S_ISREG(st.st_mode));
    OK(symlink("f", "l"));
    fd = (int)OK(open("l", O_PATH | O_NOFOLLOW));
    OK(fstat(fd, &st));
    EXPECT(S_ISLNK(st.st_mode));
}

CASE(open, access_mode_is_enforced_on_the_descriptor)
{
    char c = 'x';
    write_file("f", "abc", 3);
    int r = (int)OK(open("f", O_RDONLY)), w = (int)OK(open("f", O_WRONLY));
    EXPECT_ERR(write(r, &c, 1), EBADF);
    EXPECT_ERR(read(w, &c, 1), EBADF);
    EXPECT_ERR(ftruncate(r, 0), EINVAL);
    EXPECT_ERR(pread(w, &c, 1, 0), EBADF);
    EXPECT_ERR(pwrite(r, &c, 1, 0), EBADF);
}

CASE(open, getfl_tells_flags)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_NONBLOCK, 0600));
    int fl = (int)OK(fcntl(fd, F_GETFL));
    EXPECT_EQ(fl & O_ACCMODE, O_RDWR);
    EXPECT_EQ(fl & (O_APPEND | O_NONBLOCK), O_APPEND | O_NONBLOCK);
    EXPECT_EQ(fl & (O_CREAT | O_EXCL | O_TRUNC), 0);
    OK(fcntl(fd, F_SETFL, O_RDONLY)); /* cannot change the access mode */
    EXPECT_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR);
}

CASE(open, cloexec_flag)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    OK(fcntl(fd, F_SETFD, 0));
    EXPECT_EQ(fcntl(fd, F_GETFD), 0);
    int other = (int)OK(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    EXPECT_EQ(fcntl(other, F_GETFD), FD_CLOEXEC);
}

CASE(open, lowest_free_descriptor_is_taken)
{
    int a = (int)OK(dup(0)), b = (int)OK(dup(0)), c = (int)OK(dup(0));
    EXPECT(a < b && b < c);
    OK(close(a));
    OK(close(b));
    EXPECT_EQ(open("/dev/null", O_RDONLY), a);
    EXPECT_EQ(dup(c), b);
    EXPECT_EQ(fcntl(0, F_DUPFD, 100), 100);
    EXPECT_EQ(fcntl(0, F_DUPFD, 100), 101);
}

CASE(open, dup2_and_dup3)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    EXPECT_EQ(dup2(fd, 77), 77);
    EXPECT_EQ(dup2(fd, fd), fd);
    EXPECT_ERR(dup2(-1, 78), EBADF);
    EXPECT_ERR(dup2(150, 78), EBADF);
    EXPECT_ERR(dup2(150, 150), EBADF);
    EXPECT_ERR(dup2(fd, -1), EBADF);
    EXPECT_ERR(dup2(fd, 1 << 20), EBADF);
    EXPECT_ERR(dup3(fd, fd, 0), EINVAL);
    EXPECT_ERR(dup3(fd, 79, 0x1), EINVAL);
    EXPECT_EQ(dup3(fd, 77, O_CLOEXEC), 77); /* replaces */
    EXPECT_EQ(fcntl(77, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(fcntl(fd, F_GETFD), 0);
}

CASE(open, duplicates_share_offset_and_status_flags)
{
    char c;
    write_file("f", "abcdef", 6);
    int a = (int)OK(open("f", O_RDONLY)), b = (int)OK(dup(a)), other = (int)OK(open("f", O_RDONLY));
    EXPECT_EQ(read(a, &c, 1), 1);
    EXPECT_EQ(read(b, &c, 1), 1);
    EXPECT_EQ(c, 'b');
    EXPECT_EQ(read(other, &c, 1), 1);
    EXPECT_EQ(c, 'a');
    OK(fcntl(a, F_SETFL, O_APPEND));
    EXPECT(fcntl(b, F_GETFL) & O_APPEND);
    EXPECT(!(fcntl(other, F_GETFL) & O_APPEND));
    OK(close(a));
    EXPECT_EQ(lseek(b, 0, SEEK_CUR), 2);
}

CASE(open, fork_shares_the_offset)
{
    pid_t pid;
    char c;
    write_file("f", "abcdef", 6);
    int fd = (int)OK(open("f", O_RDONLY));
    CHILD (pid) {
        EXPECT_EQ(read(fd, &c, 1), 1);
        OK(lseek(fd, 3, SEEK_CUR));
        OK(close(fd)); /* the parent's stays open */
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(read(fd, &c, 1), 1);
    EXPECT_EQ(c, 'e');
}

CASE(open, bad_descriptors_are_ebadf)
{
    static const int bad[] = {-1, 150, 1 << 30, INT_MIN};
    char c;
    struct stat st;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int fd = bad[i];
        EXPECT_ERR(read(fd, &c, 1), EBADF);
        EXPECT_ERR(write(fd, &c, 1), EBADF);
        EXPECT_ERR(lseek(fd, 0, SEEK_SET), EBADF);
        EXPECT_ERR(fstat(fd, &st), EBADF);
        EXPECT_ERR(syscall(SYS_close, fd), EBADF);
        EXPECT_ERR(dup(fd), EBADF);
        EXPECT_ERR(fcntl(fd, F_GETFL), EBADF);
        EXPECT_ERR(ftruncate(fd, 0), EBADF);
        EXPECT_ERR(fsync(fd), EBADF);
        EXPECT_ERR(fchdir(fd), EBADF);
        EXPECT_ERR(openat(fd, "x", O_RDONLY), fd == AT_FDCWD ? ENOENT : EBADF);
    }
}

CASE(open, close_twice_is_ebadf)
{
    int fd = (int)OK(dup(0));
    OK(close(fd));
    EXPECT_ERR(syscall(SYS_close, fd), EBADF);
}

CASE(open, nofile_limit_is_emfile)
{
    struct rlimit rl;
    int fds[2], highest = -1, fd;
    OK(getrlimit(RLIMIT_NOFILE, &rl));
    rl.rlim_cur = 40;
    OK(setrlimit(RLIMIT_NOFILE, &rl));
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        highest = fd;
    EXPECT_EQ(errno, EMFILE);
    EXPECT_EQ(highest, 39);
    EXPECT_ERR(dup(0), EMFILE);
    EXPECT_ERR(pipe(fds), EMFILE);
    EXPECT_ERR(fcntl(0, F_DUPFD, 40), EINVAL);
    EXPECT_ERR(dup2(0, 40), EBADF);
    OK(close(20));
    EXPECT_ERR(pipe(fds), EMFILE); /* needs two */
    EXPECT_EQ(dup(0), 20);
    EXPECT_EQ(open("never", O_CREAT | O_WRONLY, 0600), -1);
    EXPECT(!exists("never"));
}

CASE(open, hundreds_of_descriptors)
{
    struct rlimit rl;
    int top = 0;
    OK(getrlimit(RLIMIT_NOFILE, &rl));
    int want = rl.rlim_cur < 1000 ? (int)rl.rlim_cur - 10 : 900;
    for (int i = 0; i < want - 250; i++)
        top = (int)OK(open("/dev/null", O_RDONLY));
    EXPECT_EQ(fcntl(0, F_DUPFD, want - 1), want - 1);
    pid_t pid;
    CHILD (pid) {
        OK(fcntl(want - 1, F_GETFD));
        OK(fcntl(top, F_GETFD));
    }
    EXPECT_EXIT(pid, 0);
}
