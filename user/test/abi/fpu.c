// SPDX-License-Identifier: MIT
/* Floating-point state: it belongs to the thread, whoever else computes and whatever signals come. */
#include "abi.h"

#include <fenv.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>

/* A chaotic sequence: one lost or foreign register and the result is another. */
static double chaos(double seed, int rounds)
{
    double a = seed, b = seed * 1.5, c = seed / 3, d = seed + 0.25, e = 1 - seed, f = seed * seed;
    for (int i = 0; i < rounds; i++) {
        a = 3.9 * a * (1 - a);
        b = fabs(sin(b) * 1.3 + a);
        c = (c + a) * 0.4 + b * 0.1;
        d = sqrt(fabs(d - c) + 0.01);
        e = (e * 0.7 + d * 0.3) / 1.1;
        f = fma(f, 0.5, e * 0.25);
    }
    return a + b + c + d + e + f;
}

CASE(fpu, many_processes_compute_at_once)
{
    enum { N = 12, ROUNDS = 20000 };
    double want[N];
    pid_t pids[N];
    for (int i = 0; i < N; i++)
        want[i] = chaos(0.1 + i * 0.05, ROUNDS);
    for (int i = 0; i < N; i++) {
        CHILD (pids[i]) {
            for (int j = 0; j < 5; j++) {
                EXPECT(chaos(0.1 + i * 0.05, ROUNDS) == want[i]);
                sched_yield();
            }
        }
    }
    for (int i = 0; i < N; i++)
        EXPECT_EXIT(pids[i], 0);
}

static void *compute(void *arg)
{
    double *value = arg;
    *value = chaos(*value, 40000);
    return NULL;
}

CASE(fpu, many_threads_compute_at_once)
{
    enum { N = 8 };
    pthread_t t[N];
    double value[N];
    for (int i = 0; i < N; i++) {
        value[i] = 0.2 + i * 0.05;
        EXPECT_EQ(pthread_create(&t[i], NULL, compute, &value[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        pthread_join(t[i], NULL);
        EXPECT(value[i] == chaos(0.2 + i * 0.05, 40000));
    }
}

static volatile sig_atomic_t spoiled;
static volatile double sink;

static void spoil(int sig)
{
    double a = sig * 1.1, b = 2.2, c = 3.3, d = 4.4, e = 5.5, f = 6.6;
    for (int i = 0; i < 20; i++) {
        a += b * c;
        b -= d / 1.7;
        c *= 1.01 + e;
        d += f;
        e = e / 1.3 + a;
        f = -f;
    }
    sink = a + b + c + d + e + f;
    fesetround(FE_UPWARD);
    spoiled++;
}

CASE(fpu, handlers_do_not_spoil_the_interrupted_computation)
{
    double want = chaos(0.3, 100000);
    on_signal(SIGALRM, spoil, SA_RESTART);
    tick_every(2);
    for (int i = 0; i < 100 && spoiled < 20; i++) {
        EXPECT(chaos(0.3, 100000) == want);
        EXPECT_EQ(fegetround(), FE_TONEAREST);
    }
    while (spoiled == 0)
        sleep_ms(1);
    EXPECT(chaos(0.3, 100000) == want);
}

CASE(fpu, synchronous_handler_restores_registers)
{
    double a = 1.25, b = 2.5, c = 5.125;
    on_signal(SIGUSR1, spoil, 0);
    __asm__ volatile("" : "+m"(a), "+m"(b), "+m"(c));
    double x = a * b, y = b * c, z = a + c;
    for (int i = 0; i < 1000; i++) {
        kill(getpid(), SIGUSR1);
        x += 1;
        y += x;
        z -= 0.5;
    }
    EXPECT(x == 1.25 * 2.5 + 1000);
    EXPECT(z == 1.25 + 5.125 - 500);
    EXPECT(y == 2.5 * 5.125 + 1000 * 3.125 + 1000 * 1001 / 2.0);
    EXPECT_EQ(fegetround(), FE_TONEAREST);
}

CASE(fpu, rounding_mode_is_inherited_by_fork)
{
    pid_t pid;
    OK(fesetround(FE_DOWNWARD));
    CHILD (pid) {
        EXPECT_EQ(fegetround(), FE_DOWNWARD);
        fesetround(FE_UPWARD);
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(fegetround(), FE_DOWNWARD);
}

HELPER(rounding)
{
    (void)argc;
    (void)argv;
    volatile double zero = 0;
    return fegetround() == FE_TONEAREST && !fetestexcept(FE_ALL_EXCEPT) && zero == 0 ? 0 : 1;
}

CASE(fpu, exec_starts_with_a_clean_state)
{
    pid_t pid;
    CHILD (pid) {
        fesetround(FE_UPWARD);
        feraiseexcept(FE_INEXACT | FE_OVERFLOW);
        execl(abi_self, abi_self, "@rounding", NULL);
    }
    EXPECT_EXIT(pid, 0);
}

static pthread_barrier_t barrier;

static void *own_rounding(void *arg)
{
    int mode = *(int *)arg;
    fesetround(mode);
    for (int i = 0; i < 50; i++) {
        pthread_barrier_wait(&barrier);
        EXPECT_EQ(fegetround(), mode);
    }
    return NULL;
}

CASE(fpu, rounding_mode_is_per_thread)
{
    static int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    pthread_t t[4];
    pthread_barrier_init(&barrier, NULL, 4);
    for (int i = 0; i < 4; i++)
        EXPECT_EQ(pthread_create(&t[i], NULL, own_rounding, &modes[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    EXPECT_EQ(fegetround(), FE_TONEAREST);
}

CASE(fpu, registers_survive_calls_that_sleep)
{
    double want = 0, got = 0;
    pid_t noise;
    CHILD (noise) {
        for (;;)
            sink = chaos(0.77, 1000);
    }
    for (int i = 0; i < 30; i++) {
        double x = i * 1.0625;
        __asm__ volatile("" : "+m"(x));
        double y = x * x - 1, z = x / 3;
        sleep_ms(1);
        got += y - z;
        want += (i * 1.0625) * (i * 1.0625) - 1 - (i * 1.0625) / 3;
    }
    EXPECT(got == want);
    OK(kill(noise, SIGKILL));
}

#if defined(__riscv)
CASE(fpu, all_thirty_two_registers_survive_switches)
{
    pid_t pids[4];
    for (int p = 0; p < 4; p++) {
        CHILD (pids[p]) {
            for (int round = 0; round < 200; round++) {
                double in[32], out[32];
                for (int i = 0; i < 32; i++)
                    in[i] = p * 1000 + round + i / 64.0;
                register double *src __asm__("a1") = in;
                register double *dst __asm__("a2") = out;
                register long nr __asm__("a7") = SYS_sched_yield;
/* It never comes to rest here. */
/* clang-format off */
#define EACH(X)                                                       \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10)           \
    X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20)       \
    X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
/* clang-format on */
#define LOAD(n)  "fld f" #n ", " #n "*8(a1)\n"
#define STORE(n) "fsd f" #n ", " #n "*8(a2)\n"
                __asm__ volatile(EACH(LOAD) "ecall\n" EACH(STORE)
                                 :
                                 : "r"(src), "r"(dst), "r"(nr)
                                 : "memory", "a0", "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6",
                                   "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
                                   "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8",
                                   "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11");
                EXPECT(memcmp(in, out, sizeof(in)) == 0);
            }
        }
    }
    for (int p = 0; p < 4; p++)
        EXPECT_EXIT(pids[p], 0);
}
#endif
