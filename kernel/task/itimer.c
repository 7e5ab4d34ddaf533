// SPDX-License-Identifier: MIT
/* Interval timers.
 *
 * The real one is a struct timer with a deadline on the monotonic clock. The two on processor
 * time are counted down by the ticks that meet the process, VIRTUAL by those in user mode only;
 * so they are as exact as a tick, and cost nothing else.
 *
 * Locks: the process's signal_lock. The real timer's function takes it, so it is stopped, with
 * waiting, only without it. */
#include "kernel/task/itimer.h"
#include "kernel/abi/time.h"
#include "kernel/task/sched.h"
#include "kernel/task/signal.h"

static void send(struct process *process, int signal)
{
    struct abi_siginfo info = signal_info_kernel(signal);

    (void)signal_send_locked(process, NULL, &info);
}

static void fire_real(struct timer *timer)
{
    struct process *process = container_of(timer, struct process, real_timer);
    struct interval_timer *real = &process->itimers[ABI_ITIMER_REAL];
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    uint64_t now_ns = port_clock_ns();

    if (real->next_ns != 0 && real->next_ns <= now_ns && process->nr_threads > 0) {
        send(process, ABI_SIGALRM);
        if (real->interval_ns == 0) {
            real->next_ns = 0;
        } else {
            real->next_ns += ((now_ns - real->next_ns) / real->interval_ns + 1) * real->interval_ns;
            timer_start(timer, real->next_ns);
        }
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
}

void itimer_init(struct process *process)
{
    timer_init(&process->real_timer, fire_real);
}

void itimer_destroy(struct process *process)
{
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    bool is_on = process->itimers[ABI_ITIMER_REAL].next_ns != 0;

    process->itimers[ABI_ITIMER_REAL].next_ns = 0;
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    if (is_on) {
        timer_stop_sync(&process->real_timer);
    }
}

/** What a timer would read: time to go in place of the time when it fires. Caller: signal_lock. */
static void read_locked(struct process *process, int which, struct interval_timer *current)
{
    *current = process->itimers[which];
    if (which == ABI_ITIMER_REAL && current->next_ns != 0) {
        uint64_t now_ns = port_clock_ns();

        current->next_ns = current->next_ns > now_ns ? current->next_ns - now_ns : 1000;
    }
}

void itimer_get(int which, struct interval_timer *current)
{
    struct process *process = task_current()->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);

    read_locked(process, which, current);
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
}

void itimer_set(int which, const struct interval_timer *next, struct interval_timer *old)
{
    struct process *process = task_current()->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);

    read_locked(process, which, old);
    process->itimers[which] = *next;
    if (which == ABI_ITIMER_REAL) {
        if (next->next_ns == 0) {
            (void)timer_stop(&process->real_timer);
        } else {
            process->itimers[which].next_ns = port_clock_ns() + next->next_ns;
            timer_start(&process->real_timer, process->itimers[which].next_ns);
        }
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
}

static void count_down(struct process *process, int which, int signal, uint64_t tick_ns)
{
    struct interval_timer *itimer = &process->itimers[which];

    if (itimer->next_ns == 0) {
        return;
    }
    if (itimer->next_ns > tick_ns) {
        itimer->next_ns -= tick_ns;
        return;
    }
    itimer->next_ns = itimer->interval_ns;
    send(process, signal);
}

/** RLIMIT_CPU: SIGXCPU at each second beyond the soft limit, SIGKILL at the hard one. */
static void check_limit(struct process *process, struct task *task, uint64_t tick_ns)
{
    const struct abi_rlimit *limit = &process->limits[ABI_RLIMIT_CPU];
    uint64_t used_ns = process->dead_threads.user_ns + process->dead_threads.system_ns +
                       task->sched.run_ns;

    if (limit->hard != ABI_RLIM_INFINITY && used_ns / 1000000000u >= limit->hard) {
        send(process, ABI_SIGKILL);
    } else if (limit->soft != ABI_RLIM_INFINITY && used_ns / 1000000000u >= limit->soft &&
               used_ns % 1000000000u < tick_ns) {
        send(process, ABI_SIGXCPU);
    }
}

void itimer_tick(struct task *task, bool is_user, uint64_t tick_ns)
{
    struct process *process = task->process;

    if ((process->itimers[ABI_ITIMER_VIRTUAL].next_ns |
         process->itimers[ABI_ITIMER_PROF].next_ns) == 0 &&
        process->limits[ABI_RLIMIT_CPU].soft == ABI_RLIM_INFINITY) {
        return;
    }
    spin_lock(&process->signal_lock);
    if (is_user) {
        count_down(process, ABI_ITIMER_VIRTUAL, ABI_SIGVTALRM, tick_ns);
    }
    count_down(process, ABI_ITIMER_PROF, ABI_SIGPROF, tick_ns);
    check_limit(process, task, tick_ns);
    spin_unlock(&process->signal_lock);
}
