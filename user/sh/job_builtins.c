// SPDX-License-Identifier: MIT
// jobs, fg, bg, wait and kill: what users say about jobs.
//
// A job is named %N, %% or %+ (the newest), %- (the one before), %text (its command begins so) or
// %?text (contains it).
#include "user/lib/number.h"
#include "user/lib/signame.h"
#include "user/lib/tool.h"
#include "user/sh/job_internal.h"
#include "user/sh/shell.h"
#include "user/sh/trap.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int job_next_id(void)
{
    int id = 0;

    for (const struct job *job = job_list; job; job = job->next)
        if (job->id > id)
            id = job->id;
    return id + 1;
}

// The newest and second newest job: stopped ones first, as they are what fg is for.
static const struct job *recent_job(int rank)
{
    for (int pass = 0; pass < 2; pass++) {
        for (const struct job *job = job_list; job; job = job->next)
            if (job->id && (job_state(job) == PROCESS_STOPPED) == (pass == 0) && rank-- == 0)
                return job;
    }
    return NULL;
}

static const char *state_text(const struct job *job, char *buf, size_t len)
{
    int status = job->processes[job->nr - 1].status;

    switch (job_state(job)) {
    case PROCESS_RUNNING: return "Running";
    case PROCESS_STOPPED: return "Stopped";
    default:
        if (WIFSIGNALED(status))
            return signal_notice(WTERMSIG(status));
        if (WEXITSTATUS(status) == 0)
            return "Done";
        snprintf(buf, len, "Done(%d)", WEXITSTATUS(status));
        return buf;
    }
}

void job_print(const struct job *job, FILE *out, enum job_format format)
{
    char state[16], mark = job == recent_job(0) ? '+' : job == recent_job(1) ? '-' : ' ';

    if (format == JOB_GROUPS) {
        fprintf(out, "%d\n", (int)job->group);
        return;
    }
    fprintf(out, "[%d] %c ", job->id, mark);
    if (format == JOB_LONG)
        fprintf(out, "%d ", (int)job->group);
    fprintf(out, "%-20s %s\n", state_text(job, state, sizeof(state)), job->text);
}

static bool text_fits(const struct job *job, const char *name)
{
    if (name[0] == '?')
        return strstr(job->text, name + 1) != NULL;
    return strncmp(job->text, name, strlen(name)) == 0;
}

// NULL, with a message, where there is none. No name means the newest.
static struct job *find_job(const char *name)
{
    const struct job *found = NULL;
    int64_t id;

    if (!name || strcmp(name, "%%") == 0 || strcmp(name, "%+") == 0 || strcmp(name, "%") == 0) {
        found = recent_job(0);
    } else if (strcmp(name, "%-") == 0) {
        found = recent_job(1);
    } else if (name[0] == '%') {
        bool numbered = parse_i64(name + 1, &id);

        for (const struct job *job = job_list; job && !found; job = job->next)
            if (job->id && (numbered ? job->id == id : text_fits(job, name + 1)))
                found = job;
    }
    if (!found)
        warn_text("%s: no such job", name ? name : "current");
    return (struct job *)found;
}

int builtin_jobs(int argc, char **argv)
{
    enum job_format format = JOB_SHORT;
    int at = 1, status = 0;

    for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++)
        format = argv[at][1] == 'l' ? JOB_LONG : argv[at][1] == 'p' ? JOB_GROUPS : JOB_SHORT;
    while (job_take_status(false)) {
    }
    for (int id = 1, end = job_next_id(); at == argc && id < end; id++) {
        for (struct job *job = job_list; job; job = job->next) {
            if (job->id != id)
                continue;
            job_print(job, stdout, format);
            job->changed = false;
            if (job_state(job) == PROCESS_ENDED)
                job_free(job);
            break;
        }
    }
    for (; at < argc; at++) {
        const struct job *job = find_job(argv[at]);

        if (job)
            job_print(job, stdout, format);
        else
            status = 1;
    }
    return status;
}

