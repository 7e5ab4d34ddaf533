// SPDX-License-Identifier: MIT
// Jobs.
//
// A job is the processes of one pipeline or background list. With job control each is a process
// group, and the terminal's foreground group is lent to one of them at a time; it comes back to the
// shell when the job ends or stops, with the terminal modes as the shell had them. Both parent and
// child set the group, as neither can know which of them runs first.
//
// All waiting goes through `take_status`, which files every ended or stopped child with its job, so
// that no wait can swallow what another one is after. A numbered job is kept until its end has been
// told, or waited for.
#include "user/sh/job.h"

#include "user/lib/signame.h"
#include "user/lib/tool.h"
#include "user/sh/job_internal.h"
#include "user/sh/redir.h"
#include "user/sh/shell.h"
#include "user/sh/trap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { FINISHED_MAX = 1000 }; // ended background jobs that a script never waits for

struct job *job_list;     // newest first
static int terminal = -1; // with job control, the terminal, close-on-exec
static struct termios shell_modes;
static pid_t outer_group; // the foreground group that the shell was started in

struct job *job_create(const char *text)
{
    struct job *job = xcalloc(1, sizeof(*job));

    job->text = xstrdup(text);
    job->next = job_list;
    job_list = job;
    return job;
}

void job_free(struct job *job)
{
    struct job **link = &job_list;

    while (*link != job)
        link = &(*link)->next;
    *link = job->next;
    free(job->processes);
    free(job->text);
    free(job);
}

enum process_state job_state(const struct job *job)
{
    enum process_state state = PROCESS_ENDED;

    for (int i = 0; i < job->nr; i++) {
        if (job->processes[i].state == PROCESS_RUNNING)
            return PROCESS_RUNNING;
        if (job->processes[i].state == PROCESS_STOPPED)
            state = PROCESS_STOPPED;
    }
    return state;
}

static int exit_status(int wait_status)
{
    if (WIFEXITED(wait_status))
        return WEXITSTATUS(wait_status);
    return STATUS_SIGNAL +
           (WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : WSTOPSIG(wait_status));
}

int job_status(const struct job *job)
{
    return job->nr ? exit_status(job->processes[job->nr - 1].status) : STATUS_SYNTAX;
}

// --- Forking ------------------------------------------------------------------------------------

static void add_process(struct job *job, pid_t pid)
{
    job->processes = xrealloc(job->processes, (size_t)(job->nr + 1) * sizeof(*job->processes));
    job->processes[job->nr++] = (struct process){.pid = pid};
    if (!job->group)
        job->group = pid;
}

static void give_terminal(pid_t group)
{
    if (terminal >= 0)
        tcsetpgrp(terminal, group);
}

// What every child does first. Jobs of the parent can be listed but not waited for.
static void become_subshell(bool ignore_interrupts)
{
    shell.subshell = true;
    shell.interactive = shell.job_control = false;
    trap_reset_child(ignore_interrupts);
    for (struct job *job = job_list; job; job = job->next)
        job->inherited = true;
}

pid_t job_fork(struct job *job, enum job_place place)
{
    bool control = shell.job_control;
    sigset_t all, old;
    pid_t pid;

    fflush(stdout);
    // A ^C must not reach the child before it has put its signals in order, or it would be lost.
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old);
    pid = fork();
    if (pid > 0) {
        add_process(job, pid);
        if (control) {
            setpgid(pid, job->group);
            if (place == JOB_FOREGROUND)
                give_terminal(job->group);
        }
    }
    if (pid != 0)
        sigprocmask(SIG_SETMASK, &old, NULL);
    if (pid < 0)
        shell_error("fork: %s", strerror(errno));
    if (pid != 0)
        return pid;
    if (control) {
        setpgid(0, job->group);      // 0 for the first: a group of its own
        if (place == JOB_FOREGROUND) // SIGTTOU is still ignored here
            give_terminal(getpgrp());
    }
    become_subshell(place == JOB_BACKGROUND && !control);
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (place == JOB_BACKGROUND && !control) {
        int null = open("/dev/null", O_RDONLY);

        if (null > 0) {
            dup2(null, STDIN_FILENO);
            close(null);
        }
    }
    return 0;
}

pid_t job_fork_helper(void)
{
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
        become_subshell(false);
    return pid;
}

// --- Waiting ------------------------------------------------------------------------------------

static pid_t helper_pid; // of job_wait_helper
static int helper_status;

static void file_status(pid_t pid, int status)
{
    if (pid == helper_pid && !WIFSTOPPED(status)) {
        helper_status = status;
        helper_pid = 0;
        return;
    }
    for (struct job *job = job_list; job; job = job->next) {
        for (int i = 0; i < job->nr && !job->inherited; i++) {
            struct process *process = &job->processes[i];

            if (process->pid != pid || process->state == PROCESS_ENDED)
                continue;
            process->status = status;
            process->state = WIFSTOPPED(status)     ? PROCESS_STOPPED
                             : WIFCONTINUED(status) ? PROCESS_RUNNING
                                                    : PROCESS_ENDED;
            job->changed = true;
            return;
        }
    }
}

