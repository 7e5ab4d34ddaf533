// SPDX-License-Identifier: MIT
/* Processes: what fork copies and what it shares, how a process ends, what is left of it. */
#include "abi.h"

#include <sys/resource.h>
#include <sys/time.h>

CASE(process, fork_tells_parent_and_child_apart)
{
    pid_t parent = getpid(), pid;
    struct gate g;
    int told;
    int report[2];

    gate_init(&g);
    OK(pipe(report));
    CHILD (pid) {
        pid_t me = getpid();
        EXPECT(me != parent);
        EXPECT_EQ(getppid(), parent);
        EXPECT_EQ(syscall(SYS_gettid), me);
        OK(write(report[1], &me, sizeof(me)));
    }
    EXPECT_EQ(read(report[0], &told, sizeof(told)), sizeof(told));
    EXPECT_EQ(told, pid);
    EXPECT_EXIT(pid, 0);
}

CASE(process, exit_status_keeps_eight_bits)
{
    static const int codes[] = {0, 1, 7, 127, 128, 255, 256, 0x1ff, -1};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        pid_t pid;
        CHILD (pid) {
            _exit(codes[i]);
        }
        EXPECT_EXIT(pid, codes[i] & 0xff);
    }
}

CASE(process, fork_copies_memory)
{
    static int data = 1;
    int local = 1;
    int *heap = malloc(sizeof(int));
    pid_t pid;

    *heap = 1;
    CHILD (pid) {
        EXPECT_EQ(data + local + *heap, 3);
        data = local = *heap = 2;
        EXPECT_EQ(data + local + *heap, 6);
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(data + local + *heap, 3);
    free(heap);
}

CASE(process, fork_keeps_cwd_umask_and_signal_mask)
{
    sigset_t set, got;
    char before[PATH_MAX], after[PATH_MAX];
    pid_t pid;

    OK(mkdir("sub", 0755));
    OK(chdir("sub"));
    EXPECT(getcwd(before, sizeof(before)));
    umask(013);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    CHILD (pid) {
        EXPECT(getcwd(after, sizeof(after)));
        EXPECT_STR(after, before);
        EXPECT_EQ(umask(0), 013);
        OK(sigprocmask(SIG_BLOCK, NULL, &got));
        EXPECT(sigismember(&got, SIGUSR2));
        EXPECT(!sigismember(&got, SIGUSR1));
        OK(chdir("/"));
    }
    EXPECT_EXIT(pid, 0);
    EXPECT(getcwd(after, sizeof(after)));
    EXPECT_STR(after, before);
    EXPECT_EQ(umask(0), 013);
}

CASE(process, fork_child_starts_without_pending_signals)
{
    sigset_t set;
    pid_t pid;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    OK(raise(SIGUSR1));
    CHILD (pid) {
        OK(sigpending(&set));
        EXPECT(!sigismember(&set, SIGUSR1));
    }
    EXPECT_EXIT(pid, 0);
    OK(sigpending(&set));
    EXPECT(sigismember(&set, SIGUSR1));
}

CASE(process, fork_child_starts_without_timers)
{
    struct itimerval it = {{0, 0}, {1000, 0}};
    pid_t pid;

    OK(setitimer(ITIMER_REAL, &it, NULL));
    CHILD (pid) {
        OK(getitimer(ITIMER_REAL, &it));
        EXPECT_EQ(it.it_value.tv_sec, 0);
        EXPECT_EQ(it.it_value.tv_usec, 0);
    }
    EXPECT_EXIT(pid, 0);
    OK(getitimer(ITIMER_REAL, &it));
    EXPECT(it.it_value.tv_sec > 0);
}

CASE(process, fork_child_starts_with_zero_cpu_times_of_children)
{
    struct rusage ru;
    pid_t pid;

    CHILD (pid) {
        OK(getrusage(RUSAGE_CHILDREN, &ru));
        EXPECT_EQ(ru.ru_utime.tv_sec + ru.ru_utime.tv_usec, 0);
    }
    EXPECT_EXIT(pid, 0);
}

CASE(process, vfork_parent_waits_and_shares_memory)
{
    volatile int stage = 0;
    pid_t parent = getpid();
    pid_t pid = vfork();

    if (pid == 0) {
        stage = getppid() == parent ? 1 : 2;
        _exit(5);
    }
    EXPECT(pid > 0);
    EXPECT_EQ(stage, 1);
    EXPECT_EXIT(pid, 5);
}

CASE(process, vfork_releases_parent_at_exec)
{
    struct gate g;
    char *argv[] = {abi_self, "@exit_after_stdin", "9", NULL};
    gate_init(&g);
    pid_t pid = vfork();

    if (pid == 0) {
        dup2(g.fd[0], 0);
        execv(abi_self, argv);
        _exit(1);
    }
    EXPECT(pid > 0);
    /* the child still waits for us: so we were let go by the exec, not by its exit */
    gate_open(&g);
    EXPECT_EXIT(pid, 9);
}

HELPER(exit_after_stdin)
{
    char c;
    return argc == 1 && read(0, &c, 1) == 1 ? atoi(argv[0]) : 1;
}

CASE(process, hundred_children_at_once_are_all_reaped)
{
    enum { N = 100 };
    pid_t pids[N];
    bool seen[N] = {false};
    struct gate g;
    gate_init(&g);

    for (int i = 0; i < N; i++) {
        CHILD (pids[i]) {
            close(g.fd[1]);
            gate_wait(&g);
            _exit(i);
        }
    }
    close(g.fd[1]);
    for (int i = 0; i < N; i++) {
        int status;
        pid_t pid = (pid_t)OK(wait(&status));
        EXPECT(WIFEXITED(status));
        int code = WEXITSTATUS(status);
        EXPECT(code < N && !seen[code]);
        EXPECT_EQ(pid, pids[code]);
        seen[code] = true;
    }
    EXPECT_ERR(wait(NULL), ECHILD);
}

static int descend(int depth)
{
    pid_t pid;
    if (depth == 0)
        return 42;
    CHILD (pid) {
        _exit(descend(depth - 1));
    }
    EXPECT_EXIT(pid, 42);
    return 42;
}

CASE(process, thirty_generations_pass_the_exit_status_up)
{
    EXPECT_EQ(descend(30), 42);
}

CASE(process, exit_closes_descriptors)
{
    int fd[2];
    char c;
    pid_t pid;

    OK(pipe(fd));
    CHILD (pid) {
        _exit(0);
    }
    OK(close(fd[1]));
    EXPECT_EQ(read(fd[0], &c, 1), 0);
    EXPECT_EXIT(pid, 0);
}

CASE(process, death_by_signal_closes_descriptors)
{
    int fd[2];
    char c;
    pid_t pid;

    OK(pipe(fd));
    CHILD (pid) {
        raise(SIGKILL);
    }
    OK(close(fd[1]));
    EXPECT_EQ(read(fd[0], &c, 1), 0);
    EXPECT_KILLED(pid, SIGKILL);
}

CASE(process, zombie_keeps_its_pid_until_reaped)
{
    siginfo_t si;
    pid_t pid;
    CHILD (pid) {
        _exit(3);
    }
    OK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
    OK(kill(pid, 0));
    OK(kill(pid, SIGKILL)); /* reaches it, changes nothing */
    EXPECT_EXIT(pid, 3);
    EXPECT_ERR(kill(pid, 0), ESRCH);
}

CASE(process, orphan_is_adopted)
{
    struct gate parent_gone;
    int report[2];
    pid_t pid, orphan, middle, adopter = 0;

    gate_init(&parent_gone);
    OK(pipe(report));
    CHILD (pid) {
        middle = getpid();
        CHILD (orphan) {
            close(parent_gone.fd[1]);
            gate_wait(&parent_gone);
            for (int i = 0; i < 1000 && getppid() == middle; i++)
                sleep_ms(5);
            adopter = getppid();
            OK(write(report[1], &adopter, sizeof(adopter)));
        }
    }
    middle = pid;
    EXPECT_EXIT(pid, 0);
    close(parent_gone.fd[1]);
    close(report[1]);
    EXPECT_EQ(read(report[0], &adopter, sizeof(adopter)), sizeof(adopter));
    EXPECT(adopter > 0 && adopter != middle && adopter != getpid());
    EXPECT_ERR(wait(NULL), ECHILD); /* the orphan is not ours */
}

CASE(process, exit_is_not_delayed_by_living_children)
{
    pid_t pid, grandchild;
    struct gate g;
    gate_init(&g);
    CHILD (pid) {
        CHILD (grandchild) {
            close(g.fd[1]);
            gate_wait(&g);
        }
        _exit(4);
    }
    EXPECT_EXIT(pid, 4);
    gate_open(&g);
}

CASE(process, stdio_buffers_are_duplicated_by_fork)
{
    char text[16];
    pid_t pid;
    FILE *f = fopen("out", "w");
    EXPECT(f != NULL);
    fputs("ab", f);
    CHILD (pid) {
        fflush(f);
    }
    EXPECT_EXIT(pid, 0);
    fclose(f);
    EXPECT_EQ(read_file("out", text, sizeof(text)), 4);
    EXPECT_STR(text, "abab");
}

CASE(process, getppid_of_a_thread_group_is_the_parent)
{
    pid_t pid, me = getpid();
    CHILD (pid) {
        EXPECT_EQ(syscall(SYS_getppid), me);
        EXPECT_EQ(syscall(SYS_getpid), getpid());
    }
    EXPECT_EXIT(pid, 0);
}

CASE(process, thousand_short_lives_leave_nothing)
{
    for (int i = 0; i < 1000; i++) {
        pid_t pid;
        CHILD (pid) {
            _exit(i & 0x7f);
        }
        EXPECT_EXIT(pid, i & 0x7f);
    }
    EXPECT_ERR(wait(NULL), ECHILD);
}
