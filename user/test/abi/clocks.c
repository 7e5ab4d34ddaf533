// SPDX-License-Identifier: MIT
/* Clocks, sleeps and timers. Nothing here says how fast; only that nothing comes too early. */
#include "abi.h"

#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>

CASE(time, monotonic_never_goes_back)
{
    int64_t last = now_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < 20000; i++) {
        int64_t now = now_ns(CLOCK_MONOTONIC);
        if (now < last)
            FAIL("%lld after %lld", (long long)now, (long long)last);
        last = now;
    }
}

CASE(time, monotonic_agrees_between_processes)
{
    volatile int64_t *last = map_shared_page();
    pid_t pids[4];
    for (int i = 0; i < 4; i++) {
        CHILD (pids[i]) {
            for (int j = 0; j < 3000; j++) {
                int64_t before = __atomic_load_n(last, __ATOMIC_SEQ_CST);
                int64_t now = now_ns(CLOCK_MONOTONIC);
                EXPECT(now >= before);
                int64_t seen = before;
                if (now > seen)
                    __atomic_compare_exchange_n(last, &seen, now, 0, __ATOMIC_SEQ_CST,
                                                __ATOMIC_SEQ_CST);
            }
        }
    }
    for (int i = 0; i < 4; i++)
        EXPECT_EXIT(pids[i], 0);
}

CASE(time, clocks_exist_and_are_normal)
{
    static const clockid_t ids[] = {CLOCK_REALTIME,           CLOCK_MONOTONIC,
                                    CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
                                    CLOCK_MONOTONIC_RAW,      CLOCK_REALTIME_COARSE,
                                    CLOCK_MONOTONIC_COARSE,   CLOCK_BOOTTIME};
    struct timespec ts;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        OK(syscall(SYS_clock_gettime, ids[i], &ts));
        EXPECT(ts.tv_sec >= 0 && ts.tv_nsec >= 0 && ts.tv_nsec < 1000000000);
        OK(clock_getres(ids[i], &ts));
        EXPECT(ts.tv_sec == 0 && ts.tv_nsec > 0);
    }
    OK(clock_getres(CLOCK_MONOTONIC, NULL));
    EXPECT_ERR(syscall(SYS_clock_gettime, 99, &ts), EINVAL);
    EXPECT_ERR(syscall(SYS_clock_getres, 99, &ts), EINVAL);
}

CASE(time, realtime_is_this_century)
{
    struct timeval tv;
    struct timespec ts;
    OK(gettimeofday(&tv, NULL));
    OK(clock_gettime(CLOCK_REALTIME, &ts));
    EXPECT(tv.tv_usec >= 0 && tv.tv_usec < 1000000);
    EXPECT(ts.tv_sec > 1700000000);
    EXPECT(ts.tv_sec - tv.tv_sec >= 0);
    EXPECT(time(NULL) >= tv.tv_sec);
}

CASE(time, nanosleep_is_not_early)
{
    static const long ns[] = {0, 1, 1000, 1000000, 25000000};
    for (size_t i = 0; i < ARRAY_LEN(ns); i++) {
        struct timespec ts = {0, ns[i]};
        int64_t before = now_ns(CLOCK_MONOTONIC);
        OK(nanosleep(&ts, NULL));
        EXPECT(now_ns(CLOCK_MONOTONIC) - before >= ns[i]);
    }
    struct timespec bad = {0, 1000000000}, negative = {-1, 0};
    EXPECT_ERR(nanosleep(&bad, NULL), EINVAL);
    EXPECT_ERR(nanosleep(&negative, NULL), EINVAL);
}

CASE(time, clock_nanosleep_absolute)
{
    static const clockid_t ids[] = {CLOCK_MONOTONIC, CLOCK_REALTIME};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct timespec ts;
        OK(clock_gettime(ids[i], &ts));
        ts.tv_nsec += 20000000;
        if (ts.tv_nsec >= 1000000000) {
            ts.tv_nsec -= 1000000000;
            ts.tv_sec++;
        }
        EXPECT_EQ(clock_nanosleep(ids[i], TIMER_ABSTIME, &ts, NULL), 0);
        EXPECT(now_ns(ids[i]) >= (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
        ts.tv_sec = 1;
        EXPECT_EQ(clock_nanosleep(ids[i], TIMER_ABSTIME, &ts, NULL), 0); /* past: at once */
    }
    struct timespec ts = {0, 1};
    EXPECT_EQ(clock_nanosleep(99, 0, &ts, NULL), EINVAL);
    EXPECT_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0, -1}, NULL), EINVAL);
}

