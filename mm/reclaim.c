// SPDX-License-Identifier: MIT
/* Reclaim: taking memory back from those who only keep it because it might be useful.
 *
 * Who holds such memory registers a shrinker. Reclaim asks them in their order, cheapest loss
 * first, until enough is free. There are two callers. The background task starts when free frames
 * fall below nr_low and works up to nr_high, so that most allocations never wait. An allocation
 * with ALLOC_WAIT that finds nothing does the same for itself:
 *
 *     attempt:  reclaim a batch -> something freed? try again
 *                               -> nothing: the out-of-memory handler kills a process; wait a
 *                                  moment, and try again
 *                               -> no victim: it fails
 *                               -> the waiting task is itself to end: one try below the watermark,
 *                                  so that it can, and then it fails
 *
 * It ends in any case: after MAX_ATTEMPTS the caller gets its NULL. Blocks above COSTLY_ORDER fail
 * for want of contiguous frames rather than of memory: nobody is killed for them.
 *
 * Locks. Shrinkers run outside every lock of this file; registry_lock is held only to step from one
 * to the next, and nr_running keeps the one that is being called on the list. Several tasks may
 * reclaim at once: making one wait for another would be a deadlock as soon as the other waits for a
 * lock that the first holds.
 *
 * Recursion. A shrinker that allocates must not reclaim: it would come back to itself. Each
 * reclaiming task stands on a list for as long as it does, and its own allocations see that and
 * fail instead. */
#include "mm/reclaim.h"

#include <stdatomic.h>

#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "kernel/sync/spinlock.h"
#include "kernel/sync/waitq.h"
#include "mm/frames.h"
#include "mm/path_latency.h"
#include "mm/vmstat.h"

#define BATCH_FRAMES        64ull
#define COSTLY_ORDER        3u
#define MAX_ATTEMPTS        1000u
#define MAX_COSTLY_ATTEMPTS 4u
#define VICTIM_WAIT_NS      10000000ull  /* 10 ms for a killed process to give up its memory */
#define FRUITLESS_PAUSE_NS  100000000ull /* the background task found nothing: 100 ms of rest */

/* A task inside reclaim_frames(), on its own stack. */
struct reclaimer {
    struct task *task;
    struct list node; /* [registry_lock] */
};

static struct spinlock registry_lock = SPINLOCK_INIT(LOCK_RANK_REGISTRY, "shrinkers");
static struct list shrinkers = LIST_INIT(shrinkers);   /* [registry_lock] by order */
static struct list reclaimers = LIST_INIT(reclaimers); /* [registry_lock] */
static struct waitq leaving = WAITQ_INIT(leaving);     /* shrinker_unregister waits here */

static struct task *_Atomic background;  /* [a] NULL until reclaim_start() */
static _Atomic uint32_t background_work; /* [a] 1: woken, or at work */
static enum oom_verdict (*_Atomic oom_handler)(const struct shortage *shortage); /* [a] */

/* ---- Shrinkers ------------------------------------------------------------------------------- */

void shrinker_register(struct shrinker *shrinker)
{
    uint64_t state = spin_lock_irqsave(&registry_lock);
    struct list *after = &shrinkers;
    struct shrinker *other;

    list_for_each (other, &shrinkers, node) {
        if (other->order > shrinker->order) {
            break;
        }
        after = &other->node;
    }
    shrinker->nr_running = 0;
    store_relaxed(&shrinker->nr_given, 0);
    shrinker->is_leaving = false;
    list_push_front(after, &shrinker->node); /* right behind the last one of its order */
    spin_unlock_irqrestore(&registry_lock, state);
}

static bool remove_if_idle(struct shrinker *shrinker)
{
    uint64_t state = spin_lock_irqsave(&registry_lock);
    bool is_idle = shrinker->nr_running == 0;

    shrinker->is_leaving = true;
    if (is_idle) {
        list_remove(&shrinker->node);
    }
    spin_unlock_irqrestore(&registry_lock, state);
    return is_idle;
}

void shrinker_unregister(struct shrinker *shrinker)
{
    waitq_wait_event(&leaving, remove_if_idle(shrinker));
}

/* Step from one shrinker (NULL: the beginning) to the next, holding it on the list; NULL at the
 * end. */
static struct shrinker *next_shrinker(struct shrinker *current)
{
    uint64_t state = spin_lock_irqsave(&registry_lock);
    struct list *node = current == NULL ? shrinkers.next : current->node.next;
    struct shrinker *next = NULL;
    bool must_wake = false;

    while (node != &shrinkers && next == NULL) {
        struct shrinker *candidate = list_entry(node, struct shrinker, node);
        if (!candidate->is_leaving) {
            candidate->nr_running++;
            next = candidate;
        }
        node = node->next;
    }
    if (current != NULL) {
        current->nr_running--;
        must_wake = current->is_leaving;
    }
    spin_unlock_irqrestore(&registry_lock, state);
    if (must_wake) {
        waitq_wake_all(&leaving);
    }
    return next;
}

/* ---- Reclaim --------------------------------------------------------------------------------- */

static bool is_reclaiming(const struct task *task)
{
    uint64_t state = spin_lock_irqsave(&registry_lock);
    struct reclaimer *reclaimer;
    bool found = false;

    list_for_each (reclaimer, &reclaimers, node) {
        found |= reclaimer->task == task;
    }
    spin_unlock_irqrestore(&registry_lock, state);
    return found;
}

static void enlist(struct reclaimer *reclaimer)
{
    uint64_t state = spin_lock_irqsave(&registry_lock);

    reclaimer->task = port_self();
    list_push_back(&reclaimers, &reclaimer->node);
    spin_unlock_irqrestore(&registry_lock, state);
}

