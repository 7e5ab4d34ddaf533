// SPDX-License-Identifier: MIT
/* What one process does: sequences of its own, one after the other, or its share of the states of a machine's log. */
#include "tools/crash/attempt.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/crash/kinds.h"
#include "tools/crash/log.h"
#include "tools/crash/seen.h"
#include "tools/crash/world.h"
#include "tools/host/tape.h"
#include "user/test/crash/generate.h"

#define MAX_SHOWN     10u
#define STATE_SECONDS 120u
#define STRIDE        101u /* so that a short run meets all kinds of operations */

/* Of a log the plan says how many: to stop in its middle would leave its end untried. */
static bool is_enough(const struct worker *worker)
{
    return (worker->campaign->log == NULL &&
            worker->shared->totals.nr_states >= worker->campaign->nr_states) ||
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
             "make crash FS=%s SEED=%llu%s %s STATE=%u", worker->campaign->kind->name,
             (unsigned long long)worker->campaign->seed,
             worker->campaign->ignores_flush ? " LIE=1" : "", worker->what, state->number);
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

/* For another machine to look at: the state, and what this one finds in it. */
static bool save_one(const struct state *state, void *arg)
{
    struct worker *worker = arg;
    const struct image *image = &worker->session.state;
    char why[200];
    struct seen *seen;

    image_save_file(worker->campaign->saved, image->bytes, image->size_bytes);
    world_insert(&worker->session.state);
    if (world_mount(worker->campaign->kind) != 0 || (seen = world_look(why)) == NULL) {
        printf("state %u cannot be listed\n", state->number);
        return false;
    }
    seen_print(seen, ".");
    seen_free(seen);
    return world_unmount() != 0;
}

static void join_text(char *text, size_t size, const struct crash_op *ops, unsigned nr)
{
    char one[CRASH_TEXT];

    snprintf(text, size, "OPS='");
    for (unsigned i = 0; i < nr; i++) {
        size_t used = strlen(text);

        crash_op_format(&ops[i], one);
        snprintf(text + used, size - used, "%s%s", one, i + 1 != nr ? "; " : "'");
    }
}

static void judge_all(struct worker *worker, const struct state_plan *plan)
{
    struct session *session = &worker->session;

    worker->judge = (struct judge){.kind = worker->campaign->kind,
                                   .model = session->model,
                                   .program = worker->campaign->program,
                                   .image = &session->state,
                                   .scratch = &session->backup};
    states_for_each(session->tape, plan, &session->state, &session->base,
                    worker->campaign->saved != NULL ? save_one : judge_one, worker);
}

/* ---- Sequences on the host ----------------------------------------------------------------------- */

static void try_sequence(struct worker *worker, const struct crash_op *ops, unsigned nr)
{
    const struct campaign *campaign = worker->campaign;
    struct state_plan plan = {.seed = campaign->seed,
                              .nr_subsets = 3,
                              .only = campaign->only_state,
                              .ignores_flush = campaign->ignores_flush};

    join_text(worker->what, sizeof(worker->what), ops, nr);
    snprintf(worker->shared->at[worker->index], REPLAY_BYTES, "make crash FS=%s SEED=%llu %s",
             campaign->kind->name, (unsigned long long)campaign->seed, worker->what);
    alarm(STATE_SECONDS);
    if (!session_run(&worker->session, ops, nr)) {
        worker->shared->totals.nr_broken++;
        printf("    replay it: %s\n", worker->shared->at[worker->index]);
        fflush(stdout);
        return;
    }
    if (campaign->shows) {
        session_print(&worker->session);
    }
    judge_all(worker, &plan);
    worker->shared->totals.nr_sequences++;
}

static unsigned number_of(const struct worker *worker, unsigned turn)
{
    unsigned nr = crash_nr_enumerated(worker->campaign->kind->has_links);

    return turn < nr ? (unsigned)((worker->campaign->seed + turn) % nr * STRIDE % nr) : turn;
}

static void work_on_sequences(struct worker *worker, const char *folder)
{
    const struct campaign *campaign = worker->campaign;
    struct crash_op ops[CRASH_MAX_OPS];
    const char *why;

    session_begin(&worker->session, campaign->kind, folder);
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
}

/* ---- A machine's log ----------------------------------------------------------------------------- */

/* A position has two states and a little that are not equal to others. */
static void work_on_log(struct worker *worker, const char *folder)
{
    const struct campaign *campaign = worker->campaign;
    struct session *session = &worker->session;
    struct state_plan plan = {.seed = campaign->seed,
                              .nr_subsets = 3,
                              .nr_positions = campaign->nr_states / 2 + 1,
                              .nr_shares = campaign->nr_jobs,
                              .share = worker->index,
                              .only = campaign->only_state,
                              .ignores_flush = campaign->ignores_flush};
    const char *program = campaign->program;

    session_load(session, campaign->kind, folder, campaign->before);
    session->model = campaign->program == NULL ? model_new() : NULL;
    session->tape = log_read(campaign->log, &session->start, session->model);
    if (program != NULL && strrchr(program, '/') != NULL) {
        program = strrchr(program, '/') + 1;
    }
    snprintf(worker->what, sizeof(worker->what), "LOG=%s%s%s", campaign->log,
             program != NULL ? " PROGRAM=" : "", program != NULL ? program : "");
    if (campaign->shows && worker->index == 0) {
        session_print(session);
    }
    judge_all(worker, &plan);
    worker->shared->totals.nr_sequences++;
}

void attempt_work(struct worker *worker, const char *folder)
{
    char own[64];

    snprintf(own, sizeof(own), "%s/%u", folder, worker->index);
    mkdir(own, 0700);
    if (worker->campaign->log != NULL) {
        work_on_log(worker, own);
    } else {
        work_on_sequences(worker, own);
    }
    session_end(&worker->session);
    rmdir(own);
}
