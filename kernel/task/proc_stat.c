// SPDX-License-Identifier: MIT
/* /proc/PID/stat, statm and status: one process in numbers, in the fields and order that ps(1)
 * and top(1) expect (proc(5)). Fields that Cairn has nothing for are 0. */
#include "kernel/abi/errno.h"
#include "kernel/abi/time.h"
#include "kernel/task/account.h"
#include "kernel/task/actions.h"
#include "kernel/task/job.h"
#include "kernel/task/proc_internal.h"
#include "mm/space.h"
#include "mm/space_usage.h"

#define NS_PER_USER_TICK (1000000000ull / ABI_USER_HZ)

struct memory_use { /* in pages */
    uint64_t size, peak_size, resident, peak_resident, swapped, locked, tables;
    uint64_t object, memory; /* of resident: pages of objects, and of them those without a disk */
    uint64_t text, data, stack;
    uint64_t start_stack; /* an address */
};

static void count_area(const struct area *area, void *arg)
{
    struct memory_use *use = arg;
    uint64_t nr_pages = (area->end - area->start) >> PAGE_SHIFT;

    if ((area->flags & AREA_GROWS_DOWN) != 0) {
        use->stack += nr_pages;
    } else if ((area->flags & (AREA_EXEC | AREA_WRITE)) == AREA_EXEC) {
        use->text += nr_pages;
    }
    if (area->object != NULL &&
        area->object->is_memory) { /* rare, and so not counted at each fault */
        struct space_usage usage = {0};

        space_add_usage(area->space, area->start, area->end, &usage);
        use->memory += (usage.resident - usage.anonymous) >> PAGE_SHIFT;
    }
}

static void get_memory_use(const struct proc_target *target, struct memory_use *use)
{
    struct space *space = target->task != NULL ? task_get_space(target->task) : NULL;

    *use = (struct memory_use){0};
    if (space == NULL) {
        return;
    }
    use->size = atomic_load_explicit(&space->nr_mapped_pages, memory_order_relaxed);
    use->locked = atomic_load_explicit(&space->nr_locked_pages, memory_order_relaxed);
    use->swapped = atomic_load_explicit(&space->nr_swap_pages, memory_order_relaxed);
    use->tables = atomic_load_explicit(&space->table.nr_tables, memory_order_relaxed);
    use->start_stack = space->start_stack;
    use->data = atomic_load_explicit(&space->nr_data_pages, memory_order_relaxed);
    use->peak_size = atomic_load_explicit(&space->nr_peak_mapped_pages, memory_order_relaxed);
    use->object = atomic_load_explicit(&space->nr_object_pages, memory_order_relaxed);
    use->resident = space_nr_resident(space);
    use->peak_resident = space_nr_peak_resident(space);
    space_for_each_area(space, count_area, use);
    space_put(space);
}

struct relations { /* numbers of the relatives, read in one go */
    pid_t parent, group, session;
    struct cpu_usage children;
    unsigned nr_threads;
};

static void get_relations(const struct process *process, struct relations *relations)
{
    spin_lock(&task_tree_lock);
    relations->parent = process->parent != NULL ? process->parent->id : 0;
    /* A process that was reaped between the look-up and here has no group any more. */
    relations->group = list_is_linked(&process->group_node) ? process->group->number : 0;
    relations->session = list_is_linked(&process->session_node) ? process->session->number : 0;
    relations->children = process->dead_children;
    relations->nr_threads = process->nr_threads;
    spin_unlock(&task_tree_lock);
}

struct signal_sets {
    uint64_t pending, shared, blocked, ignored, caught;
};