static void delist(struct reclaimer *reclaimer)
{
    uint64_t state = spin_lock_irqsave(&registry_lock);

    list_remove(&reclaimer->node);
    spin_unlock_irqrestore(&registry_lock, state);
}

bool reclaim_is_background(void)
{
    return port_self() == load_relaxed(&background);
}

uint64_t reclaim_frames(uint64_t nr_frames, enum alloc_flags flags)
{
    struct reclaimer self;
    struct shrinker *shrinker;
    uint64_t freed = 0;

    if (is_reclaiming(port_self())) {
        return 0;
    }
    enlist(&self);
    /* Walk to the end even when enough is free, so that the last one is let go. */
    for (shrinker = next_shrinker(NULL); shrinker != NULL; shrinker = next_shrinker(shrinker)) {
        if (freed < nr_frames) {
            uint64_t given = shrinker->shrink(shrinker, nr_frames - freed, flags);

            atomic_fetch_add_explicit(&shrinker->nr_given, given, memory_order_relaxed);
            freed += given;
        }
    }
    delist(&self);
    vm_count_many(reclaim_is_background() ? VM_PGSTEAL_BACKGROUND : VM_PGSTEAL_DIRECT,
                  (int64_t)freed);
    return freed;
}

/* ---- On behalf of an allocation -------------------------------------------------------------- */

void reclaim_set_oom_handler(enum oom_verdict (*handler)(const struct shortage *shortage))
{
    atomic_store(&oom_handler, handler);
}

void reclaim_log_state(void)
{
    struct frames_stats stats;
    struct shrinker *shrinker;

    frames_get_stats(&stats);
    pr_warn("oom: of %llu frames %llu are free; kept for emergencies %llu, wanted free %llu",
            (unsigned long long)stats.nr_total, (unsigned long long)stats.nr_free,
            (unsigned long long)stats.nr_reserve, (unsigned long long)stats.nr_low);
    for (shrinker = next_shrinker(NULL); shrinker != NULL; shrinker = next_shrinker(shrinker)) {
        pr_warn("oom: %s gave nothing now, %llu frames before", shrinker->name,
                (unsigned long long)load_relaxed(&shrinker->nr_given));
    }
}

static enum reclaim_verdict wait_for_victim(void)
{
    int error;

    port_block_prepare(PORT_BLOCK_KILLABLE);
    error = port_block(port_clock_ns() + VICTIM_WAIT_NS);
    port_block_cancel();
    return error == -ERESTARTSYS ? RECLAIM_TRY_RESERVE : RECLAIM_TRY_AGAIN;
}

static enum reclaim_verdict ask_oom_handler(const struct shortage *shortage)
{
    enum oom_verdict (*handler)(const struct shortage *) = atomic_load(&oom_handler);

    switch (handler != NULL ? handler(shortage) : OOM_NOBODY) {
    case OOM_WAIT: return wait_for_victim();
    case OOM_SELF_ENDS: return RECLAIM_TRY_RESERVE;
    default: return RECLAIM_GIVE_UP;
    }
}

enum reclaim_verdict reclaim_for_allocation(unsigned order, enum alloc_flags flags,
                                            unsigned attempt, const void *caller)
{
    bool is_costly = order > COSTLY_ORDER;
    enum reclaim_verdict verdict;
    uint64_t start_ns;

    if ((flags & ALLOC_WAIT) == 0 || !port_may_sleep() || is_reclaiming(port_self()) ||
        attempt >= (is_costly ? MAX_COSTLY_ATTEMPTS : MAX_ATTEMPTS)) {
        return RECLAIM_GIVE_UP;
    }
    vm_count(VM_ALLOCSTALL);
    start_ns = port_clock_ns();
    if (reclaim_frames(max_of(1ull << order, BATCH_FRAMES), flags) != 0) {
        verdict = RECLAIM_TRY_AGAIN;
    } else if (is_costly || (flags & ALLOC_QUIET) != 0) {
        verdict = RECLAIM_GIVE_UP;
    } else {
        verdict = ask_oom_handler(&(struct shortage){order, flags, caller});
    }
    path_latency_record(ALLOC_RECLAIM, start_ns);
    return verdict;
}

/* ---- The background task --------------------------------------------------------------------- */

void reclaim_wake(void)
{
    struct task *task = load_relaxed(&background);

    if (task != NULL && load_relaxed(&background_work) == 0 &&
        atomic_exchange(&background_work, 1) == 0) {
        (void)port_wake(task);
    }
}

static void reclaim_up_to_high(void)
{
    struct frames_stats stats;

    frames_get_stats(&stats);
    while (stats.nr_free < stats.nr_high) {
        uint64_t wanted = min_of(stats.nr_high - stats.nr_free, BATCH_FRAMES);
        if (reclaim_frames(wanted, ALLOC_WAIT) == 0) {
            port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
            (void)!port_block(port_clock_ns() + FRUITLESS_PAUSE_NS);
            port_block_cancel();
            break;
        }
        port_yield();
        frames_get_stats(&stats);
    }
}

static void background_main(void *unused)
{
    (void)unused;
    atomic_store(&background, port_self());
    for (;;) {
        port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
        if (atomic_load(&background_work) == 0) {
            (void)!port_block(PORT_NO_DEADLINE);
        }
        port_block_cancel();
        if (atomic_load(&background_work) != 0) {
            vm_count(VM_PAGEOUTRUN);
            reclaim_up_to_high();
            atomic_store(&background_work, 0);
        }
    }
}

int reclaim_start(void)
{
    return port_spawn("reclaim", background_main, NULL) != NULL ? 0 : -ENOMEM;
}
