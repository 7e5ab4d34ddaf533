// SPDX-License-Identifier: MIT
/* POSIX timers.
 *
 * Each is a struct timer on the monotonic clock; a deadline on the real-time clock is translated
 * when it is set. When one fires it sends its signal and, if it has an interval, starts again at
 * the next multiple that lies in the future; the ones it skipped are its overrun count. Only one
 * signal of a timer waits at a time: what fires meanwhile counts as overrun, too.
 *
 * Locks: the process's signal_lock, which the timer function takes; a timer is therefore
 * stopped, with waiting, without it, after it has been taken out of the process's list. */
#include "kernel/task/posix_timer.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/time.h"
#include "kernel/task/clock.h"
#include "kernel/task/signal.h"
#include "mm/slab.h"

#define MAX_TIMERS 256

struct posix_timer {
    struct timer timer;
    struct list node;        /* [g] in process->posix_timers */
    struct process *process; /* [I] */
    struct task *thread;     /* [I] SIGEV_THREAD_ID: with a reference; else NULL */
    int id;                  /* [I] */
    int clock;               /* [I] */
    int notify;              /* [I] */
    int signal;              /* [I] */
    uint64_t value;          /* [I] */
    uint64_t next_ns;        /* [g] monotonic; 0: off */
    uint64_t interval_ns;    /* [g] */
    int overrun;             /* [g] of the signal sent last */
};

SLAB_CACHE(posix_timer_cache, struct posix_timer, NULL);

static bool is_signal_waiting(const struct posix_timer *posix_timer)
{
    const struct signal_queue *queue = posix_timer->thread != NULL ? &posix_timer->thread->pending
                                                                   : &posix_timer->process->pending;
    struct signal_info *detail;

    list_for_each (detail, &queue->infos, node) {
        if (detail->info.si_code == ABI_SI_TIMER && detail->info.timer.id == posix_timer->id) {
            return true;
        }
    }
    return false;
}

static void notify(struct posix_timer *posix_timer, uint64_t nr_missed)
{
    struct abi_siginfo info = {.si_signo = posix_timer->signal, .si_code = ABI_SI_TIMER};

    if (posix_timer->notify == ABI_SIGEV_NONE) {
        return;
    }
    if (is_signal_waiting(posix_timer)) {
        posix_timer->overrun += 1 + (int)nr_missed;
        return;
    }
    posix_timer->overrun = (int)nr_missed;
    info.timer.id = posix_timer->id;
    info.timer.overrun = posix_timer->overrun;
    info.timer.value = posix_timer->value;
    (void)signal_send_locked(posix_timer->process, posix_timer->thread, &info);
}

