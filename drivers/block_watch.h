// SPDX-License-Identifier: MIT
/* Disks that do not answer. Theory in block_watch.c. */
#ifndef CAIRN_DRIVERS_BLOCK_WATCH_H
#define CAIRN_DRIVERS_BLOCK_WATCH_H

#include "kernel/base/types.h"

/** How long a request may take, unless said otherwise. */
#define BLOCK_TIMEOUT_NS 30000000000ull

/** Look at every disk once: one that has not answered for so long is reset, and given up at the second time.
 *  @wall_ns: a clock that runs while nobody does anything; 0: there is none.
 *  Context: may sleep; one caller at a time. */
void block_watch_check(uint64_t now_ns, uint64_t wall_ns);

/** From now on a thread looks, several times in every timeout_ns. wall: as above, or NULL. Returns 0 or -ENOMEM. */
int must_check block_watch_start(uint64_t timeout_ns, uint64_t (*wall)(void));

#endif
