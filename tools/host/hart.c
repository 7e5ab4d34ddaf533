// SPDX-License-Identifier: MIT
/* Simulated harts: a pthread must hold one to run kernel code, as a task does.
 *
 * Code under test keeps data for each hart and relies on being alone with them while it may not be preempted. So no
 * two pthreads hold the same hart at a time. A pthread takes one when it first asks for its number, gives it up while
 * it blocks, and may get another afterwards (that is migration, and finds code that keeps a hart number too long). With
 * more runnable pthreads than harts, some wait: scheduling, without preemption. */
#include "tools/host/host_internal.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "kernel/base/port.h"

_Thread_local struct host_thread host_thread = {.hart = -1};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t hart_is_free = PTHREAD_COND_INITIALIZER;
static bool is_taken[MAX_HARTS];      /* [lock] */
static unsigned nr_harts = MAX_HARTS; /* [lock] */

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;

static void at_thread_end(void *unused)
{
    host_give_hart();
    host_drop_task();
}

static void make_key(void)
{
    if (pthread_key_create(&thread_key, at_thread_end) != 0) {
        abort();
    }
}

void host_note_thread(void)
{
    pthread_once(&key_once, make_key);
    pthread_setspecific(thread_key, &host_thread);
}

/* The hart that this thread had last, or any that is free; -1: none is. */
static int find_free(int last)
{
    if (last >= 0 && (unsigned)last < nr_harts && !is_taken[last]) {
        return last;
    }
    for (unsigned i = 0; i < nr_harts; i++) {
        if (!is_taken[i]) {
            return (int)i;
        }
    }
    return -1;
}

void host_take_hart(void)
{
    static _Thread_local int last_hart = -1;

    if (host_thread.hart >= 0) {
        return;
    }
    host_note_thread();
    pthread_mutex_lock(&lock);
    while ((host_thread.hart = find_free(last_hart)) < 0) {
        pthread_cond_wait(&hart_is_free, &lock);
    }
    is_taken[host_thread.hart] = true;
    pthread_mutex_unlock(&lock);
    last_hart = host_thread.hart;
}

void host_give_hart(void)
{
    if (host_thread.hart < 0 || host_thread.is_pinned) {
        return;
    }
    pthread_mutex_lock(&lock);
    is_taken[host_thread.hart] = false;
    pthread_cond_signal(&hart_is_free);
    pthread_mutex_unlock(&lock);
    host_thread.hart = -1;
}

void host_set_hart(int hart)
{
    host_give_hart();
    assert(hart < MAX_HARTS);
    host_thread.hart = hart;
    host_thread.is_pinned = hart >= 0;
}

void host_set_nr_harts(unsigned nr)
{
    assert(nr >= 1 && nr <= MAX_HARTS);
    pthread_mutex_lock(&lock);
    nr_harts = nr;
    pthread_cond_broadcast(&hart_is_free);
    pthread_mutex_unlock(&lock);
}

unsigned port_nr_harts(void)
{
    pthread_mutex_lock(&lock);
    unsigned nr = nr_harts;
    pthread_mutex_unlock(&lock);
    return nr;
}

void host_interrupt_begin(void)
{
    host_thread.interrupt_count++;
}

void host_interrupt_end(void)
{
    host_thread.interrupt_count--;
}
