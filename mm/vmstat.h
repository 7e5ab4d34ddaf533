// SPDX-License-Identifier: MIT
/* Counters of memory events, for /proc/vmstat and /proc/meminfo. The theory stands in vmstat.c.
 *
 * A new counter is one line in the enum, one with its name in vmstat.c, and vm_count() where the
 * thing happens. */
#ifndef CAIRN_MM_VMSTAT_H
#define CAIRN_MM_VMSTAT_H

#include "kernel/base/atomic.h"

/* In the order of /proc/vmstat. */
enum vm_counter {
    /* How many there are now: counted up and down. */
    VM_NR_ANON_PAGES,   /* private memory of processes */
    VM_NR_ANON_THPS,    /* large leaves in page tables: 2 MiB each of the former */
    VM_NR_MAPPED,       /* page-cache pages that a page table maps */
    VM_NR_SHMEM,        /* pages of tmpfs: cached, and nowhere else */
    VM_NR_WRITEBACK,    /* page-cache pages on their way to a disk */
    VM_NR_MLOCK,        /* pages of areas that are locked into memory */
    VM_NR_TABLE_PAGES,  /* page tables */
    VM_NR_KERNEL_STACK, /* in KiB, as Linux counts them */
    /* How often it happened: counted up only. */
    VM_PGFAULT,
    VM_PGMAJFAULT, /* of them, those that waited for a disk */
    VM_PGSTEAL_BACKGROUND,
    VM_PGSTEAL_DIRECT,
    VM_PGSCAN_BACKGROUND,
    VM_PGSCAN_DIRECT,
    VM_PSWPIN,     /* pages read from swap space */
    VM_PSWPOUT,    /* pages written to it */
    VM_ALLOCSTALL, /* allocations that had to reclaim for themselves */
    VM_PAGEOUTRUN, /* rounds of the background task */
    VM_DROP_PAGECACHE,
    VM_DROP_SLAB,
    VM_OOM_KILL,
    VM_PGMIGRATE_SUCCESS, /* pages moved to another frame */
    VM_PGMIGRATE_FAIL,
    VM_COMPACT_STALL,      /* allocations that compacted for themselves */
    VM_COMPACT_FAIL,       /* … and did not get their block by it */
    VM_COMPACT_SUCCESS,    /* … and did */
    VM_COMPACT_WAKE,       /* rounds of the background task */
    VM_THP_FAULT_ALLOC,    /* faults that were given 2 MiB */
    VM_THP_FAULT_FALLBACK, /* … and those that would have been, had there been a block */
    VM_THP_SPLIT_PMD,      /* large leaves that became tables */
    VM_NR_COUNTERS,
};

struct vm_hart_counters {
    _Alignas(64) _Atomic uint64_t nr[VM_NR_COUNTERS]; /* [a] any hart may read */
};

extern struct vm_hart_counters vm_counters[MAX_HARTS];

/** Add to a counter; a negative number takes away. Context: any. */
static inline void vm_count_many(enum vm_counter counter, int64_t change)
{
    /* Nobody is ordered by it. A swap-and-add and not a load and a store: the task may be moved to
     * another hart after it asked which one this is, and a handler may count in between. */
    atomic_fetch_add_explicit(&vm_counters[port_hart_id()].nr[counter], (uint64_t)change,
                              memory_order_relaxed);
}

static inline void vm_count(enum vm_counter counter)
{
    vm_count_many(counter, 1);
}

/** The same, cheaper, for hot paths that have interrupts off anyway: a load and a store. */
static inline void vm_count_irqs_off(enum vm_counter counter, int64_t change)
{
    _Atomic uint64_t *nr = &vm_counters[port_hart_id()].nr[counter];

    store_relaxed(nr, load_relaxed(nr) + (uint64_t)change);
}

/** A fault that waits for a disk: counted for the machine and, by kernel/task, for the running task.
 *  Context: any task. */
void vm_count_major_fault(void);
/** Called once at boot. */
void vm_set_major_fault_hook(void (*hook)(void));

/** The sum over all harts; a snapshot. For what is counted up and down never below 0. */
uint64_t vm_counter_read(enum vm_counter counter);

/** Its name in /proc/vmstat. */
const char *vm_counter_name(enum vm_counter counter);

#endif