static void get_signals(const struct proc_target *target, struct signal_sets *sets)
{
    struct process *process = target->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    int signal;

    *sets = (struct signal_sets){0};
    sets->shared = process->pending.set;
    if (target->task != NULL) {
        sets->pending = target->task->pending.set;
        sets->blocked = target->task->blocked;
    }
    for (signal = 1; process->actions != NULL && signal <= ABI_NSIG; signal++) {
        uint64_t handler = signal_actions_read(process, signal).handler;

        if (handler == ABI_SIG_IGN) {
            sets->ignored |= signal_bit(signal);
        } else if (handler != ABI_SIG_DFL) {
            sets->caught |= signal_bit(signal);
        }
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
}

static void get_usage(const struct proc_target *target, bool is_group, struct cpu_usage *usage)
{
    if (is_group || target->task == NULL) {
        account_process(target->process, usage);
    } else {
        account_task(target->task, usage);
    }
}

int proc_show_stat(struct seq *seq, pid_t id, bool is_group)
{
    struct proc_target target;
    struct relations relations;
    struct memory_use memory;
    struct signal_sets signals;
    struct cpu_usage usage;
    char name[TASK_NAME_SIZE];
    uint32_t terminal;
    pid_t foreground;
    int error = proc_find(id, &target);
    int nice;

    if (error != 0) {
        return error;
    }
    get_relations(target.process, &relations);
    get_memory_use(&target, &memory);
    get_signals(&target, &signals);
    get_usage(&target, is_group, &usage);
    proc_name(&target, name);
    job_describe_terminal(target.process, &terminal, &foreground);
    nice = target.task != NULL ? target.task->sched.nice : 0;
    seq_printf(seq, "%d (%s) %c %d %d %d %u %d 0 ", id, name, proc_state(&target), relations.parent,
               relations.group, relations.session, terminal, foreground);
    seq_printf(
        seq, "%llu 0 %llu 0 %llu %llu %llu %llu ",
        (unsigned long long)(usage.nr_faults - min_of(usage.nr_major_faults, usage.nr_faults)),
        (unsigned long long)usage.nr_major_faults,
        (unsigned long long)(usage.user_ns / NS_PER_USER_TICK),
        (unsigned long long)(usage.system_ns / NS_PER_USER_TICK),
        (unsigned long long)(relations.children.user_ns / NS_PER_USER_TICK),
        (unsigned long long)(relations.children.system_ns / NS_PER_USER_TICK));
    seq_printf(seq, "%d %d %u 0 %llu %llu %llu %llu ", 20 + nice, nice, relations.nr_threads,
               (unsigned long long)(target.process->start_ns / NS_PER_USER_TICK),
               (unsigned long long)(memory.size * PAGE_SIZE), (unsigned long long)memory.resident,
               (unsigned long long)ABI_RLIM_INFINITY);
    seq_printf(seq, "0 0 %llu 0 0 %llu %llu %llu %llu 0 0 0 %d %d %u %u 0 0 0 0 0 0 0 0 0 0 %d\n",
               (unsigned long long)(proc_may_look(id) == 0 ? memory.start_stack : 0),
               (unsigned long long)(signals.pending & 0x7fffffff),
               (unsigned long long)(signals.blocked & 0x7fffffff),
               (unsigned long long)(signals.ignored & 0x7fffffff),
               (unsigned long long)(signals.caught & 0x7fffffff), target.process->exit_signal,
               target.task != NULL ? (int)target.task->thread.hart : 0,
               target.task != NULL ? target.task->sched.rt_priority : 0,
               target.task != NULL ? target.task->sched.policy : 0, target.process->exit_status);
    proc_put(&target);
    return 0;
}

int proc_show_statm(struct seq *seq, pid_t id, bool is_group)
{
    struct proc_target target;
    struct memory_use memory;
    int error = proc_find(id, &target);

    (void)is_group;
    if (error != 0) {
        return error;
    }
    get_memory_use(&target, &memory);
    seq_printf(seq, "%llu %llu %llu %llu 0 %llu 0\n", (unsigned long long)memory.size,
               (unsigned long long)memory.resident, (unsigned long long)memory.object,
               (unsigned long long)memory.text, (unsigned long long)(memory.data + memory.stack));
    proc_put(&target);
    return 0;
}

static const char *state_word(char state)
{
    switch (state) {
    case 'R': return "running";
    case 'S': return "sleeping";
    case 'T': return "stopped";
    case 'Z': return "zombie";
    case 'X': return "dead";
    default: return "disk sleep";
    }
}

static void show_credentials(struct seq *seq, const struct cred *cred)
{
    uint32_t i;

    seq_printf(seq, "Uid:\t%u\t%u\t%u\t%u\n", cred->uid, cred->euid, cred->suid, cred->fsuid);
    seq_printf(seq, "Gid:\t%u\t%u\t%u\t%u\nGroups:\t", cred->gid, cred->egid, cred->sgid,
               cred->fsgid);
    for (i = 0; i < cred->nr_groups; i++) {
        seq_printf(seq, "%u ", cred->groups[i]);
    }
    seq_puts(seq, "\n");
}

static void show_pages(struct seq *seq, const char *name, uint64_t nr_pages)
{
    seq_printf(seq, "%s:\t%8llu kB\n", name, (unsigned long long)nr_pages * (PAGE_SIZE / 1024));
}

static void show_memory(struct seq *seq, const struct memory_use *use)
{
    uint64_t nr_memory = min_of(use->memory, use->object); /* counted one after the other */

    show_pages(seq, "VmPeak", use->peak_size);
    show_pages(seq, "VmSize", use->size);
    show_pages(seq, "VmLck", use->locked);
    show_pages(seq, "VmPin", 0);
    show_pages(seq, "VmHWM", use->peak_resident);
    show_pages(seq, "VmRSS", use->resident);
    show_pages(seq, "RssAnon", use->resident - min_of(use->object, use->resident));
    show_pages(seq, "RssFile", use->object - nr_memory);
    show_pages(seq, "RssShmem", nr_memory);
    show_pages(seq, "VmData", use->data);
    show_pages(seq, "VmStk", use->stack);
    show_pages(seq, "VmExe", use->text);
    show_pages(seq, "VmPTE", use->tables);
    show_pages(seq, "VmSwap", use->swapped);
}

int proc_show_status(struct seq *seq, pid_t id, bool is_group)
{
    struct proc_target target;
    struct relations relations;
    struct memory_use memory;
    struct signal_sets signals;
    struct cpu_usage usage;
    char name[TASK_NAME_SIZE];
    char state;
    int error = proc_find(id, &target);

    if (error != 0) {
        return error;
    }
    get_relations(target.process, &relations);
    get_memory_use(&target, &memory);
    get_signals(&target, &signals);
    get_usage(&target, is_group, &usage);
    proc_name(&target, name);
    state = proc_state(&target);
    seq_printf(seq, "Name:\t%s\nState:\t%c (%s)\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
               name, state, state_word(state), target.process->id, id, relations.parent);
    if (target.task != NULL) {
        show_credentials(seq, &target.task->cred);
        show_memory(seq, &memory);
    }
    seq_printf(seq, "Threads:\t%u\n", relations.nr_threads);
    seq_printf(seq, "SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\n",
               (unsigned long long)signals.pending, (unsigned long long)signals.shared,
               (unsigned long long)signals.blocked);
    seq_printf(seq, "SigIgn:\t%016llx\nSigCgt:\t%016llx\n", (unsigned long long)signals.ignored,
               (unsigned long long)signals.caught);
    seq_printf(
        seq, "NoNewPrivs:\t%d\nvoluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\n",
        target.process->has_no_new_privileges, (unsigned long long)usage.nr_switches,
        (unsigned long long)usage.nr_preempted);
    proc_put(&target);
    return 0;
}
