// SPDX-License-Identifier: MIT
/* One sequence of operations on the host's disk: done, recorded, cut, judged. */
#ifndef CAIRN_TOOLS_CRASH_SESSION_H
#define CAIRN_TOOLS_CRASH_SESSION_H

#include <stdint.h>

#include "tools/crash/image.h"
#include "tools/crash/judge.h"
#include "tools/crash/states.h"
#include "user/test/crash/ops.h"

struct tape;

struct session {
    const struct fs_kind *kind;
    struct image start;  /* with the base tree, unmounted */
    struct image base;   /* scratch of states.c */
    struct image state;  /* what is judged */
    struct image backup; /* scratch of judge.c */
    struct model *model; /* of the sequence under way */
    struct tape *tape;
};

/** Make the images and the base tree. Once in a process. Exits it on failure. @folder: for the images. */
void session_begin(struct session *session, const struct fs_kind *kind, const char *folder);
/** Another beginning, for a log: the disk before it is in the file `before`, and there is no base tree. */
void session_load(struct session *session, const struct fs_kind *kind, const char *folder,
                  const char *before);
void session_end(struct session *session);

/** Run a sequence from the base tree and record it: session->model and ->tape until the next. Returns false with a
 *  message on standard output when an operation did what the model says it can't. */
bool session_run(struct session *session, const struct crash_op *ops, unsigned nr);

/** Print the sequence's operations, writes and promises, for whoever studies one. */
void session_print(const struct session *session);

#endif
