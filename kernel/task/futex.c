// SPDX-License-Identifier: MIT
/* Futexes.
 *
 * The word is the user's; the kernel knows only who waits on which. Waiters stand in buckets,
 * found by a hash of the key: the same memory has the same key in every space that maps it. A
 * wait checks the word and joins the bucket under the bucket's lock, and a wake takes the same
 * lock after the word was changed; so a wake between check and sleep is not lost. The word is
 * read with page faults off, since the lock is a spinlock; if that fails it is faulted in
 * outside and tried again.
 *
 * Locks: bucket->lock; two buckets in order of their addresses. A waiter's bucket changes when
 * it is requeued, so who wants to remove himself locks, and looks whether it is still the same.
 * Source: Franke, Russell, Kirkwood, "Fuss, Futexes and Furwocks", 2002. */
#include "kernel/task/futex.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/futex.h"
#include "kernel/arch/riscv64/user_atomic.h"
#include "kernel/base/hash.h"
#include "kernel/base/once.h"
#include "kernel/task/task.h"
#include "mm/space.h"

#define NR_BUCKETS 256

struct bucket {
    struct spinlock lock; /* LOCK_RANK_FUTEX */
    struct list waiters;  /* [lock] in order of arrival */
};

struct futex_waiter {
    struct list node;              /* [bucket->lock] */
    struct bucket *_Atomic bucket; /* [a; changes under both locks] NULL: woken */
    struct space_key key;          /* [bucket->lock] */
    struct task *task;             /* [I] */
    uint32_t bitset;               /* [I] */
};

static struct bucket buckets[NR_BUCKETS];
static struct once once = ONCE_INIT("futexes", ONCE_RETRY);

static int init_buckets(void *arg)
{
    unsigned i;

    (void)arg;
    for (i = 0; i < NR_BUCKETS; i++) {
        spin_init(&buckets[i].lock, LOCK_RANK_FUTEX, "futex");
        list_init(&buckets[i].waiters);
    }
    return 0;
}

static bool keys_are_equal(const struct space_key *a, const struct space_key *b)
{
    return a->object == b->object && a->offset == b->offset;
}

static struct bucket *bucket_of(const struct space_key *key)
{
    return &buckets[hash_combine(hash_pointer(key->object), key->offset) % NR_BUCKETS];
}

static int find_key(uint64_t address, bool is_private, struct space_key *key)
{
    int error;

    if (address % 4 != 0) {
        return -EINVAL;
    }
    if (address >= USER_END) {
        return -EFAULT;
    }
    error = once_get(&once, init_buckets, NULL);
    return error != 0 ? error : space_get_key(task_current()->space, address, is_private, key);
}

static int load_nofault(uint64_t address, uint32_t *value)
{
    int error;

    port_user_nofault_begin();
    error = user_atomic_load(user_ptr(address), value);
    port_user_nofault_end();
    return error;
}

static void lock_two(struct bucket *a, struct bucket *b)
{
    if (a == b) {
        spin_lock(&a->lock);
    } else if (a < b) {
        spin_lock(&a->lock);
        spin_lock_nested(&b->lock);
    } else {
        spin_lock(&b->lock);
        spin_lock_nested(&a->lock);
    }
}

static void unlock_two(struct bucket *a, struct bucket *b)
{
    if (a != b) {
        spin_unlock(&b->lock);
    }
    spin_unlock(&a->lock);
}

/** Take a waiter off its bucket and wake it. After the bucket is cleared the waiter may be gone. */
static void wake_waiter(struct futex_waiter *waiter)
{
    struct task *task = waiter->task;

    task_get(task);
    list_remove(&waiter->node);
    atomic_store_explicit(&waiter->bucket, NULL, memory_order_release);
    (void)port_wake(task);
    task_put(task);
}

/** Take ourselves off, if nobody has done so. Returns whether we were woken. */
static bool leave_bucket(struct futex_waiter *waiter)
{
    struct bucket *bucket;

    while ((bucket = atomic_load_explicit(&waiter->bucket, memory_order_acquire)) != NULL) {
        spin_lock(&bucket->lock);
        if (atomic_load_explicit(&waiter->bucket, memory_order_relaxed) == bucket) {
            list_remove(&waiter->node);
            spin_unlock(&bucket->lock);
            return false;
        }
        spin_unlock(&bucket->lock);
    }
    return true;
}

