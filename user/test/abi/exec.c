// SPDX-License-Identifier: MIT
/* execve: what a new program is given, what it keeps of the old one, and when it is refused. */
#include "abi.h"

#include <elf.h>
#include <sys/prctl.h>
#include <sys/time.h>

extern char **environ;

/* Fork and execute this binary with the given arguments; returns the child. */
#define EXEC_SELF(...)                                     \
    ({                                                     \
        char *exec_argv[] = {abi_self, __VA_ARGS__, NULL}; \
        pid_t exec_pid;                                    \
        CHILD (exec_pid) {                                 \
            execv(abi_self, exec_argv);                    \
            FAIL("execv: %s", abi_errno_name(errno));      \
        }                                                  \
        exec_pid;                                          \
    })

HELPER(exit)
{
    return argc == 1 ? atoi(argv[0]) : 1;
}

/* Exits 0 when its arguments are "a", "", "c d" and its environment is X=1, Y=. */
HELPER(check_args)
{
    bool args = argc == 3 && !strcmp(argv[0], "a") && !strcmp(argv[1], "") &&
                !strcmp(argv[2], "c d") && !argv[3];
    bool env = environ[0] && !strcmp(environ[0], "X=1") && environ[1] &&
               !strcmp(environ[1], "Y=") && !environ[2];
    return (args ? 0 : 1) | (env ? 0 : 2);
}

CASE(exec, passes_arguments_and_environment)
{
    pid_t pid;
    CHILD (pid) {
        char *argv[] = {"name", "@check_args", "a", "", "c d", NULL};
        char *envp[] = {"X=1", "Y=", NULL};
        execve(abi_self, argv, envp);
    }
    EXPECT_EXIT(pid, 0);
}

CASE(exec, keeps_the_pid)
{
    char want[32];
    pid_t pid;
    CHILD (pid) {
        snprintf(want, sizeof(want), "%d", getpid());
        execl(abi_self, abi_self, "@check_pid", want, NULL);
    }
    EXPECT_EXIT(pid, 0);
}

HELPER(check_pid)
{
    return argc == 1 && getpid() == atoi(argv[0]) && syscall(SYS_gettid) == getpid() ? 0 : 1;
}

/* Exit status: the sum of the lengths of all arguments and environment strings, in KiB. */
HELPER(measure)
{
    size_t sum = 0;
    for (int i = 0; i < argc; i++)
        sum += strlen(argv[i]);
    for (char **e = environ; *e; e++)
        sum += strlen(*e);
    return (int)(sum >> 14);
}

static char *long_string(size_t len)
{
    char *s = malloc(len + 1);
    memset(s, 'x', len);
    s[len] = '\0';
    return s;
}

CASE(exec, takes_a_megabyte_of_arguments)
{
    char *argv[13] = {abi_self, "@measure"}, *envp[1] = {NULL};
    pid_t pid;
    for (int i = 2; i < 12; i++)
        argv[i] = long_string(100 << 10);
    CHILD (pid) {
        execve(abi_self, argv, envp);
        FAIL("execve: %s", abi_errno_name(errno));
    }
    EXPECT_EXIT(pid, (10 * 100) >> 4);
}

CASE(exec, string_over_128k_is_e2big)
{
    char *fits[] = {abi_self, "@measure", long_string(131071), NULL};
    char *big[] = {abi_self, "@measure", long_string(131072), NULL};
    char *envp[] = {NULL};
    pid_t pid;
    EXPECT_ERR(execve(abi_self, big, envp), E2BIG);
    EXPECT_ERR(execve(abi_self, fits, big), E2BIG);
    CHILD (pid) {
        execve(abi_self, fits, envp);
    }
    EXPECT_EXIT(pid, 131071 >> 14);
}

CASE(exec, total_over_a_quarter_of_the_stack_limit_is_e2big)
{
    char *argv[32] = {abi_self, "@measure"}, *envp[] = {NULL};
    for (int i = 2; i < 31; i++)
        argv[i] = long_string(100 << 10); /* 2.9 MB, against 8 MiB / 4 */
    EXPECT_ERR(execve(abi_self, argv, envp), E2BIG);
}

CASE(exec, thousands_of_small_arguments)
{
    enum { N = 8000 };
    static char *argv[N + 3];
    pid_t pid;
    argv[0] = abi_self;
    argv[1] = "@check_count";
    for (int i = 2; i < N + 2; i++)
        argv[i] = "arg";
    CHILD (pid) {
        execv(abi_self, argv);
        FAIL("execv: %s", abi_errno_name(errno));
    }
    EXPECT_EXIT(pid, N / 100);
}

