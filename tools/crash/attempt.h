// SPDX-License-Identifier: MIT
/* One process of the harness at work. */
#ifndef CAIRN_TOOLS_CRASH_ATTEMPT_H
#define CAIRN_TOOLS_CRASH_ATTEMPT_H

#include <time.h>

#include "tools/crash/session.h"
#include "tools/crash/workers.h"

#define MAX_JOBS     32u
#define REPLAY_BYTES 2600u

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
    char what[REPLAY_BYTES - 200]; /* the sequence, as the arguments that repeat it */
    time_t end;
};

/** Work until there is enough of everybody's. @folder: on a tmpfs. */
void attempt_work(struct worker *worker, const char *folder);

#endif