int builtin_fg(int argc, char **argv)
{
    struct job *job;

    if (!shell.job_control) {
        warn_text("no job control");
        return 1;
    }
    job = find_job(argc > 1 ? argv[1] : NULL);
    if (!job)
        return 1;
    puts(job->text);
    fflush(stdout);
    job_resume(job, JOB_FOREGROUND);
    return job_wait_foreground(job);
}

int builtin_bg(int argc, char **argv)
{
    int at = 1, status = 0;

    if (!shell.job_control) {
        warn_text("no job control");
        return 1;
    }
    do {
        struct job *job = find_job(at < argc ? argv[at] : NULL);

        if (job) {
            printf("[%d] %s &\n", job->id, job->text);
            job_resume(job, JOB_BACKGROUND);
        } else {
            status = 1;
        }
    } while (++at < argc);
    return status;
}

static bool any_running(void)
{
    for (const struct job *job = job_list; job; job = job->next)
        if (job->id && !job->inherited && job_state(job) == PROCESS_RUNNING)
            return true;
    return false;
}

// Wait until `done` says so. Returns 0, or 128 + the signal whose trap is to run first.
static int wait_until(bool (*done)(const struct job *job), const struct job *job)
{
    sigset_t old;
    int pending = 0;

    trap_block(&old);
    for (;;) {
        while (job_take_status(false)) {
        }
        pending = trap_pending();
        if (done(job) || pending)
            break;
        if (trap_take_interrupt()) {
            pending = SIGINT;
            shell.unwind = UNWIND_ABORT;
            break;
        }
        sigsuspend(&old); // unblocks and sleeps in one step: no signal slips between
    }
    trap_unblock(&old);
    return pending ? STATUS_SIGNAL + pending : 0;
}

static bool none_running(const struct job *job)
{
    (void)job;
    return !any_running();
}

static bool is_done(const struct job *job)
{
    return job_state(job) != PROCESS_RUNNING;
}

static struct job *job_of_pid(int64_t pid)
{
    for (struct job *job = job_list; job; job = job->next)
        for (int i = 0; i < job->nr && job->id && !job->inherited; i++)
            if (job->processes[i].pid == pid)
                return job;
    return NULL;
}

static int wait_for_one(const char *name)
{
    struct job *job;
    int64_t pid;
    int status;

    if (name[0] == '%') {
        job = find_job(name);
    } else if (parse_i64(name, &pid) && pid > 0) {
        job = job_of_pid(pid);
    } else {
        warn_text("%s: neither a process nor a job", name);
        return STATUS_SYNTAX;
    }
    if (!job)
        return STATUS_NOT_FOUND;
    status = wait_until(is_done, job);
    if (status)
        return status;
    status = job_status(job);
    if (job_state(job) == PROCESS_ENDED)
        job_free(job);
    return status;
}

int builtin_wait(int argc, char **argv)
{
    int status = 0;

    if (argc > 1) {
        for (int at = 1; at < argc && !shell.unwind; at++)
            status = wait_for_one(argv[at]);
        return status;
    }
    status = wait_until(none_running, NULL);
    for (struct job *job = job_list, *next; job && !status; job = next) {
        next = job->next;
        if (job->id && !job->inherited && job_state(job) == PROCESS_ENDED)
            job_free(job);
    }
    return status;
}

static int resolve_target(const char *operand)
{
    const struct job *job;

    if (operand[0] != '%') {
        warn_text("%s: neither a process nor a job", operand);
        return 0;
    }
    job = find_job(operand);
    if (!job)
        return 0;
    // Without job control a job is no group; its last process stands for it.
    return shell.job_control ? -job->group : job->processes[job->nr - 1].pid;
}

int builtin_kill(int argc, char **argv)
{
    return kill_command(argc, argv, resolve_target);
}