/** Join the bucket if the word has the value. Returns 0, -EAGAIN, -EFAULT. */
static int join_if_equal(uint64_t address, uint32_t value, struct futex_waiter *waiter)
{
    struct bucket *bucket = bucket_of(&waiter->key);
    uint32_t now;
    int error;

    for (;;) {
        spin_lock(&bucket->lock);
        if (load_nofault(address, &now) == 0) {
            break;
        }
        spin_unlock(&bucket->lock);
        error = user_atomic_load(user_ptr(address), &now);
        if (error != 0) {
            return error;
        }
    }
    if (now != value) {
        spin_unlock(&bucket->lock);
        return -EAGAIN;
    }
    atomic_store_explicit(&waiter->bucket, bucket, memory_order_relaxed);
    list_push_back(&bucket->waiters, &waiter->node);
    spin_unlock(&bucket->lock);
    return 0;
}

int futex_wait(uint64_t address, bool is_private, uint32_t value, uint32_t bitset,
               uint64_t deadline_ns)
{
    struct futex_waiter waiter = {.task = task_current(), .bitset = bitset};
    int error;

    if (bitset == 0) {
        return -EINVAL;
    }
    error = find_key(address, is_private, &waiter.key);
    if (error == 0) {
        error = join_if_equal(address, value, &waiter);
    }
    if (error != 0) {
        return error;
    }
    while (error == 0) {
        port_block_prepare(PORT_BLOCK_INTERRUPTIBLE);
        if (atomic_load_explicit(&waiter.bucket, memory_order_acquire) == NULL) {
            break;
        }
        error = port_block(deadline_ns);
    }
    port_block_cancel();
    return leave_bucket(&waiter) ? 0 : error;
}

static int64_t wake_locked(struct bucket *bucket, const struct space_key *key, uint32_t nr,
                           uint32_t bitset)
{
    struct futex_waiter *waiter;
    struct futex_waiter *after;
    int64_t nr_woken = 0;

    list_for_each_safe (waiter, after, &bucket->waiters, node) {
        if (nr_woken >= (int64_t)nr) {
            break;
        }
        if (keys_are_equal(&waiter->key, key) && (waiter->bitset & bitset) != 0) {
            wake_waiter(waiter);
            nr_woken++;
        }
    }
    return nr_woken;
}

int64_t futex_wake(uint64_t address, bool is_private, uint32_t nr, uint32_t bitset)
{
    struct space_key key;
    struct bucket *bucket;
    int64_t nr_woken;
    int error;

    if (bitset == 0) {
        return -EINVAL;
    }
    error = find_key(address, is_private, &key);
    if (error != 0) {
        return error;
    }
    bucket = bucket_of(&key);
    spin_lock(&bucket->lock);
    nr_woken = wake_locked(bucket, &key, nr, bitset);
    spin_unlock(&bucket->lock);
    return nr_woken;
}

/** Let waiters for `from` wait for `to` instead. Both buckets are locked. */
static int64_t move_locked(struct bucket *source, const struct space_key *from,
                           struct bucket *target, const struct space_key *to, uint32_t nr)
{
    struct futex_waiter *waiter;
    struct futex_waiter *after;
    struct list moved = LIST_INIT(moved);
    int64_t nr_moved = 0;

    list_for_each_safe (waiter, after, &source->waiters, node) {
        if (nr_moved >= (int64_t)nr) {
            break;
        }
        if (keys_are_equal(&waiter->key, from)) {
            list_remove(&waiter->node);
            list_push_back(&moved, &waiter->node);
            waiter->key = *to;
            atomic_store_explicit(&waiter->bucket, target, memory_order_release);
            nr_moved++;
        }
    }
    list_splice_back(&target->waiters, &moved);
    return nr_moved;
}

int64_t futex_requeue(uint64_t from, uint64_t to, bool is_private, uint32_t nr_wake,
                      uint32_t nr_move, const uint32_t *expected)
{
    struct space_key from_key;
    struct space_key to_key;
    struct bucket *source;
    struct bucket *target;
    uint32_t now;
    int64_t nr_woken;
    int64_t nr_moved;
    int error = find_key(from, is_private, &from_key);

    if (error == 0) {
        error = find_key(to, is_private, &to_key);
    }
    if (error != 0) {
        return error;
    }
    source = bucket_of(&from_key);
    target = bucket_of(&to_key);
    for (;;) {
        lock_two(source, target);
        if (expected == NULL || load_nofault(from, &now) == 0) {
            break;
        }
        unlock_two(source, target);
        error = user_atomic_load(user_ptr(from), &now);
        if (error != 0) {
            return error;
        }
    }
    if (expected != NULL && now != *expected) {
        unlock_two(source, target);
        return -EAGAIN;
    }
    nr_woken = wake_locked(source, &from_key, nr_wake, ABI_FUTEX_BITSET_ANY);
    nr_moved = move_locked(source, &from_key, target, &to_key, nr_move);
    unlock_two(source, target);
    return expected != NULL ? nr_woken + nr_moved : nr_woken;
}
