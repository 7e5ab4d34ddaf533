// SPDX-License-Identifier: MIT
/* Background writeback, and the limit on how much may be dirty. */
#ifndef CAIRN_FS_CACHE_WRITEBACK_H
#define CAIRN_FS_CACHE_WRITEBACK_H

#include "kernel/base/types.h"

/** Start the writeback thread. Called once the scheduler runs. Returns 0 or -ENOMEM. */
int must_check writeback_start(void);

/** Ask the thread to begin now. Context: any. */
void writeback_wake(void);

/** Called by writers after they made pages dirty: sleeps while too much of memory is dirty.
 *  Context: may sleep; the caller may hold inode->lock, so the thread that writes takes none. */
void writeback_throttle(void);

/** Have the thread write, and wait until some page has arrived on its disk (at most a tenth of a
 *  second): for reclaim. Returns false at once when there is no such thread, or it is the caller.
 *  Context: may sleep. */
bool writeback_wait_some(void);

/** Dirty pages of all mappings, without those on their way to a disk, for /proc/meminfo. */
uint64_t writeback_nr_dirty(void);

/** Pages in the cache that reclaim may look at (files and devices), for /proc/meminfo. */
uint64_t cache_nr_pages(void);

/** Reclaim leaves so many pages in the cache: what runs just now. 0 until set. Context: any. */
void cache_set_floor(uint64_t nr_pages);

#endif
