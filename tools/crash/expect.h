// SPDX-License-Identifier: MIT
/* The oracle's judgement: is everything there that was promised, and nothing that never was? Theory in expect.c. */
#ifndef CAIRN_TOOLS_CRASH_EXPECT_H
#define CAIRN_TOOLS_CRASH_EXPECT_H

#include <stdbool.h>

#include "tools/crash/model.h"
#include "tools/crash/seen.h"

struct expectation {
    unsigned done;      /* operations up to this number had returned before the cut */
    unsigned begun;     /* and up to this one had begun */
    bool is_in_order;   /* a journal: the tree is the tree as it was after one of the operations */
    bool keeps_garbage; /* bytes of a file that were not promised may be anything */
    bool
        has_twins; /* a file that gets a new name has both for a moment, and the repair may empty that one */
    bool is_by_person; /* somebody had to decide in the repair: contents count, names don't */
};

#define EXPECT_WHY_BYTES 400

/** Compare what was seen with what may be. Returns true, or false with the reason in why. */
bool expect_check(const struct model *model, const struct expectation *expectation,
                  struct seen *root, char why[EXPECT_WHY_BYTES]);

#endif
