// SPDX-License-Identifier: MIT
/* The system about itself: names, limits, scheduling calls, random bytes, and unknown calls. */
#include "abi.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

CASE(system, unknown_calls_are_enosys)
{
    static const long numbers[] = {1000, 2047, 99999, -1, LONG_MAX};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        EXPECT_ERR(syscall(numbers[i], 0, 0, 0, 0, 0, 0), ENOSYS);
}

CASE(system, uname_names_a_linux)
{
    struct utsname u;
    int major = 0;
    OK(uname(&u));
    EXPECT_STR(u.sysname, "Linux");
    EXPECT(sscanf(u.release, "%d.", &major) == 1 && major >= 5);
    EXPECT(u.nodename[0] && u.version[0]);
#if defined(__riscv)
    EXPECT_STR(u.machine, "riscv64");
#endif
}

CASE(system, sysinfo_is_plausible)
{
    struct sysinfo si;
    OK(sysinfo(&si));
    EXPECT(si.mem_unit > 0 && si.totalram > 0);
    EXPECT(si.freeram <= si.totalram);
    EXPECT(si.uptime >= 0 && si.procs >= 1);
}

CASE(system, page_size_and_cpus)
{
    EXPECT_EQ(page_size(), 4096);
    EXPECT(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
}

CASE(system, getrandom_fills)
{
    unsigned char a[256] = {0}, b[256] = {0};
    int zeros = 0;
    EXPECT_EQ(syscall(SYS_getrandom, a, sizeof(a), 0), 256);
    EXPECT_EQ(syscall(SYS_getrandom, b, sizeof(b), 1), 256); /* GRND_NONBLOCK */
    EXPECT(memcmp(a, b, sizeof(a)) != 0);
    for (int i = 0; i < 256; i++)
        zeros += a[i] == 0;
    EXPECT(zeros < 20);
    EXPECT_EQ(syscall(SYS_getrandom, a, 0, 0), 0);
    EXPECT_ERR(syscall(SYS_getrandom, a, 1, 0x100), EINVAL);
    char *big = malloc(100000);
    EXPECT_EQ(syscall(SYS_getrandom, big, 100000, 0), 100000);
}

CASE(system, rlimits_are_set_and_told)
{
    struct rlimit rl, got;
    OK(getrlimit(RLIMIT_NOFILE, &rl));
    EXPECT(rl.rlim_cur >= 256 && rl.rlim_cur <= rl.rlim_max);
    rl.rlim_cur = 100;
    OK(setrlimit(RLIMIT_NOFILE, &rl));
    OK(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &got));
    EXPECT(got.rlim_cur == 100 && got.rlim_max == rl.rlim_max);
    rl.rlim_cur = 50;
    OK(syscall(SYS_prlimit64, getpid(), RLIMIT_NOFILE, &rl, &got)); /* old and new at once */
    EXPECT_EQ(got.rlim_cur, 100);
    rl.rlim_cur = 51;
    rl.rlim_max = 50;
    EXPECT_ERR(setrlimit(RLIMIT_NOFILE, &rl), EINVAL);
    EXPECT_ERR(getrlimit(99, &rl), EINVAL);
    for (int i = 0; i < 16; i++)
        OK(getrlimit(i, &rl));
    OK(getrlimit(RLIMIT_STACK, &rl));
    EXPECT(rl.rlim_cur >= 1 << 20);
}

CASE(system, rlimits_are_inherited_and_kept_by_exec)
{
    struct rlimit rl;
    pid_t pid;
    OK(getrlimit(RLIMIT_NOFILE, &rl));
    rl.rlim_cur = 77;
    OK(setrlimit(RLIMIT_NOFILE, &rl));
    CHILD (pid) {
        execl(abi_self, abi_self, "@nofile", NULL);
    }
    EXPECT_EXIT(pid, 77);
}

HELPER(nofile)
{
    struct rlimit rl = {0, 0};
    (void)argc;
    (void)argv;
    getrlimit(RLIMIT_NOFILE, &rl);
    return (int)rl.rlim_cur;
}

CASE(system, hard_limit_rises_only_for_root)
{
    struct rlimit rl;
    pid_t pid;
    NEED_ROOT();
    OK(getrlimit(RLIMIT_NOFILE, &rl));
    CHILD (pid) {
        rl.rlim_cur = rl.rlim_max = 60;
        OK(setrlimit(RLIMIT_NOFILE, &rl));
        become_user(TEST_UID, TEST_GID);
        rl.rlim_max = 61;
        EXPECT_ERR(setrlimit(RLIMIT_NOFILE, &rl), EPERM);
    }
    EXPECT_EXIT(pid, 0);
}

CASE(system, sched_yield_lets_others_run)
{
    volatile int *turn = map_shared_page();
    pid_t pid;
    CHILD (pid) {
        for (int i = 0; i < 500; i++) {
            while (*turn != 1)
                OK(sched_yield());
            *turn = 0;
        }
    }
    for (int i = 0; i < 500; i++) {
        *turn = 1;
        while (*turn != 0)
            OK(sched_yield());
    }
    EXPECT_EXIT(pid, 0);
}

CASE(system, affinity_and_getcpu)
{
    unsigned long mask[16] = {0};
    unsigned cpu = ~0u, node = ~0u;
    long n = OK(syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask));
    EXPECT(n >= 8 && n % 8 == 0);
    EXPECT(mask[0] != 0);
    OK(syscall(SYS_getcpu, &cpu, &node, NULL));
    EXPECT(cpu < 1024 && node < 64);
    EXPECT(mask[cpu / 64] >> (cpu % 64) & 1);
    EXPECT_ERR(syscall(SYS_sched_getaffinity, 0, 3, mask), EINVAL);
    EXPECT_ERR(syscall(SYS_sched_getaffinity, 0x3ffffff, sizeof(mask), mask), ESRCH);
}

CASE(system, prctl_names_the_thread)
{
    char name[17] = "";
    OK(prctl(PR_SET_NAME, "a name over fifteen bytes"));
    OK(prctl(PR_GET_NAME, name));
    EXPECT_STR(name, "a name over fif");
    EXPECT_ERR(prctl(9999, 0, 0, 0, 0), EINVAL);
}

CASE(system, busy_processes_all_make_progress)
{
    enum { N = 8 };
    volatile long *count = map_shared_page();
    pid_t pids[N];
    for (int i = 0; i < N; i++) {
        CHILD (pids[i]) {
            for (;;)
                count[i]++;
        }
    }
    for (int i = 0; i < N; i++) {
        while (count[i] == 0)
            sleep_ms(1);
    }
    for (int i = 0; i < N; i++) {
        OK(kill(pids[i], SIGKILL));
        EXPECT_KILLED(pids[i], SIGKILL);
    }
}

CASE(system, reboot_needs_root)
{
    pid_t pid;
    NEED_ROOT();
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        EXPECT_ERR(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL), EPERM);
        EXPECT_ERR(syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL), EPERM);
        EXPECT_ERR(syscall(SYS_umount2, "/", 0), EPERM);
        EXPECT_ERR(syscall(SYS_clock_settime, CLOCK_REALTIME, &(struct timespec){1, 0}), EPERM);
    }
    EXPECT_EXIT(pid, 0);
}
