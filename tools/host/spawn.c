// SPDX-License-Identifier: MIT
/* Starting threads on the host: kernel threads for the code under test, and crowds for stress tests. */
#include "tools/host/host_internal.h"

#include <pthread.h>
#include <stdlib.h>

#include "kernel/base/assert.h"
#include "kernel/base/port.h"

/* What a new thread needs, and what its creator waits for. */
struct start {
    void (*entry)(void *arg);
    void *arg;
    struct task *task; /* [lock] filled in by the thread */
    bool has_started;  /* [lock] */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned nr_spawned; /* [lock] threads of port_spawn() that have not ended */

static void *spawned_thread(void *arg)
{
    struct start *start = arg;
    void (*entry)(void *arg) = start->entry;
    void *entry_arg = start->arg;

    pthread_mutex_lock(&lock);
    start->task = port_self();
    start->has_started = true; /* `start` is its creator's again */
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);

    (void)port_hart_id(); /* wait for a hart */
    entry(entry_arg);
    assert(port_may_sleep()); /* nothing left locked or disabled */
    host_give_hart();

    pthread_mutex_lock(&lock);
    nr_spawned--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return NULL;
}

struct task *port_spawn(const char *name, void (*entry)(void *arg), void *arg)
{
    struct start start = {.entry = entry, .arg = arg};
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_mutex_lock(&lock);
    if (pthread_create(&thread, &attributes, spawned_thread, &start) == 0) {
        nr_spawned++;
        while (!start.has_started) {
            pthread_cond_wait(&changed, &lock);
        }
    }
    pthread_mutex_unlock(&lock);
    pthread_attr_destroy(&attributes);
    return start.task;
}

void host_wait_spawned(void)
{
    bool is_pinned = host_thread.is_pinned;

    host_give_hart();
    pthread_mutex_lock(&lock);
    while (nr_spawned > 0) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
    if (!is_pinned) {
        host_take_hart();
    }
}

struct crowd_member {
    void (*fn)(unsigned index, void *arg);
    void *arg;
    unsigned index;
    pthread_t thread;
};

static void *crowd_thread(void *arg)
{
    struct crowd_member *member = arg;

    (void)port_hart_id();
    member->fn(member->index, member->arg);
    return NULL;
}

void host_run_threads(unsigned nr, void (*fn)(unsigned index, void *arg), void *arg)
{
    struct crowd_member *members = calloc(nr, sizeof(*members));
    bool is_pinned = host_thread.is_pinned;

    if (members == NULL) {
        abort();
    }
    host_give_hart();
    for (unsigned i = 0; i < nr; i++) {
        members[i] = (struct crowd_member){.fn = fn, .arg = arg, .index = i};
        if (pthread_create(&members[i].thread, NULL, crowd_thread, &members[i]) != 0) {
            abort();
        }
    }
    for (unsigned i = 0; i < nr; i++) {
        pthread_join(members[i].thread, NULL);
    }
    if (!is_pinned) {
        host_take_hart();
    }
    free(members);
}
