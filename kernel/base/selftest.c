// SPDX-License-Identifier: MIT
/* The runner of the in-kernel self-tests.
 *
 * The linker gathers the entries that SELFTEST() makes, between two symbols; the plain kernel has none of them.
 * Each case runs in a thread of its own while the runner waits for it with a deadline, so that a case that
 * hangs is reported by name, counted as failed, and left behind: the others still run. */
#include "kernel/base/selftest.h"
#include "kernel/base/atomic.h"
#include "kernel/base/printk.h"

/* The linker script's. */
extern const struct selftest selftests_start[];
extern const struct selftest selftests_end[];

enum { MAX_LEFT_BEHIND = 8 };

#define CASE_LIMIT_NS (120ull * 1000 * 1000 * 1000)

struct running_case {
    const struct selftest *test;
    struct task *runner;
    _Atomic uint32_t is_done;
};

static _Atomic uint32_t nr_case_failures; /* [a] of the running case */

void selftest_fail(const char *file, int line, const char *format, ...)
{
    char text[160];
    va_list args;

    va_start(args, format);
    kvsnprintf(text, sizeof(text), format, args);
    va_end(args);
    atomic_fetch_add_explicit(&nr_case_failures, 1, memory_order_relaxed);
    pr_err("selftest: %s:%d: %s", file, line, text);
}

static void case_thread(void *arg)
{
    struct running_case *running = arg;
    struct task *runner = running->runner;

    running->test->run();
    /* The last access: the runner may go on to its next case. */
    store_release(&running->is_done, 1);
    (void)port_wake(runner);
}

/* Returns whether the case ended in time. */
static bool wait_for_case(struct running_case *running)
{
    uint64_t deadline_ns = port_clock_ns() + CASE_LIMIT_NS;
    int error = 0;
    bool is_done;

    for (;;) {
        port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
        is_done = load_acquire(&running->is_done) != 0;
        if (is_done || error != 0) {
            break;
        }
        error = port_block(deadline_ns);
    }
    port_block_cancel();
    return is_done;
}

/* Returns whether the case passed. */
static bool run_case(const struct selftest *test)
{
    /* Not on the stack: a case that is left behind still has it. Then the next ones take another. */
    static struct running_case cases[MAX_LEFT_BEHIND + 1];
    static unsigned nr_left_behind;
    struct running_case *mine = &cases[nr_left_behind];
    uint64_t start_ns = port_clock_ns();

    *mine = (struct running_case){.test = test, .runner = port_self()};
    store_relaxed(&nr_case_failures, 0);
    if (port_spawn(test->name, case_thread, mine) == NULL) {
        pr_err("selftest: %s: FAILED (no memory for its thread)", test->name);
        return false;
    }
    if (!wait_for_case(mine)) {
        nr_left_behind = min_of(nr_left_behind + 1, (unsigned)MAX_LEFT_BEHIND);
        pr_err("selftest: %s: FAILED (does not end)", test->name);
        return false;
    }
    bool has_passed = load_relaxed(&nr_case_failures) == 0;
    printk(has_passed ? LOG_INFO : LOG_ERR, "selftest: %s: %s (%llu us)", test->name,
           has_passed ? "ok" : "FAILED", (unsigned long long)(port_clock_ns() - start_ns) / 1000);
    return has_passed;
}

unsigned selftest_run_all(void)
{
    unsigned nr_passed = 0;
    unsigned nr_failed = 0;

    for (const struct selftest *test = selftests_start; test < selftests_end; test++) {
        if (run_case(test)) {
            nr_passed++;
        } else {
            nr_failed++;
        }
    }
    pr_notice("selftest: %u passed, %u failed", nr_passed, nr_failed);
    return nr_failed;
}
