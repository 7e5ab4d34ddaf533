// SPDX-License-Identifier: MIT
/* The first process: how it begins, and that it must not end.
 *
 * It begins as a kernel thread with a process of its own that executes a program and leaves to
 * user mode; everything after it comes by clone. When it crashes, the same process executes the
 * same program again: its number, its children and its place in the tree stay. A program that
 * crashes again and again, or exits, ends the machine with status 125. */
#include "kernel/task/init.h"
#include "fs/vfs/file.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/wait.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/printk.h"
#include "kernel/task/actions.h"
#include "kernel/task/exec.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/fork.h"
#include "kernel/task/fs_context.h"
#include "kernel/task/kthread.h"
#include "kernel/task/pid.h"
#include "kernel/task/resources.h"
#include "kernel/task/sched.h"
#include "kernel/task/signal.h"

#define MAX_RESTARTS      5
#define EXIT_STATUS_PANIC 125

#define MAX_ARGS 16

static struct {
    const char *const *programs;
    const char *argv[MAX_ARGS + 2]; /* the program that works, and the arguments */
    const char *const *envp;
    int error;               /* [is_decided] */
    _Atomic bool is_decided; /* [a] an execve has worked, or all have failed */
    struct waitq waitq;
    unsigned nr_restarts;
    void (*first_instruction_hook)(void);
} start = {.waitq = WAITQ_INIT(start.waitq)};

void init_set_first_instruction_hook(void (*hook)(void))
{
    start.first_instruction_hook = hook;
}

/** Descriptors 0, 1 and 2. Without a console init runs with none, as on Linux. */
static void open_console(void)
{
    struct walk_context context;
    struct file *file;
    int error = task_walk_context(TASK_AT_FDCWD, NULL, &context);

    if (error == 0) {
        error = vfs_open(&context, "/dev/console", O_RDWR | O_NOCTTY, 0, &file);
        task_walk_context_put(&context);
    }
    if (error != 0) {
        pr_warn("init: /dev/console cannot be opened (error %d): no standard input and output",
                -error);
        return;
    }
    if (fd_open_file(file, 0) != 0) {
        file_put(file);
        return;
    }
    (void)!fd_dup(0, 1, 0);
    (void)!fd_dup(0, 2, 0);
}

/** Execute the program that argv[0] names. */
static int execute(void)
{
    struct exec_request request = {
        .dirfd = TASK_AT_FDCWD,
        .name = start.argv[0],
        .argv = {.kernel = start.argv},
        .envp = {.kernel = start.envp},
    };

    open_console();
    return exec_program(&request);
}

/** The body of the first process. */
static void run_init(void *arg)
{
    int error = -ENOENT;
    unsigned i;

    (void)arg;
    for (i = 0; error != 0 && start.programs[i] != NULL; i++) {
        start.argv[0] = start.programs[i];
        error = execute();
        if (error != 0 && (error != -ENOENT || start.programs[1] == NULL)) {
            pr_notice("init: %s cannot be executed (error %d)", start.argv[0], -error);
        }
        if (error != 0) {
            (void)!fd_close_range(0, ~0u, false);
        }
    }
    start.error = error;
    atomic_store_explicit(&start.is_decided, true, memory_order_release);
    waitq_wake_all(&start.waitq);
    if (error != 0) {
        resources_release(task_current());
        return; /* whoever waits in init_start() ends the machine */
    }
    if (start.first_instruction_hook != NULL) {
        start.first_instruction_hook();
    }
    thread_enter_user();
}

static int make_resources(struct task *task, const struct path *root)
{
    struct process *process = process_create();
    int error;

    if (process == NULL) {
        return -ENOMEM;
    }
    process_put(task->process);
    task->process = process;
    process->is_init = true;
    process->exit_signal = ABI_SIGCHLD;
    process->actions = signal_actions_create();
    task->files = fd_table_create();
    task->fs = fs_context_create(root);
    if (process->actions == NULL || task->files == NULL || task->fs == NULL) {
        return -ENOMEM;
    }
    error = pid_alloc(&task->pid);
    if (error == 0) {
        task->tid = task->pid->number;
    }
    return error;
}

static void set_args(const char *const args[])
{
    unsigned i;

    for (i = 0; i < MAX_ARGS && args[i] != NULL; i++) {
        start.argv[i + 1] = args[i];
    }
    start.argv[i + 1] = NULL;
}

int init_start(const struct path *root, const char *const programs[], const char *const args[],
               const char *const envp[])
{
    struct task *task = kthread_create("init", run_init, NULL);
    int error;

    if (task == NULL) {
        return -ENOMEM;
    }
    error = make_resources(task, root);
    if (error != 0) {
        resources_release(task);
        task_put(task);
        return error;
    }
    start.programs = programs;
    start.envp = envp;
    set_args(args);
    spin_lock(&task_tree_lock);
    process_link(task, NULL);
    init_process = task->process;
    spin_unlock(&task_tree_lock);
    sched_start_task(task);
    waitq_wait_event(&start.waitq, atomic_load_explicit(&start.is_decided, memory_order_acquire));
    return start.error;
}

/** Make the process as good as new, for the program to be executed again. */
static void revive(struct task *self)
{
    struct process *process = self->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);

    process->is_exiting = false;
    process->exit_status = 0;
    process->nr_queued_signals -= signal_queue_flush(&process->pending, ~0ull);
    process->nr_queued_signals -= signal_queue_flush(&self->pending, ~0ull);
    self->blocked = 0;
    signal_recompute(self);
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    self->robust_list = 0;
    self->clear_child_tid = 0;
    (void)!fd_close_range(0, ~0u, false);
}

_Noreturn static void end_machine(const char *text, int number)
{
    vfs_shutdown();
    pr_err("init %s %d", text, number);
    machine_power_off(EXIT_STATUS_PANIC);
}

void init_ends(int status)
{
    struct task *self = task_current();
    int signal = ABI_STATUS_KILLED(status);

    if (signal == 0) {
        end_machine("exited with status", status >> 8 & 0xff);
    }
    if (start.nr_restarts == MAX_RESTARTS) {
        end_machine("was killed once more by signal", signal);
    }
    start.nr_restarts++;
    pr_err("init: killed by signal %d; started again (%u of %d)", signal, start.nr_restarts,
           MAX_RESTARTS);
    revive(self);
    if (execute() != 0) {
        end_machine("cannot be started again after signal", signal);
    }
    port_irq_restore(PORT_SSTATUS_SIE);
    thread_enter_user();
}