bool job_take_status(bool block)
{
    int flags = (block ? 0 : WNOHANG) | (shell.job_control ? WUNTRACED | WCONTINUED : 0), status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, flags)) < 0 && errno == EINTR) {
    }
    if (pid > 0)
        file_status(pid, status);
    return pid > 0;
}

int job_wait_helper(pid_t pid)
{
    helper_pid = pid;
    while (helper_pid && job_take_status(true)) {
    }
    if (helper_pid) { // no children are left: somebody ignores SIGCHLD
        helper_pid = 0;
        return STATUS_NOT_FOUND;
    }
    return exit_status(helper_status);
}

static void take_terminal_back(const struct job *job)
{
    if (terminal < 0)
        return;
    give_terminal(getpgrp());
    // A program that ended well may have set modes on purpose (stty).
    if (job_state(job) == PROCESS_STOPPED || job_status(job) > STATUS_SIGNAL)
        tcsetattr(terminal, TCSADRAIN, &shell_modes);
    else
        tcgetattr(terminal, &shell_modes);
}

// A program that a signal ended says nothing itself. ^C and a closed pipe are everyday matters.
static void tell_death(const struct job *job)
{
    int status = job->processes[job->nr - 1].status;

    if (!WIFSIGNALED(status))
        return;
    if (WTERMSIG(status) == SIGINT && shell.interactive)
        fputc('\n', stderr);
    if (WTERMSIG(status) != SIGINT && WTERMSIG(status) != SIGPIPE)
        fprintf(stderr, "%s%s\n", signal_notice(WTERMSIG(status)),
                WCOREDUMP(status) ? " (core dumped)" : "");
}

int job_wait_foreground(struct job *job)
{
    int status;

    while (job->nr && job_state(job) == PROCESS_RUNNING && job_take_status(true)) {
    }
    if (shell.job_control)
        take_terminal_back(job);
    status = job_status(job);
    if (job->nr && job_state(job) == PROCESS_STOPPED) {
        if (!job->id)
            job->id = job_next_id();
        fputc('\n', stderr);
        job_print(job, stderr, JOB_SHORT);
        job->changed = false;
        return status;
    }
    if (job->nr) {
        tell_death(job);
        if (shell.interactive && WIFSIGNALED(job->processes[job->nr - 1].status) &&
            WTERMSIG(job->processes[job->nr - 1].status) == SIGINT)
            shell.unwind = UNWIND_ABORT; // ^C is meant for the whole line
    }
    job_free(job);
    return status;
}

void job_put_background(struct job *job)
{
    int nr_finished = 0;

    job->id = job_next_id();
    if (shell.interactive)
        fprintf(stderr, "[%d] %d\n", job->id, (int)job->processes[job->nr - 1].pid);
    while (job_take_status(false)) {
    }
    for (struct job *old = job_list, *next; old; old = next) {
        next = old->next;
        if (job_state(old) == PROCESS_ENDED && old->id && ++nr_finished > FINISHED_MAX)
            job_free(old);
    }
}

void job_notify(void)
{
    while (job_take_status(false)) {
    }
    for (struct job *job = job_list, *next; job; job = next) {
        next = job->next;
        if (!job->changed || !job->id)
            continue;
        job->changed = false;
        if (job_state(job) == PROCESS_RUNNING)
            continue;
        job_print(job, stderr, JOB_SHORT);
        if (job_state(job) == PROCESS_ENDED)
            job_free(job);
    }
}

bool job_any_stopped(void)
{
    while (job_take_status(false)) {
    }
    for (const struct job *job = job_list; job; job = job->next)
        if (job->id && job_state(job) == PROCESS_STOPPED)
            return true;
    return false;
}

// --- Job control --------------------------------------------------------------------------------

void job_resume(struct job *job, enum job_place place)
{
    for (int i = 0; i < job->nr; i++)
        if (job->processes[i].state == PROCESS_STOPPED)
            job->processes[i].state = PROCESS_RUNNING;
    job->changed = false;
    if (place == JOB_FOREGROUND)
        give_terminal(job->group);
    kill(-job->group, SIGCONT);
}

static bool enable(void)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

    if (fd < 0 && isatty(STDERR_FILENO))
        fd = dup(STDERR_FILENO);
    else if (fd < 0 && isatty(STDIN_FILENO))
        fd = dup(STDIN_FILENO);
    if (fd >= 0)
        fd = redir_move_high(fd);
    if (fd < 0 || tcgetpgrp(fd) < 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    // Started in the background: stop until somebody brings us to the front.
    while ((outer_group = tcgetpgrp(fd)) >= 0 && outer_group != getpgrp()) {
        signal(SIGTTIN, SIG_DFL);
        kill(0, SIGTTIN);
    }
    terminal = fd;
    trap_init_interactive();
    setpgid(0, 0); // fails for a session leader, who is one already
    give_terminal(getpgrp());
    tcgetattr(terminal, &shell_modes);
    return true;
}

bool job_control_enable(bool on)
{
    if (on == shell.job_control)
        return true;
    if (on && !enable())
        return false;
    if (!on)
        job_finish();
    shell.job_control = on;
    return true;
}

void job_finish(void)
{
    if (terminal < 0 || shell.subshell)
        return;
    if (outer_group > 0 && outer_group != getpgrp())
        give_terminal(outer_group);
    close(terminal);
    terminal = -1;
}
