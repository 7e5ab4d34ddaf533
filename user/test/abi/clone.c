// SPDX-License-Identifier: MIT
/* clone: what each flag shares. Children here run without a TLS of their own, so they do little. */
#include "abi.h"

#include <linux/futex.h>
#include <sched.h>

enum { STACK = 64 * 1024 };

struct world {
    int (*body)(struct world *w);
    volatile int value;
    volatile pid_t tid;
    int fd;
};

static int run_world(void *arg)
{
    struct world *w = arg;
    return w->body(w);
}

/* The exit of a CLONE_THREAD child clears *ctid and wakes a futex there. */
static void join_tid(volatile pid_t *ctid)
{
    pid_t tid;
    while ((tid = __atomic_load_n(ctid, __ATOMIC_ACQUIRE)) != 0)
        syscall(SYS_futex, ctid, FUTEX_WAIT, tid, NULL, NULL, 0);
}

static pid_t spawn(struct world *w, int flags, volatile pid_t *ptid, volatile pid_t *ctid)
{
    char *stack = map_anon(STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    return (pid_t)OK(clone(run_world, stack + STACK, flags, w, ptid, NULL, ctid));
}

static int set_value(struct world *w)
{
    w->value = 2;
    return 5;
}

CASE(clone, without_vm_copies_memory)
{
    struct world w = {.body = set_value, .value = 1};
    EXPECT_EXIT(spawn(&w, SIGCHLD, NULL, NULL), 5);
    EXPECT_EQ(w.value, 1);
}

CASE(clone, vm_shares_memory)
{
    struct world w = {.body = set_value, .value = 1};
    EXPECT_EXIT(spawn(&w, CLONE_VM | SIGCHLD, NULL, NULL), 5);
    EXPECT_EQ(w.value, 2);
}

CASE(clone, vfork_flag_suspends_the_parent)
{
    struct world w = {.body = set_value, .value = 1};
    pid_t pid = spawn(&w, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL, NULL);
    EXPECT_EQ(w.value, 2);
    EXPECT_EXIT(pid, 5);
}

static int close_fd(struct world *w)
{
    return (int)syscall(SYS_close, w->fd) ? 1 : 0;
}

CASE(clone, files_flag_shares_descriptors)
{
    struct world w = {.body = close_fd, .fd = (int)OK(dup(0))};
    EXPECT_EXIT(spawn(&w, SIGCHLD, NULL, NULL), 0);
    OK(fcntl(w.fd, F_GETFD));
    EXPECT_EXIT(spawn(&w, CLONE_FILES | SIGCHLD, NULL, NULL), 0);
    EXPECT_ERR(fcntl(w.fd, F_GETFD), EBADF);
}

static int change_fs(struct world *w)
{
    (void)w;
    syscall(SYS_umask, 077);
    return (int)syscall(SYS_chdir, "sub") ? 1 : 0;
}

CASE(clone, fs_flag_shares_cwd_and_umask)
{
    struct world w = {.body = change_fs};
    OK(mkdir("sub", 0755));
    make_file("sub/mark", 0644);
    EXPECT_EXIT(spawn(&w, SIGCHLD, NULL, NULL), 0);
    EXPECT(!exists("mark"));
    EXPECT_EQ(umask(022), 022);
    EXPECT_EXIT(spawn(&w, CLONE_FS | SIGCHLD, NULL, NULL), 0);
    EXPECT(exists("mark"));
    EXPECT_EQ(umask(022), 077);
}

static int compare_tid(struct world *w)
{
    return w->tid == syscall(SYS_gettid) ? 0 : 1;
}

CASE(clone, parent_settid_stores_in_the_parent)
{
    struct world w = {.body = set_value};
    volatile pid_t tid = 0;
    pid_t pid = spawn(&w, CLONE_PARENT_SETTID | SIGCHLD, &tid, NULL);
    EXPECT_EQ(tid, pid);
    EXPECT_EXIT(pid, 5);
}

CASE(clone, child_settid_stores_in_the_child)
{
    struct world w = {.body = compare_tid};
    pid_t pid = spawn(&w, CLONE_CHILD_SETTID | SIGCHLD, NULL, &w.tid);
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(w.tid, 0);
}

CASE(clone, child_cleartid_clears_and_wakes_at_exit)
{
    struct world w = {.body = set_value, .tid = 1};
    pid_t pid = spawn(&w, CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, NULL,
                      &w.tid);
    join_tid(&w.tid);
    EXPECT_EXIT(pid, 5);
    EXPECT_EQ(w.value, 2);
}

static int thread_ids(struct world *w)
{
    w->value = (int)syscall(SYS_getpid);
    w->fd = (int)syscall(SYS_gettid);
    syscall(SYS_exit, 0);
    return 0;
}

enum {
    THREAD_FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                   CLONE_SYSVSEM | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID
};

CASE(clone, thread_flag_joins_the_thread_group)
{
    struct world w = {.body = thread_ids, .tid = 1};
    pid_t tid = spawn(&w, THREAD_FLAGS, &w.tid, &w.tid);
    join_tid(&w.tid);
    EXPECT_EQ(w.value, getpid());
    EXPECT_EQ(w.fd, tid);
    EXPECT(tid != getpid());
}

CASE(clone, threads_are_not_waitable)
{
    struct world w = {.body = thread_ids, .tid = 1};
    pid_t tid = spawn(&w, THREAD_FLAGS, &w.tid, &w.tid);
    EXPECT_ERR(waitpid(tid, NULL, __WALL), ECHILD);
    join_tid(&w.tid);
    EXPECT_ERR(waitpid(-1, NULL, __WALL), ECHILD);
}

CASE(clone, inconsistent_flags_are_einval)
{
    EXPECT_ERR(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL);
    EXPECT_ERR(syscall(SYS_clone, CLONE_THREAD | CLONE_VM | SIGCHLD, 0, 0, 0, 0), EINVAL);
    EXPECT_ERR(syscall(SYS_clone, CLONE_FS | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0), EINVAL);
}

static volatile sig_atomic_t usr1_count;

static void count_usr1(int sig)
{
    (void)sig;
    usr1_count++;
}

CASE(clone, exit_signal_may_be_another)
{
    struct world w = {.body = set_value};
    sigset_t block, old;
    on_signal(SIGUSR1, count_usr1, 0);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    OK(sigprocmask(SIG_BLOCK, &block, &old));
    pid_t pid = spawn(&w, SIGUSR1, NULL, NULL);
    while (!usr1_count)
        sigsuspend(&old);
    EXPECT_ERR(waitpid(pid, NULL, 0), ECHILD); /* a plain wait sees only SIGCHLD children */
    EXPECT_EQ(waitpid(pid, NULL, __WCLONE), pid);
    pid = spawn(&w, SIGUSR1, NULL, NULL);
    EXPECT_EQ(waitpid(pid, NULL, __WALL), pid);
}

CASE(clone, without_exit_signal_sends_none)
{
    struct world w = {.body = set_value};
    int status;
    on_signal(SIGCHLD, count_usr1, 0);
    pid_t pid = spawn(&w, 0, NULL, NULL);
    EXPECT_EQ(waitpid(pid, &status, __WALL), pid);
    EXPECT_EQ(WEXITSTATUS(status), 5);
    EXPECT_EQ(usr1_count, 0);
}

CASE(clone, parent_flag_makes_a_sibling)
{
    static struct world w = {.body = set_value};
    int report[2];
    pid_t pid, sibling;
    OK(pipe(report));
    CHILD (pid) {
        sibling = spawn(&w, CLONE_PARENT | SIGCHLD, NULL, NULL);
        EXPECT_ERR(waitpid(sibling, NULL, 0), ECHILD);
        OK(write(report[1], &sibling, sizeof(sibling)));
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(read(report[0], &sibling, sizeof(sibling)), sizeof(sibling));
    EXPECT_EXIT(sibling, 5);
}

static int ignore_usr2(struct world *w)
{
    (void)w;
    signal(SIGUSR2, SIG_IGN);
    return 0;
}

CASE(clone, sighand_flag_shares_dispositions)
{
    struct world w = {.body = ignore_usr2};
    struct sigaction sa;
    EXPECT_EXIT(spawn(&w, CLONE_VM | SIGCHLD, NULL, NULL), 0);
    OK(sigaction(SIGUSR2, NULL, &sa));
    EXPECT(sa.sa_handler == SIG_DFL);
    EXPECT_EXIT(spawn(&w, CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL, NULL), 0);
    OK(sigaction(SIGUSR2, NULL, &sa));
    EXPECT(sa.sa_handler == SIG_IGN);
}

CASE(clone, raw_call_without_stack_is_fork)
{
    int here = 1;
    pid_t pid = (pid_t)OK(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    if (pid == 0) {
        here++;
        _exit(here);
    }
    EXPECT_EXIT(pid, 2);
    EXPECT_EQ(here, 1);
}

CASE(clone, bad_parent_tid_pointer_is_survived)
{
    /* Linux ignores a fault on the tid pointers; the child must still be whole */
    long pid = syscall(SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, 0, BAD, 0, 0);
    if (pid == 0)
        _exit(3);
    EXPECT(pid > 0 || errno == EFAULT);
    if (pid > 0)
        EXPECT_EXIT((pid_t)pid, 3);
}

CASE(clone, set_tid_address_returns_the_tid)
{
    static pid_t word;
    pid_t pid;
    CHILD (pid) {
        EXPECT_EQ(syscall(SYS_set_tid_address, &word), getpid());
    }
    EXPECT_EXIT(pid, 0);
}

CASE(clone, clone3_makes_a_child)
{
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    } args = {.exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        _exit(12);
    if (pid < 0 && errno == ENOSYS)
        SKIP("no clone3 (the C library then uses clone)");
    OK(pid);
    EXPECT_EXIT((pid_t)pid, 12);
    EXPECT_ERR(syscall(SYS_clone3, &args, 8), EINVAL);
}
