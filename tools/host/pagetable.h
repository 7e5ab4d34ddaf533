// SPDX-License-Identifier: MIT
/* What tests can ask about the simulated TLB. */
#ifndef CAIRN_HOST_PAGETABLE_H
#define CAIRN_HOST_PAGETABLE_H

#include "port/pagetable.h"

/** How often pagetable_flush() was called since the start, and the last range. */
uint64_t host_nr_flushes(void);
uint64_t host_last_flush_start(void);
uint64_t host_last_flush_end(void);

/** How often pagetable_sync_icache() was called. */
uint64_t host_nr_icache_syncs(void);

#endif
