// SPDX-License-Identifier: MIT
/* Sequences of operations for the power-cut harness, by number. */
#ifndef CAIRN_USER_TEST_CRASH_GENERATE_H
#define CAIRN_USER_TEST_CRASH_GENERATE_H

#include <stdbool.h>

#include "user/test/crash/ops.h"

/** What each sequence begins with: some files and directories, all of them durable. */
extern const char crash_base_tree[];

/** Sequences of one operation and one kind of syncing, and scripts; the numbers from here on are sampled. */
unsigned crash_nr_enumerated(bool has_links);

/** The sequence with this number, to be run in the base tree. It ends with a sync, so that everything in it is
 *  written at some time. Operations of a sampled one may fail, since an earlier one took away what they need.
 *  @seed: of the sampled ones. @has_links: hard and symbolic ones too. Returns how many operations. */
unsigned crash_generate(unsigned number, uint64_t seed, bool has_links,
                        struct crash_op ops[CRASH_MAX_OPS]);

#endif
