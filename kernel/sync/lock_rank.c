// SPDX-License-Identifier: MIT
/* The check of the lock order, in debug builds.
 *
 * Deadlock needs a circle of lock holders, each waiting for the next. If everybody takes locks in the order of
 * one numbering, there is no circle: the one who waits for the highest number can't be waited for by it. The check
 * proves at each acquire that the order was kept, so it finds a wrong order in a run that happened not to hang.
 *
 * What is held is recorded where it belongs: spinlocks with the hart (their holder is not preempted), so that an
 * interrupt handler's locks are checked against those of what it interrupted, too, which is right: the interrupted
 * one can't go on before. Sleeping locks belong to the task, which may migrate; their records are a small table
 * hashed by task, claimed by compare-and-exchange and given back when the task holds none. Only the task itself
 * touches its record. A task that finds no room is not checked; with MAX_RECORDS tasks inside sleeping
 * locks at once that is rare, and costs a check and not correctness.
 *
 * Ranks of sleeping locks are below those of spinlocks, and a sleeping lock asks that the caller may sleep, which
 * no holder of a spinlock may; so the two records need not be compared with each other. */
#include "kernel/sync/lock_rank_check.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/hash.h"
#include "kernel/base/port.h"
#include "kernel/sync/lock_rank.h"

#ifdef CAIRN_DEBUG

enum { MAX_HELD = 16, MAX_RECORDS = 256, MAX_PROBES = 16 };

struct held_lock {
    const void *lock;
    const char *name;
    uint32_t rank;
};

struct held_locks {
    unsigned nr;
    struct held_lock locks[MAX_HELD];
};

struct task_record {
    struct task *_Atomic task; /* [a] NULL: free */
    struct held_locks held;    /* [task] */
};

static struct held_locks hart_held[MAX_HARTS]; /* [hart, not preempted] */
static struct task_record task_records[MAX_RECORDS];

static void check(const struct held_locks *held, uint32_t rank, const char *name, bool is_nested)
{
    if (rank == LOCK_RANK_NONE) {
        return;
    }
    for (unsigned i = 0; i < held->nr; i++) {
        const struct held_lock *other = &held->locks[i];
        if (other->rank > rank || (other->rank == rank && !is_nested)) {
            panic("lock order: taking %s (rank %u) while holding %s (rank %u)", name, rank,
                  other->name, other->rank);
        }
    }
}

static void add(struct held_locks *held, const void *lock, uint32_t rank, const char *name)
{
    if (held->nr == MAX_HELD) {
        panic("lock order: taking %s while holding %d others", name, MAX_HELD);
    }
    held->locks[held->nr++] = (struct held_lock){lock, name, rank};
}

static void remove_from(struct held_locks *held, const void *lock)
{
    for (unsigned i = held->nr; i-- > 0;) {
        if (held->locks[i].lock == lock) {
            held->nr--;
            for (; i < held->nr; i++) {
                held->locks[i] = held->locks[i + 1];
            }
            return;
        }
    }
}

/* ---- Spinlocks: by hart. Interrupts off, because a handler's locks go on the same record. ---------- */

void lock_rank_check_spin(uint32_t rank, const char *name, bool is_nested)
{
    uint64_t irq_state;

    if (rank > LOCK_RANK_IRQ_SAFE && port_irqs_enabled()) {
        panic("lock order: taking %s (rank %u) with interrupts on", name, rank);
    }
    irq_state = port_irq_save();
    check(&hart_held[port_hart_id()], rank, name, is_nested);
    port_irq_restore(irq_state);
}

void lock_rank_add_spin(const void *lock, uint32_t rank, const char *name)
{
    uint64_t irq_state = port_irq_save();

    add(&hart_held[port_hart_id()], lock, rank, name);
    port_irq_restore(irq_state);
}

void lock_rank_remove_spin(const void *lock)
{
    uint64_t irq_state = port_irq_save();

    remove_from(&hart_held[port_hart_id()], lock);
    port_irq_restore(irq_state);
}

/* ---- Sleeping locks: by task --------------------------------------------------------------------- */

static struct task_record *probe(struct task *task, unsigned step)
{
    return &task_records[(hash_pointer(task) + step) % MAX_RECORDS];
}

static struct task_record *find_record(struct task *task)
{
    for (unsigned i = 0; i < MAX_PROBES; i++) {
        struct task_record *record = probe(task, i);
        if (load_relaxed(&record->task) == task) {
            return record;
        }
    }
    return NULL;
}

static struct task_record *find_or_claim_record(struct task *task)
{
    struct task_record *record = find_record(task);

    for (unsigned i = 0; record == NULL && i < MAX_PROBES; i++) {
        struct task *nobody = NULL;
        /* Acquire: the former owner has done with the record. */
        if (atomic_compare_exchange_strong_explicit(&probe(task, i)->task, &nobody, task,
                                                    memory_order_acquire, memory_order_relaxed)) {
            record = probe(task, i);
            record->held.nr = 0;
        }
    }
    return record;
}

void lock_rank_check_sleeping(uint32_t rank, const char *name, bool is_nested)
{
    const struct task_record *record = find_record(port_self());

    if (!port_may_sleep()) {
        panic("lock order: taking %s, which sleeps, in a context that can't", name);
    }
    if (record != NULL) {
        check(&record->held, rank, name, is_nested);
    }
}

void lock_rank_add_sleeping(const void *lock, uint32_t rank, const char *name)
{
    struct task_record *record = find_or_claim_record(port_self());

    if (record != NULL) {
        add(&record->held, lock, rank, name);
    }
}

static void give_back_if_empty(struct task_record *record)
{
    if (record->held.nr == 0) {
        store_release(&record->task, NULL);
    }
}

void lock_rank_remove_sleeping(const void *lock)
{
    struct task_record *record = find_record(port_self());

    if (record != NULL) {
        remove_from(&record->held, lock);
        give_back_if_empty(record);
    }
}

/* ---- Marks --------------------------------------------------------------------------------------- */

struct lock_rank_mark lock_rank_mark(void)
{
    const struct task_record *record = find_record(port_self());
    uint64_t irq_state = port_irq_save();
    struct lock_rank_mark mark = {
        .nr_spin = hart_held[port_hart_id()].nr,
        .nr_sleeping = record == NULL ? 0 : record->held.nr,
    };

    port_irq_restore(irq_state);
    return mark;
}

void lock_rank_rewind(const struct lock_rank_mark *mark)
{
    struct task_record *record = find_record(port_self());
    uint64_t irq_state = port_irq_save();
    struct held_locks *held = &hart_held[port_hart_id()];

    held->nr = min_of(held->nr, mark->nr_spin);
    port_irq_restore(irq_state);
    if (record != NULL) {
        record->held.nr = min_of(record->held.nr, mark->nr_sleeping);
        give_back_if_empty(record);
    }
}

#else

struct lock_rank_mark lock_rank_mark(void)
{
    return (struct lock_rank_mark){0, 0};
}

void lock_rank_rewind(const struct lock_rank_mark *mark)
{
}

#endif
