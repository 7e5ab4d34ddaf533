// SPDX-License-Identifier: MIT
/* Kernel stacks: how deep one has been is told to within a frame or so, a new task's stack has
 * never been used, and who goes below the last quarter is named. */
#include "kernel/base/printk.h"
#include "kernel/base/selftest.h"
#include "kernel/task/kthread.h"
#include "kernel/task/sched.h"
#include "kernel/task/stack_depth.h"
#include "kernel/task/task.h"
#include "mm/debug/test/planted.h"
#include "port/memory.h"

#define FRAME_BYTES 200u
#define PAINT_BYTES 64u /* from one painted word to the next */
#define PATIENCE_NS 30000000000ull

static size_t depth_here(void)
{
    return stack_depth((const void *)task_current()->thread.stack);
}

/* Uses the stack down to a number of bytes from its top, and comes back. */
static __attribute__((noinline)) unsigned dig(size_t wanted_bytes)
{
    volatile unsigned char mud[FRAME_BYTES];
    size_t here = KERNEL_STACK_SIZE - ((uint64_t)mud - task_current()->thread.stack);
    unsigned sum = 0;

    for (unsigned i = 0; i < FRAME_BYTES; i++) {
        mud[i] = (unsigned char)(i | 1);
    }
    if (here < wanted_bytes) {
        sum = dig(wanted_bytes);
    }
    return sum + mud[here % FRAME_BYTES]; /* no tail call: the frame is needed */
}

struct digging {
    size_t wanted_bytes;
    size_t before_bytes, after_bytes;
    _Atomic uint32_t is_done;
};

static void dig_and_look(void *arg)
{
    struct digging *digging = arg;

    digging->before_bytes = depth_here();
    (void)dig(digging->wanted_bytes);
    digging->after_bytes = depth_here();
    atomic_store_explicit(&digging->is_done, 1, memory_order_release);
}

static void run(struct digging *digging)
{
    uint64_t deadline_ns = port_clock_ns() + PATIENCE_NS;
    struct task *task = kthread_create("digger", dig_and_look, digging);

    CHECK(task != NULL);
    if (task == NULL) {
        return;
    }
    sched_start_task(task);
    while (atomic_load_explicit(&digging->is_done, memory_order_acquire) == 0 &&
           port_clock_ns() < deadline_ns) {
        port_yield();
    }
    CHECK(atomic_load(&digging->is_done) == 1);
}

/* The log names the task when its thread has ended and been cleared away, if no tick did before. */
static bool is_named_soon(void)
{
    uint64_t deadline_ns = port_clock_ns() + PATIENCE_NS;
    bool is_named = planted_said("stack: digger[");

    while (!is_named && port_clock_ns() < deadline_ns) {
        struct digging shallow = {.wanted_bytes = 0}; /* threads that are made clear away others */
        run(&shallow);
        is_named = planted_said("stack: digger[");
    }
    return is_named;
}

SELFTEST(stack_depth_is_that_of_the_deepest_call)
{
    static const size_t wanted[] = {0, 3000, 6000, 9000, 5000, 0};

    planted_listen();
    for (size_t i = 0; i < array_size(wanted); i++) {
        struct digging digging = {.wanted_bytes = wanted[i]};
        run(&digging);
        /* whoever had the stack before has left no trace */
        CHECK(digging.before_bytes > 0 && digging.before_bytes < 3000);
        CHECK(digging.after_bytes + PAINT_BYTES >= wanted[i]);
        CHECK(digging.after_bytes <= max_of(wanted[i] + 2 * FRAME_BYTES, (size_t)3000));
    }
    CHECK(!planted_said("stack: digger["));
}

SELFTEST(stack_depth_beyond_three_quarters_is_logged_once)
{
    struct digging digging = {.wanted_bytes = KERNEL_STACK_SIZE / 4 * 3 + 3 * FRAME_BYTES};

    planted_listen();
    run(&digging);
    CHECK(digging.after_bytes > KERNEL_STACK_SIZE / 4 * 3);
    CHECK(is_named_soon());
    CHECK(planted_said("bytes of its kernel stack"));
}
