// SPDX-License-Identifier: MIT
/* Tasks on the host: a pthread with a mutex and a condition to block on.
 *
 * Blocking follows the protocol of port.h. `is_prepared` and `is_woken` change only under the task's mutex, so a wake
 * after the preparation is never lost. Records are never freed, only used again: a waker may hold a pointer to a
 * task that has just ended, which here finds a record that is not prepared. */
#include "tools/host/host_internal.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"

struct task {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_prepared;          /* [lock] */
    bool is_woken;             /* [lock] since it was prepared */
    bool has_signal;           /* [lock] */
    bool has_fatal_signal;     /* [lock] */
    enum port_block_mode mode; /* [lock] */
    struct task *next;         /* [records_lock] in the list of all */
    bool is_used;              /* [records_lock] */
};

static pthread_mutex_t records_lock = PTHREAD_MUTEX_INITIALIZER;
static struct task *records; /* [records_lock] */

static struct task *new_record(void)
{
    struct task *task = calloc(1, sizeof(*task));
    pthread_condattr_t attributes;

    if (task == NULL) {
        abort();
    }
    pthread_mutex_init(&task->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&task->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    task->next = records;
    records = task;
    return task;
}

void host_make_task(void)
{
    struct task *task;

    host_note_thread();
    pthread_mutex_lock(&records_lock);
    for (task = records; task != NULL && task->is_used; task = task->next) {
    }
    if (task == NULL) {
        task = new_record();
    }
    task->is_used = true;
    pthread_mutex_unlock(&records_lock);
    host_signal_clear(task);
    host_thread.task = task;
}

void host_drop_task(void)
{
    if (host_thread.task != NULL) {
        pthread_mutex_lock(&records_lock);
        host_thread.task->is_used = false;
        pthread_mutex_unlock(&records_lock);
        host_thread.task = NULL;
    }
}

/* ---- Blocking ---------------------------------------------------------------------------------- */

void port_block_prepare(enum port_block_mode mode)
{
    struct task *self = port_self();

    pthread_mutex_lock(&self->lock);
    self->is_prepared = true;
    self->is_woken = false;
    self->mode = mode;
    pthread_mutex_unlock(&self->lock);
    fence_full(); /* prepared before the caller looks at its condition */
}

void port_block_cancel(void)
{
    struct task *self = port_self();

    pthread_mutex_lock(&self->lock);
    self->is_prepared = false;
    pthread_mutex_unlock(&self->lock);
}

/* Whether a signal ends this wait. Caller holds the lock. */
static bool is_interrupted(const struct task *task)
{
    switch (task->mode) {
    case PORT_BLOCK_INTERRUPTIBLE: return task->has_signal || task->has_fatal_signal;
    case PORT_BLOCK_KILLABLE: return task->has_fatal_signal;
    default: return false;
    }
}

/* Sleep until something changes, the deadline, or, under a fake clock, a moment to look at it again. */
static void sleep_some(struct task *self, uint64_t deadline_ns)
{
    uint64_t until_ns = deadline_ns;
    struct timespec until;

    if (deadline_ns == PORT_NO_DEADLINE) {
        pthread_cond_wait(&self->changed, &self->lock);
        return;
    }
    if (host_clock_is_fake()) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        until_ns = (uint64_t)until.tv_sec * 1000000000 + (uint64_t)until.tv_nsec + 1000000;
    }
    until.tv_sec = (time_t)(until_ns / 1000000000);
    until.tv_nsec = (long)(until_ns % 1000000000);
    pthread_cond_timedwait(&self->changed, &self->lock, &until);
}

int port_block(uint64_t deadline_ns)
{
    struct task *self = port_self();
    int error = 0;

    assert(port_may_sleep());
    pthread_mutex_lock(&self->lock);
    assert(self->is_prepared);
    bool gave_hart = !self->is_woken && !host_thread.is_pinned;
    if (gave_hart) {
        host_give_hart();
    }
    while (!self->is_woken) {
        if (is_interrupted(self)) {
            error = -ERESTARTSYS;
            break;
        }
        if (deadline_ns != PORT_NO_DEADLINE && port_clock_ns() >= deadline_ns) {
            error = -ETIMEDOUT;
            break;
        }
        sleep_some(self, deadline_ns);
    }
    self->is_prepared = false;
    pthread_mutex_unlock(&self->lock);
    if (gave_hart) {
        host_take_hart();
    }
    return error;
}

bool port_wake(struct task *task)
{
    pthread_mutex_lock(&task->lock);
    bool was_blocked = task->is_prepared && !task->is_woken;
    if (was_blocked) {
        task->is_woken = true;
        pthread_cond_signal(&task->changed);
    }
    pthread_mutex_unlock(&task->lock);
    return was_blocked;
}

void port_yield(void)
{
    assert(port_may_sleep());
    host_give_hart();
    sched_yield();
    host_take_hart();
}

void host_relax(void)
{
    sched_yield();
}

void port_relax_long(void)
{
    host_relax();
}

void host_signal(struct task *task, bool is_fatal)
{
    pthread_mutex_lock(&task->lock);
    task->has_signal = true;
    task->has_fatal_signal |= is_fatal;
    pthread_cond_signal(&task->changed);
    pthread_mutex_unlock(&task->lock);
}

void host_signal_clear(struct task *task)
{
    pthread_mutex_lock(&task->lock);
    task->has_signal = false;
    task->has_fatal_signal = false;
    pthread_mutex_unlock(&task->lock);
}

#ifdef HOST_UNDER_TSAN
/* What all fences meet in. */
static char fence_meeting_point;

void __tsan_acquire(void *address);
void __tsan_release(void *address);

void host_tsan_fence_acquire(void)
{
    __tsan_acquire(&fence_meeting_point);
}

void host_tsan_fence_release(void)
{
    __tsan_release(&fence_meeting_point);
}
#endif