static void fire(struct timer *timer)
{
    struct posix_timer *posix_timer = container_of(timer, struct posix_timer, timer);
    struct process *process = posix_timer->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    uint64_t now_ns = port_clock_ns();
    uint64_t nr_missed = 0;

    if (posix_timer->next_ns != 0 && posix_timer->next_ns <= now_ns &&
        list_is_linked(&posix_timer->node)) {
        if (posix_timer->interval_ns == 0) {
            posix_timer->next_ns = 0;
        } else {
            nr_missed = (now_ns - posix_timer->next_ns) / posix_timer->interval_ns;
            posix_timer->next_ns += (nr_missed + 1) * posix_timer->interval_ns;
            timer_start(timer, posix_timer->next_ns);
        }
        notify(posix_timer, nr_missed);
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
}

static int check_event(const struct abi_sigevent *event, struct task **thread)
{
    int how = event->notify & ~ABI_SIGEV_THREAD_ID;

    *thread = NULL;
    if (how == ABI_SIGEV_NONE) {
        return 0;
    }
    if (event->signo < 1 || event->signo > ABI_NSIG || how != ABI_SIGEV_SIGNAL) {
        return -EINVAL;
    }
    if ((event->notify & ABI_SIGEV_THREAD_ID) != 0) {
        struct task *found = task_find(event->thread_id);

        if (found == NULL || found->process != task_current()->process) {
            if (found != NULL) {
                task_put(found);
            }
            return -EINVAL;
        }
        *thread = found;
    }
    return 0;
}

static void destroy(struct posix_timer *posix_timer)
{
    timer_stop_sync(&posix_timer->timer);
    if (posix_timer->thread != NULL) {
        task_put(posix_timer->thread);
    }
    slab_free(&posix_timer_cache, posix_timer);
}

/** Caller: signal_lock. */
static struct posix_timer *find(struct process *process, int id)
{
    struct posix_timer *posix_timer;

    list_for_each (posix_timer, &process->posix_timers, node) {
        if (posix_timer->id == id) {
            return posix_timer;
        }
    }
    return NULL;
}

static int take_id(struct process *process, int *id)
{
    int tries;

    for (tries = 0; tries < MAX_TIMERS; tries++) {
        int candidate = process->next_timer_id++ % MAX_TIMERS;

        if (find(process, candidate) == NULL) {
            *id = candidate;
            return 0;
        }
    }
    return -EAGAIN;
}

int posix_timer_create(int clock, const struct abi_sigevent *event, int *id)
{
    struct process *process = task_current()->process;
    struct posix_timer *posix_timer;
    struct task *thread = NULL;
    uint64_t irq_state;
    int error;

    if (!clock_is_sleepable(clock)) {
        return -EINVAL;
    }
    error = event != NULL ? check_event(event, &thread) : 0;
    if (error != 0) {
        return error;
    }
    posix_timer = slab_alloc(&posix_timer_cache, ALLOC_KERNEL | ALLOC_ZERO);
    if (posix_timer == NULL) {
        if (thread != NULL) {
            task_put(thread);
        }
        return -ENOMEM;
    }
    timer_init(&posix_timer->timer, fire);
    list_init(&posix_timer->node);
    posix_timer->process = process;
    posix_timer->thread = thread;
    posix_timer->clock = clock;
    posix_timer->notify = event != NULL ? event->notify & ~ABI_SIGEV_THREAD_ID : ABI_SIGEV_SIGNAL;
    posix_timer->signal = event != NULL ? event->signo : ABI_SIGALRM;
    irq_state = spin_lock_irqsave(&process->signal_lock);
    error = take_id(process, &posix_timer->id);
    if (error == 0) {
        posix_timer->value = event != NULL ? event->value : (uint64_t)posix_timer->id;
        list_push_back(&process->posix_timers, &posix_timer->node);
        *id = posix_timer->id;
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    if (error != 0) {
        destroy(posix_timer);
    }
    return error;
}

int posix_timer_delete(int id)
{
    struct process *process = task_current()->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    struct posix_timer *posix_timer = find(process, id);

    if (posix_timer != NULL) {
        list_remove(&posix_timer->node);
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    if (posix_timer == NULL) {
        return -EINVAL;
    }
    destroy(posix_timer);
    return 0;
}

static void read_setting(const struct posix_timer *posix_timer, struct posix_timer_setting *setting)
{
    uint64_t now_ns = port_clock_ns();

    setting->interval_ns = posix_timer->interval_ns;
    setting->value_ns = 0;
    if (posix_timer->next_ns != 0) {
        setting->value_ns = posix_timer->next_ns > now_ns ? posix_timer->next_ns - now_ns : 1;
    }
}

int posix_timer_set(int id, bool is_absolute, const struct posix_timer_setting *next,
                    struct posix_timer_setting *old)
{
    struct process *process = task_current()->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    struct posix_timer *posix_timer = find(process, id);

    if (posix_timer != NULL) {
        read_setting(posix_timer, old);
        (void)timer_stop(&posix_timer->timer);
        posix_timer->interval_ns = next->interval_ns;
        posix_timer->overrun = 0;
        posix_timer->next_ns = 0;
        if (next->value_ns != 0) {
            posix_timer->next_ns = clock_deadline(posix_timer->clock, next->value_ns, is_absolute);
            timer_start(&posix_timer->timer, posix_timer->next_ns);
        }
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    return posix_timer != NULL ? 0 : -EINVAL;
}

int posix_timer_get(int id, struct posix_timer_setting *current)
{
    struct process *process = task_current()->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    struct posix_timer *posix_timer = find(process, id);

    if (posix_timer != NULL) {
        read_setting(posix_timer, current);
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    return posix_timer != NULL ? 0 : -EINVAL;
}

int posix_timer_overrun(int id)
{
    struct process *process = task_current()->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    struct posix_timer *posix_timer = find(process, id);
    int overrun = posix_timer != NULL ? posix_timer->overrun : -EINVAL;

    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    return overrun;
}

void posix_timers_destroy(struct process *process)
{
    struct list all = LIST_INIT(all);
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);

    list_splice_back(&all, &process->posix_timers);
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    while (!list_is_empty(&all)) {
        struct posix_timer *posix_timer = list_first(&all, struct posix_timer, node);

        irq_state = spin_lock_irqsave(&process->signal_lock);
        list_remove(&posix_timer->node);
        spin_unlock_irqrestore(&process->signal_lock, irq_state);
        destroy(posix_timer);
    }
}
