// SPDX-License-Identifier: MIT
/* Several processes, and what they count together.
 *
 * The host build of the kernel has one disk and one tree, so parallel work needs processes: each takes the next number
 * of a sequence, runs it, and judges its states (attempt.c). What they count lies in memory that they share.
 *
 * A process that dies (a panic, a failed assertion, a state that takes minutes) has found something, too: what it was
 * at stands in the shared memory, and its parent prints it. */
#include "tools/crash/workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/crash/attempt.h"
#include "tools/crash/kinds.h"
#include "tools/crash/memory.h"

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
        attempt_work(worker, folder);
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