CASE(time, many_sleepers_all_wake)
{
    enum { N = 30 };
    pid_t pids[N];
    for (int i = 0; i < N; i++) {
        CHILD (pids[i]) {
            for (int j = 0; j < 5; j++) {
                int64_t before = now_ns(CLOCK_MONOTONIC);
                sleep_ms((i * 7 + j) % 13);
                EXPECT(now_ns(CLOCK_MONOTONIC) - before >= (i * 7 + j) % 13 * 1000000);
            }
        }
    }
    for (int i = 0; i < N; i++)
        EXPECT_EXIT(pids[i], 0);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int sig)
{
    (void)sig;
    alarms++;
}

CASE(time, real_timer_strikes_once)
{
    struct itimerval it = {{0, 0}, {0, 20000}}, old;
    int64_t before = now_ns(CLOCK_MONOTONIC);
    on_signal(SIGALRM, count_alarm, 0);
    OK(setitimer(ITIMER_REAL, &it, NULL));
    while (!alarms)
        sleep_ms(1);
    EXPECT(now_ns(CLOCK_MONOTONIC) - before >= 20000000);
    OK(getitimer(ITIMER_REAL, &old));
    EXPECT(old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0);
    sleep_ms(30);
    EXPECT_EQ(alarms, 1);
}

CASE(time, real_timer_repeats)
{
    int64_t before = now_ns(CLOCK_MONOTONIC);
    on_signal(SIGALRM, count_alarm, 0);
    tick_every(5);
    while (alarms < 8)
        pause();
    EXPECT(now_ns(CLOCK_MONOTONIC) - before >= 40000000);
}

CASE(time, setitimer_tells_the_old_and_disarms)
{
    struct itimerval it = {{7, 0}, {1000, 0}}, old;
    OK(setitimer(ITIMER_REAL, &it, NULL));
    it = (struct itimerval){{0, 0}, {0, 0}};
    OK(setitimer(ITIMER_REAL, &it, &old));
    EXPECT(old.it_value.tv_sec >= 900 && old.it_value.tv_sec <= 1000);
    EXPECT_EQ(old.it_interval.tv_sec, 7);
    OK(getitimer(ITIMER_REAL, &old));
    EXPECT(old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0);
    it.it_value.tv_usec = 1000000;
    EXPECT_ERR(setitimer(ITIMER_REAL, &it, NULL), EINVAL);
    EXPECT_ERR(syscall(SYS_setitimer, 9, &old, NULL), EINVAL);
    EXPECT_ERR(syscall(SYS_getitimer, 9, &old), EINVAL);
}

CASE(time, alarm_returns_what_was_left)
{
    EXPECT_EQ(alarm(1000), 0);
    unsigned left = alarm(0);
    EXPECT(left > 900 && left <= 1000);
    EXPECT_EQ(alarm(0), 0);
}

CASE(time, alarm_kills_by_default)
{
    pid_t pid;
    CHILD (pid) {
        struct itimerval it = {{0, 0}, {0, 10000}};
        OK(setitimer(ITIMER_REAL, &it, NULL));
        for (;;)
            pause();
    }
    EXPECT_KILLED(pid, SIGALRM);
}

CASE(time, cpu_time_grows_with_work_not_with_sleep)
{
    struct rusage ru;
    struct tms t;
    int64_t before = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    while (now_ns(CLOCK_PROCESS_CPUTIME_ID) - before < 30000000)
        ;
    OK(getrusage(RUSAGE_SELF, &ru));
    EXPECT(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec > 0 ||
           ru.ru_utime.tv_usec + ru.ru_stime.tv_usec >= 20000);
    EXPECT(times(&t) != (clock_t)-1);
    EXPECT(t.tms_utime + t.tms_stime >= 1);
    EXPECT_ERR(getrusage(77, &ru), EINVAL);
    OK(getrusage(RUSAGE_THREAD, &ru));
}

CASE(time, times_counts_hundredths)
{
    struct tms t;
    clock_t a = (clock_t)OK(times(&t));
    sleep_ms(60);
    clock_t b = (clock_t)OK(times(&t));
    EXPECT(b - a >= 5);
    EXPECT_EQ(sysconf(_SC_CLK_TCK), 100);
}

CASE(time, maxrss_is_told)
{
    struct rusage ru;
    memset(map_anon(4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE), 1, 4 << 20);
    OK(getrusage(RUSAGE_SELF, &ru));
    EXPECT(ru.ru_maxrss >= 4096); /* KiB */
    EXPECT(ru.ru_minflt > 0);
}
