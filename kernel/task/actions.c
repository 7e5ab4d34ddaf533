// SPDX-License-Identifier: MIT
/* Signal actions: a table of 64 entries, shared between processes only by clone(CLONE_SIGHAND)
 * without CLONE_THREAD.
 *
 * Locks: a process looks at its own actions with its signal_lock held; the table's own lock,
 * inside it, is for the rare case of several processes. */
#include "kernel/task/actions.h"
#include "kernel/base/string.h"
#include "kernel/task/task.h"
#include "mm/slab.h"

#define UNBLOCKABLE (signal_bit(ABI_SIGKILL) | signal_bit(ABI_SIGSTOP))

SLAB_CACHE(actions_cache, struct signal_actions, NULL);

struct signal_actions *signal_actions_create(void)
{
    struct signal_actions *actions = slab_alloc(&actions_cache, ALLOC_KERNEL | ALLOC_ZERO);

    if (actions != NULL) {
        refcount_init(&actions->refs, 1);
        spin_init(&actions->lock, LOCK_RANK_SIGNAL, "signal actions");
    }
    return actions;
}

struct signal_actions *signal_actions_copy(struct signal_actions *from)
{
    struct signal_actions *copy = signal_actions_create();
    uint64_t irq_state;

    if (copy != NULL) {
        irq_state = spin_lock_irqsave(&from->lock);
        memcpy(copy->actions, from->actions, sizeof(copy->actions));
        spin_unlock_irqrestore(&from->lock, irq_state);
    }
    return copy;
}

void signal_actions_get(struct signal_actions *actions)
{
    refcount_get(&actions->refs);
}

void signal_actions_put(struct signal_actions *actions)
{
    if (refcount_put(&actions->refs)) {
        slab_free(&actions_cache, actions);
    }
}

void signal_actions_reset(struct signal_actions *actions)
{
    unsigned i;

    for (i = 0; i < ABI_NSIG; i++) {
        uint64_t handler = actions->actions[i].handler;

        actions->actions[i] = (struct abi_sigaction){
            .handler = handler == ABI_SIG_IGN ? ABI_SIG_IGN : ABI_SIG_DFL,
        };
    }
}

struct abi_sigaction signal_actions_read(struct process *process, int signal)
{
    struct signal_actions *actions = process->actions;
    struct abi_sigaction action;

    spin_assert_held(&process->signal_lock);
    if (likely(refcount_read(&actions->refs) == 1)) {
        return actions->actions[signal - 1];
    }
    spin_lock_nested(&actions->lock);
    action = actions->actions[signal - 1];
    spin_unlock(&actions->lock);
    return action;
}

enum signal_default signal_default_of(int signal)
{
    switch (signal) {
    case ABI_SIGCHLD:
    case ABI_SIGURG:
    case ABI_SIGWINCH: return SIGNAL_IGNORED;
    case ABI_SIGCONT: return SIGNAL_CONTINUES;
    case ABI_SIGSTOP:
    case ABI_SIGTSTP:
    case ABI_SIGTTIN:
    case ABI_SIGTTOU: return SIGNAL_STOPS;
    default: return SIGNAL_TERMINATES;
    }
}

static bool is_ignoring(const struct abi_sigaction *action, int signal)
{
    if (action->handler == ABI_SIG_IGN) {
        return true;
    }
    return action->handler == ABI_SIG_DFL && (signal_default_of(signal) == SIGNAL_IGNORED ||
                                              signal_default_of(signal) == SIGNAL_CONTINUES);
}

static void forget_pending(struct process *process, int signal)
{
    struct task *task;

    process->nr_queued_signals -= signal_queue_flush(&process->pending, signal_bit(signal));
    list_for_each (task, &process->threads, thread_node) {
        process->nr_queued_signals -= signal_queue_flush(&task->pending, signal_bit(signal));
    }
}

void signal_set_action(struct process *process, int signal, const struct abi_sigaction *next,
                       struct abi_sigaction *old)
{
    struct signal_actions *actions = process->actions;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);

    spin_lock_nested(&actions->lock);
    *old = actions->actions[signal - 1];
    if (next != NULL) {
        actions->actions[signal - 1] = *next;
        actions->actions[signal - 1].mask &= ~UNBLOCKABLE;
    }
    spin_unlock(&actions->lock);
    if (next != NULL && is_ignoring(next, signal)) {
        forget_pending(process, signal);
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
}