HELPER(check_count)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "arg") != 0)
            return 1;
    }
    return argc / 100;
}

static void try_exec(const char *path, int want)
{
    char *argv[] = {(char *)path, NULL}, *envp[] = {NULL};
    int got = execve(path, argv, envp) == -1 ? errno : 0;
    if (got != want)
        FAIL("execve(%s): expected %s, came %s", path, abi_errno_name(want), abi_errno_name(got));
}

CASE(exec, refusals_by_path)
{
    char name[PATH_MAX + 8];
    make_file("plain", 0644);
    OK(mkdir("dir", 0755));
    OK(symlink("loop", "loop"));
    try_exec("missing", ENOENT);
    try_exec("", ENOENT);
    try_exec("plain", EACCES); /* root as well */
    try_exec("dir", EACCES);
    try_exec("plain/below", ENOTDIR);
    try_exec("loop", ELOOP);
    memset(name, 'n', sizeof(name));
    name[300] = '\0';
    try_exec(name, ENAMETOOLONG);
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    try_exec(name, ENAMETOOLONG);
}

static void make_program(const char *path, const void *data, size_t len)
{
    write_file(path, data, len);
    OK(chmod(path, 0755));
}

CASE(exec, refuses_what_is_no_program)
{
    char head[4096];
    int fd = (int)OK(open(abi_self, O_RDONLY));
    EXPECT_EQ(read(fd, head, sizeof(head)), (ssize_t)sizeof(head));

    make_program("empty", "", 0);
    make_program("text", "just words\n", 11);
    make_program("magic", head, 4);
    make_program("half_header", head, 30);
    try_exec("empty", ENOEXEC);
    try_exec("text", ENOEXEC);
    try_exec("magic", ENOEXEC);
    try_exec("half_header", ENOEXEC);
    Elf64_Ehdr *eh = (Elf64_Ehdr *)head;
    eh->e_machine ^= 0x55;
    make_program("machine", head, sizeof(head));
    try_exec("machine", ENOEXEC);
    eh->e_machine ^= 0x55;
    eh->e_type = ET_REL;
    make_program("object", head, sizeof(head));
    try_exec("object", ENOEXEC);
    eh->e_type = ET_EXEC;
    eh->e_phentsize = 7;
    make_program("phentsize", head, sizeof(head));
    try_exec("phentsize", ENOEXEC);
    eh->e_phentsize = sizeof(Elf64_Phdr);
    eh->e_phnum = 0;
    make_program("no_headers", head, sizeof(head));
    try_exec("no_headers", ENOEXEC);
}

CASE(exec, failure_leaves_the_process_whole)
{
    char *argv[] = {"x", NULL};
    int fd = (int)OK(open("/dev/null", O_RDONLY | O_CLOEXEC));
    char *page = map_anon(page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE);
    page[0] = 7;
    make_program("text", "words\n", 6);
    for (int i = 0; i < 50; i++)
        EXPECT_ERR(execv("./text", argv), ENOEXEC);
    EXPECT_EQ(page[0], 7);
    OK(fcntl(fd, F_GETFD));
}

CASE(exec, bad_pointers_are_efault)
{
    for (int i = 0; i < BAD_POINTERS; i++) {
        char *bad = bad_pointer(i);
        char *argv[] = {abi_self, bad, NULL};
        EXPECT_ERR(syscall(SYS_execve, bad, argv, NULL), EFAULT);
        EXPECT_ERR(syscall(SYS_execve, abi_self, bad, NULL), EFAULT);
        EXPECT_ERR(syscall(SYS_execve, abi_self, argv, NULL), EFAULT);
        argv[1] = NULL;
        EXPECT_ERR(syscall(SYS_execve, abi_self, argv, bad), EFAULT);
    }
}

/* Exits with the bits of descriptors 50..55 that are open. */
HELPER(open_fds)
{
    int bits = 0;
    (void)argc;
    (void)argv;
    for (int i = 0; i < 6; i++)
        bits |= fcntl(50 + i, F_GETFD) >= 0 ? 1 << i : 0;
    return bits;
}

CASE(exec, closes_close_on_exec_descriptors_only)
{
    OK(dup2(0, 50));
    OK(dup3(0, 51, O_CLOEXEC));
    OK(fcntl(0, F_DUPFD_CLOEXEC, 52));
    OK(fcntl(0, F_DUPFD, 53));
    OK(dup2(0, 54));
    OK(fcntl(54, F_SETFD, FD_CLOEXEC));
    OK(dup2(51, 55)); /* a duplicate loses the flag */
    EXPECT_EXIT(EXEC_SELF("@open_fds"), 1 | 8 | 32);
    OK(fcntl(51, F_GETFD)); /* the parent keeps all */
}

