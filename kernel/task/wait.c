// SPDX-License-Identifier: MIT
/* Waiting for children: look at all of them, and sleep until one has news.
 *
 * News are an exit (the child is a zombie), a stop, or a continue; each is told once, unless
 * WNOWAIT leaves it in place. The look is made under task_tree_lock with the caller prepared to
 * block, and whoever brings news wakes the queue after it has made them visible, so that none is
 * missed. */
#include "kernel/task/wait.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/wait.h"
#include "kernel/task/account.h"
#include "kernel/task/exit.h"
#include "kernel/task/pid.h"
#include "kernel/task/sched.h"
#include "kernel/task/task.h"

enum found { FOUND_NOBODY, FOUND_CHILDREN, FOUND_NEWS };

static bool matches(const struct process *child, const struct wait_request *request)
{
    bool is_clone = child->exit_signal != ABI_SIGCHLD;

    if ((request->type == ABI_P_PID && child->id != request->id) ||
        (request->type == ABI_P_PGID && child->group->number != request->id)) {
        return false;
    }
    return (request->options & ABI_WALL) != 0 || is_clone == ((request->options & ABI_WCLONE) != 0);
}

static void tell(struct process *child, int status, struct wait_result *result)
{
    result->id = child->id;
    result->uid = child->leader != NULL ? child->leader->cred.uid : 0;
    result->status = status;
    result->usage = child->dead_threads;
    account_add(&result->usage, &child->dead_children);
}

/** A stop or a continue that nobody has been told of. */
static bool take_job_news(struct process *child, const struct wait_request *request,
                          struct wait_result *result)
{
    uint64_t irq_state = spin_lock_irqsave(&child->signal_lock);
    bool is_stop = child->news == PROCESS_NEWS_STOPPED && (request->options & ABI_WSTOPPED) != 0;
    bool is_continue = child->news == PROCESS_NEWS_CONTINUED &&
                       (request->options & ABI_WCONTINUED) != 0;

    if (is_stop || is_continue) {
        tell(child, is_stop ? ABI_STATUS_STOPPED(child->stop_signal) : ABI_STATUS_CONTINUED,
             result);
        if ((request->options & ABI_WNOWAIT) == 0) {
            child->news = PROCESS_NO_NEWS;
        }
    }
    spin_unlock_irqrestore(&child->signal_lock, irq_state);
    return is_stop || is_continue;
}

static bool take_news(struct process *child, const struct wait_request *request,
                      struct wait_result *result)
{
    if (!child->is_zombie) {
        return take_job_news(child, request, result);
    }
    if ((request->options & ABI_WEXITED) == 0) {
        return false;
    }
    tell(child, child->exit_status, result);
    if ((request->options & ABI_WNOWAIT) == 0) {
        process_reap(child);
    }
    return true;
}

static enum found look(struct process *parent, const struct wait_request *request,
                       struct wait_result *result)
{
    enum found found = FOUND_NOBODY;
    struct process *child;
    struct process *after;

    spin_lock(&task_tree_lock);
    list_for_each_safe (child, after, &parent->children, sibling_node) {
        if (!matches(child, request)) {
            continue;
        }
        found = FOUND_CHILDREN;
        if (take_news(child, request, result)) {
            found = FOUND_NEWS;
            break;
        }
    }
    spin_unlock(&task_tree_lock);
    return found;
}

int process_wait(const struct wait_request *request, struct wait_result *result)
{
    struct process *parent = task_current()->process;
    enum found found = FOUND_CHILDREN;
    int error;

    *result = (struct wait_result){0};
    if ((request->options & ABI_WNOHANG) != 0) {
        found = look(parent, request, result);
        error = 0;
    } else {
        error = waitq_wait(&parent->wait_children, PORT_BLOCK_INTERRUPTIBLE, PORT_NO_DEADLINE,
                           (found = look(parent, request, result)) != FOUND_CHILDREN);
    }
    sched_free_dead();
    if (found == FOUND_NOBODY) {
        return -ECHILD;
    }
    return found == FOUND_NEWS ? 0 : error;
}
