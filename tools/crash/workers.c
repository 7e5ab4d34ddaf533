// SPDX-License-Identifier: MIT
/* The host build of the kernel has one disk and one tree, so parallel work needs processes: each takes the next number
 * of a sequence, runs it, and judges its states. What they count lies in memory that they share.
 *
 * A process that dies (a panic, a failed assertion, a state that takes minutes) has found something, too: what it was
 * at stands in the shared memory, and its parent prints it. */
#include "tools/crash/workers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/crash/kinds.h"
#include "tools/crash/memory.h"
#include "tools/crash/session.h"
#include "user/test/crash/generate.h"

#define MAX_JOBS      32u
#define MAX_SHOWN     10u
#define STATE_SECONDS 120u
#define STRIDE        101u /* so that a short run meets all kinds of operations */
#define REPLAY_BYTES  2600u

struct shared {
    struct totals totals;
    char at[MAX_JOBS][REPLAY_BYTES]; /* the command that replays what a process is at */
};

struct worker {
    const struct campaign *campaign;
    struct shared *shared;
    unsigned index;
    struct session session;
    struct judge judge;
    char ops_text[REPLAY_BYTES - 200];
    time_t end;
};

static bool is_enough(const struct worker *worker)
{
    return worker->shared->totals.nr_states >= worker->campaign->nr_states ||
           time(NULL) >= worker->end;
}

static const char *const verdict_names[] = {"good", "UNREPAIRABLE", "LOST"};
static const char *const kind_names[] = {"all of the writes so far", "the last write torn",
                                         "a subset of the writes since the last flush"};

static void report(struct worker *worker, const struct state *state, enum verdict verdict)
{
    struct totals *totals = &worker->shared->totals;
    bool may_need_person = strcmp(worker->campaign->kind->name, "ext2") == 0; /* it is counted */
    unsigned nr = verdict == VERDICT_LOST ? totals->nr_lost++ : totals->nr_unrepairable++;

    if (nr >= MAX_SHOWN || worker->campaign->ignores_flush ||
        (worker->campaign->ops == NULL && verdict == VERDICT_UNREPAIRABLE && may_need_person)) {
        return;
    }
    printf("%s: %s: %s\n    state %u: %s (position %u, %u not flushed)\n",
           worker->campaign->kind->name, verdict_names[verdict], worker->judge.why, state->number,
           kind_names[state->kind], state->position, state->nr_pending);
    kind_show_words(&worker->session.state);
    printf("    replay it: %s\n", worker->shared->at[worker->index]);
    fflush(stdout);
}

static bool judge_one(const struct state *state, void *arg)
{
    struct worker *worker = arg;
    enum verdict verdict;

    snprintf(worker->shared->at[worker->index], REPLAY_BYTES,
             "make crash FS=%s SEED=%llu%s OPS='%s' STATE=%u", worker->campaign->kind->name,
             (unsigned long long)worker->campaign->seed,
             worker->campaign->ignores_flush ? " LIE=1" : "", worker->ops_text, state->number);
    alarm(STATE_SECONDS);
    verdict = judge_state(&worker->judge, state->mark);
    alarm(0);
    worker->shared->totals.nr_states++;
    if (verdict != VERDICT_GOOD) {
        report(worker, state, verdict);
    } else if (worker->campaign->only_state >= 0) {
        printf("%s: state %u is good\n", worker->campaign->kind->name, state->number);
    }
    return !is_enough(worker);
}

static void join_text(char *text, size_t size, const struct crash_op *ops, unsigned nr)
{
    char one[CRASH_TEXT];

    text[0] = '\0';
    for (unsigned i = 0; i < nr; i++) {
        size_t used = strlen(text);

        crash_op_format(&ops[i], one);
        snprintf(text + used, size - used, "%s%s", i != 0 ? "; " : "", one);
    }
}

static void try_sequence(struct worker *worker, const struct crash_op *ops, unsigned nr)
{
    const struct campaign *campaign = worker->campaign;
    struct session *session = &worker->session;
    struct state_plan plan = {.seed = campaign->seed,
                              .nr_subsets = 3,
                              .step = 1,
                              .only = campaign->only_state,
                              .ignores_flush = campaign->ignores_flush};

    join_text(worker->ops_text, sizeof(worker->ops_text), ops, nr);
    snprintf(worker->shared->at[worker->index], REPLAY_BYTES, "make crash FS=%s SEED=%llu OPS='%s'",
             campaign->kind->name, (unsigned long long)campaign->seed, worker->ops_text);
    alarm(STATE_SECONDS);
    if (!session_run(session, ops, nr)) {
        worker->shared->totals.nr_broken++;
        printf("    replay it: %s\n", worker->shared->at[worker->index]);
        fflush(stdout);
        return;
    }
    if (campaign->shows) {
        session_print(session);
    }
    worker->judge = (struct judge){.kind = campaign->kind,
                                   .model = session->model,
                                   .image = &session->state,
                                   .scratch = &session->backup};
    states_for_each(session->tape, &plan, &session->state, &session->base, judge_one, worker);
    worker->shared->totals.nr_sequences++;
}

