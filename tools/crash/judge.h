// SPDX-License-Identifier: MIT
/* From one state of a disk to a verdict. Theory in judge.c. */
#ifndef CAIRN_TOOLS_CRASH_JUDGE_H
#define CAIRN_TOOLS_CRASH_JUDGE_H

#include <stdbool.h>

#include "tools/crash/expect.h"

struct fs_kind;
struct image;

enum verdict {
    VERDICT_GOOD,
    VERDICT_UNREPAIRABLE, /* the repair tool gives up, or finds something to mend a second time */
    VERDICT_LOST,         /* not all that was promised is there, or something that nobody wrote */
};

struct judge {
    const struct fs_kind *kind;
    const struct model *model;
    const char *program;   /* or a program that judges files: `program --check FOLDER DONE BEGUN` */
    struct image *image;   /* the state */
    struct image *scratch; /* another of its size */
    bool skips_repair;     /* only what Cairn finds by itself */
    char why[EXPECT_WHY_BYTES + 80]; /* of a verdict that is not good */
};

/** Judge the state in judge->image, which is changed. @mark: as promise_begun() and promise_done() number them. */
enum verdict judge_state(struct judge *judge, unsigned mark);

/** The marks of a tape: an operation is about to begin; it has returned. */
static inline unsigned promise_begun(unsigned op)
{
    return 2 * op;
}

static inline unsigned promise_done(unsigned op)
{
    return 2 * op + 1;
}

#endif