HELPER(signal_state)
{
    struct sigaction sa;
    sigset_t set;
    int bits = 0;
    (void)argc;
    (void)argv;
    sigaction(SIGUSR1, NULL, &sa);
    bits |= sa.sa_handler == SIG_DFL ? 1 : 0;
    sigaction(SIGUSR2, NULL, &sa);
    bits |= sa.sa_handler == SIG_IGN ? 2 : 0;
    sigprocmask(SIG_BLOCK, NULL, &set);
    bits |= sigismember(&set, SIGTERM) && !sigismember(&set, SIGUSR1) ? 4 : 0;
    sigpending(&set);
    bits |= sigismember(&set, SIGTERM) && !sigismember(&set, SIGUSR1) ? 8 : 0;
    return bits;
}

static void do_nothing(int sig)
{
    (void)sig;
}

CASE(exec, resets_handlers_keeps_ignored_mask_and_pending)
{
    pid_t pid;
    CHILD (pid) {
        sigset_t set;
        on_signal(SIGUSR1, do_nothing, 0);
        on_signal(SIGUSR2, SIG_IGN, 0);
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        OK(sigprocmask(SIG_BLOCK, &set, NULL));
        OK(raise(SIGTERM));
        execl(abi_self, abi_self, "@signal_state", NULL);
    }
    EXPECT_EXIT(pid, 15);
}

HELPER(surroundings)
{
    struct itimerval it;
    char cwd[PATH_MAX];
    int bits = 0;
    stack_t ss;
    bits |= argc == 1 && getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, argv[0]) ? 1 : 0;
    bits |= umask(0) == 027 ? 2 : 0;
    bits |= getitimer(ITIMER_REAL, &it) == 0 && it.it_value.tv_sec > 100 ? 4 : 0;
    bits |= sigaltstack(NULL, &ss) == 0 && ss.ss_flags == SS_DISABLE ? 8 : 0;
    return bits;
}

CASE(exec, keeps_cwd_umask_and_timer_drops_alternate_stack)
{
    struct itimerval it = {{0, 0}, {1000, 0}};
    char cwd[PATH_MAX];
    stack_t ss = {.ss_sp = malloc(65536), .ss_size = 65536};
    pid_t pid;
    EXPECT(getcwd(cwd, sizeof(cwd)));
    CHILD (pid) {
        umask(027);
        OK(setitimer(ITIMER_REAL, &it, NULL));
        OK(sigaltstack(&ss, NULL));
        execl(abi_self, abi_self, "@surroundings", cwd, NULL);
    }
    EXPECT_EXIT(pid, 15);
}

HELPER(check_name)
{
    char name[17] = "";
    prctl(PR_GET_NAME, name);
    return argc == 1 && !strcmp(name, argv[0]) ? 0 : 1;
}

CASE(exec, names_the_process_after_the_file)
{
    pid_t pid;
    OK(symlink(abi_self, "a_rather_long_program_name"));
    CHILD (pid) {
        prctl(PR_SET_NAME, "before");
        execl("./a_rather_long_program_name", "other", "@check_name", "a_rather_long_p", NULL);
    }
    EXPECT_EXIT(pid, 0);
}

CASE(exec, follows_symlinks_and_relative_paths)
{
    pid_t pid;
    OK(mkdir("d", 0755));
    OK(symlink(abi_self, "d/link"));
    CHILD (pid) {
        execl("d/../d/link", "x", "@exit", "21", NULL);
    }
    EXPECT_EXIT(pid, 21);
}

CASE(exec, may_repeat_in_one_process)
{
    EXPECT_EXIT(EXEC_SELF("@countdown", "20"), 33);
}

HELPER(countdown)
{
    char left[16];
    int n = argc == 1 ? atoi(argv[0]) : -1;
    if (n <= 0)
        return n == 0 ? 33 : 1;
    snprintf(left, sizeof(left), "%d", n - 1);
    execl(abi_self, abi_self, "@countdown", left, NULL);
    return 2;
}

CASE(exec, needs_execute_permission_of_the_class)
{
    pid_t pid;
    NEED_ROOT();
    copy_file("/proc/self/exe", "prog", 0754);
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        try_exec("./prog", EACCES);
    }
    EXPECT_EXIT(pid, 0);
    OK(chmod("prog", 0711)); /* execute without read is enough */
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        execl("./prog", "prog", "@exit", "3", NULL);
    }
    EXPECT_EXIT(pid, 3);
}
