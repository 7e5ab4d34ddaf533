// SPDX-License-Identifier: MIT
/* Pid numbers: a bitmap of those taken, and a hash table from number to `struct pid`.
 *
 * Numbers are given in rising order and start again from the bottom at PID_MAX, so that a number
 * that has become free is not used again soon: programs that remember it too long then meet
 * ESRCH, and not a stranger.
 *
 * Locks: all by task_tree_lock. */
#include "kernel/task/pid.h"
#include "kernel/abi/errno.h"
#include "kernel/base/bits.h"
#include "mm/slab.h"

#define PID_FIRST_REUSED 300 /* low numbers are for what is started at boot */
#define NR_BUCKETS       512

SLAB_CACHE(pid_cache, struct pid, NULL);

static uint64_t taken[BITMAP_NR_WORDS(PID_MAX)] = {1}; /* [task_tree_lock] 0 is nobody's */
static struct list buckets[NR_BUCKETS]; /* [task_tree_lock] next is NULL until first used */
static pid_t last_number;               /* [task_tree_lock] */
static uint64_t nr_created;             /* [task_tree_lock] */

static struct list *bucket_of(pid_t number)
{
    struct list *bucket = &buckets[(uint32_t)number % NR_BUCKETS];

    if (bucket->next == NULL) {
        list_init(bucket);
    }
    return bucket;
}

static int take_number(pid_t *number)
{
    size_t found = bitmap_find_clear(taken, PID_MAX, (size_t)last_number + 1);

    if (found == PID_MAX) {
        found = bitmap_find_clear(taken, PID_MAX, PID_FIRST_REUSED);
    }
    if (found == PID_MAX) {
        return -EAGAIN;
    }
    bitmap_set(taken, found);
    last_number = (pid_t)found;
    nr_created++;
    *number = (pid_t)found;
    return 0;
}

int pid_alloc(struct pid **pid)
{
    struct pid *fresh = slab_alloc(&pid_cache, ALLOC_KERNEL);
    int error;

    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->task = NULL;
    fresh->process = NULL;
    list_init(&fresh->group);
    list_init(&fresh->session);
    spin_lock(&task_tree_lock);
    error = take_number(&fresh->number);
    if (error == 0) {
        list_push_front(bucket_of(fresh->number), &fresh->hash_node);
    }
    spin_unlock(&task_tree_lock);
    if (error != 0) {
        slab_free(&pid_cache, fresh);
        return error;
    }
    *pid = fresh;
    return 0;
}

void pid_release(struct pid *pid)
{
    spin_assert_held(&task_tree_lock);
    if (pid->task != NULL || pid->process != NULL || !list_is_empty(&pid->group) ||
        !list_is_empty(&pid->session)) {
        return;
    }
    bitmap_clear(taken, (size_t)pid->number);
    list_remove(&pid->hash_node);
    slab_free(&pid_cache, pid);
}

struct pid *pid_lookup(pid_t number)
{
    struct list *bucket;
    struct pid *pid;

    spin_assert_held(&task_tree_lock);
    if (number <= 0) {
        return NULL;
    }
    bucket = bucket_of(number);
    list_for_each (pid, bucket, hash_node) {
        if (pid->number == number) {
            return pid;
        }
    }
    return NULL;
}

uint64_t pid_nr_created(void)
{
    return __atomic_load_n(&nr_created, __ATOMIC_RELAXED);
}

pid_t pid_last(void)
{
    return __atomic_load_n(&last_number, __ATOMIC_RELAXED);
}