static unsigned number_of(const struct worker *worker, unsigned turn)
{
    unsigned nr = crash_nr_enumerated(worker->campaign->kind->has_links);

    return turn < nr ? (unsigned)((worker->campaign->seed + turn) % nr * STRIDE % nr) : turn;
}

static void work(struct worker *worker, const char *folder)
{
    const struct campaign *campaign = worker->campaign;
    struct crash_op ops[CRASH_MAX_OPS];
    char own[64];
    const char *why;

    snprintf(own, sizeof(own), "%s/%u", folder, worker->index);
    mkdir(own, 0700);
    session_begin(&worker->session, campaign->kind, own);
    if (campaign->ops != NULL) {
        int nr = crash_ops_parse(campaign->ops, ops, &why);

        if (nr > 0 && (unsigned)nr < CRASH_MAX_OPS && ops[nr - 1].verb != CRASH_SYNC) {
            memset(&ops[nr], 0, sizeof(ops[nr]));
            ops[nr++].verb = CRASH_SYNC;
        }
        try_sequence(worker, ops, (unsigned)nr);
    }
    while (campaign->ops == NULL && !is_enough(worker)) {
        unsigned number = number_of(worker, worker->shared->totals.next++);

        try_sequence(worker, ops,
                     crash_generate(number, campaign->seed, campaign->kind->has_links, ops));
    }
    session_end(&worker->session);
    rmdir(own);
}

static void show_progress(const struct campaign *campaign, const struct totals *totals,
                          time_t start)
{
    fprintf(stderr, "%s%s: %u states of %u sequences, %u unrepairable, %u lost, %ld s%s",
            isatty(2) ? "\r" : "  ", campaign->kind->name, totals->nr_states, totals->nr_sequences,
            totals->nr_unrepairable, totals->nr_lost, (long)(time(NULL) - start),
            isatty(2) ? " " : "\n");
}

/* Wait for all of them. Returns how many died. */
static unsigned wait_for_all(const struct campaign *campaign, struct shared *shared, pid_t *jobs)
{
    time_t start = time(NULL), told = start;
    unsigned nr_left = campaign->nr_jobs, nr_died = 0;
    struct timespec moment = {.tv_nsec = 20000000};

    while (nr_left != 0) {
        int status;
        pid_t ended = waitpid(-1, &status, WNOHANG);

        for (unsigned i = 0; ended > 0 && i < campaign->nr_jobs; i++) {
            if (jobs[i] == ended) {
                nr_left--;
                if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                    printf("%s: a process has ended with %s %d; it was at: %s\n",
                           campaign->kind->name, WIFEXITED(status) ? "status" : "signal",
                           WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
                           shared->at[i]);
                    nr_died++;
                }
            }
        }
        if (time(NULL) - told >= (isatty(2) ? 1 : 10)) {
            told = time(NULL);
            show_progress(campaign, &shared->totals, start);
        }
        if (ended <= 0) {
            nanosleep(&moment, NULL);
        }
    }
    if (isatty(2)) {
        fprintf(stderr, "\n");
    }
    return nr_died;
}

static pid_t start_one(struct worker *worker, const char *folder)
{
    pid_t child = fork();

    if (child == 0) {
        setvbuf(stdout, NULL, _IOFBF,
                64 << 10); /* one failure is one piece, whoever prints beside us */
        work(worker, folder);
        fflush(stdout);
        _exit(0);
    }
    if (child < 0) {
        perror("fork");
        exit(2);
    }
    return child;
}

bool workers_run(const struct campaign *campaign, struct totals *totals)
{
    struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char folder[] = "/dev/shm/cairn-crash-XXXXXX", fallback[] = "/tmp/cairn-crash-XXXXXX";
    const char *used = mkdtemp(folder) != NULL ? folder : mkdtemp(fallback);
    struct worker *worker = must_have(calloc(1, sizeof(*worker)));
    pid_t jobs[MAX_JOBS];
    unsigned nr_died;

    must_have(shared != MAP_FAILED && used != NULL ? shared : NULL);
    fflush(stdout);
    worker->campaign = campaign;
    worker->shared = shared;
    worker->end = time(NULL) + campaign->nr_seconds;
    for (worker->index = 0; worker->index < campaign->nr_jobs; worker->index++) {
        jobs[worker->index] = start_one(worker, used);
    }
    nr_died = wait_for_all(campaign, shared, jobs);
    *totals = shared->totals;
    munmap(shared, sizeof(*shared));
    free(worker);
    if (nr_died == 0) {
        rmdir(used);
    }
    return nr_died == 0;
}
