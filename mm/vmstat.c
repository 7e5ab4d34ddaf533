// SPDX-License-Identifier: MIT
/* Counters of memory events.
 *
 * Page faults are counted a hundred thousand times a second on each hart, and read once a second by
 * somebody's vmstat. So writing is what has to be cheap: each hart adds to a line of its own, which
 * is in its cache, and the reader adds up the harts. A sum taken while others count is not the value
 * of any one moment, but every event is in the sum before or after it.
 *
 * What counts up and down (pages that are mapped now) may go up on one hart and down on another: a
 * single hart's share then wraps around below 0, and the sum, modulo 2^64, is right again. While a
 * page comes and goes between the reader's looks at two harts, the sum can miss the coming and see
 * the going; a sum "below 0" is shown as 0.
 *
 * No locks. */
#include "mm/vmstat.h"

#include "kernel/base/bits.h"

struct vm_hart_counters vm_counters[MAX_HARTS];

static const char *const names[] = {
    [VM_NR_ANON_PAGES] = "nr_anon_pages",
    [VM_NR_ANON_THPS] = "nr_anon_transparent_hugepages",
    [VM_NR_MAPPED] = "nr_mapped",
    [VM_NR_SHMEM] = "nr_shmem",
    [VM_NR_WRITEBACK] = "nr_writeback",
    [VM_NR_MLOCK] = "nr_mlock",
    [VM_NR_TABLE_PAGES] = "nr_page_table_pages",
    [VM_NR_KERNEL_STACK] = "nr_kernel_stack",
    [VM_PGFAULT] = "pgfault",
    [VM_PGMAJFAULT] = "pgmajfault",
    [VM_PGSTEAL_BACKGROUND] = "pgsteal_kswapd",
    [VM_PGSTEAL_DIRECT] = "pgsteal_direct",
    [VM_PGSCAN_BACKGROUND] = "pgscan_kswapd",
    [VM_PGSCAN_DIRECT] = "pgscan_direct",
    [VM_PSWPIN] = "pswpin",
    [VM_PSWPOUT] = "pswpout",
    [VM_ALLOCSTALL] = "allocstall_normal",
    [VM_PAGEOUTRUN] = "pageoutrun",
    [VM_DROP_PAGECACHE] = "drop_pagecache",
    [VM_DROP_SLAB] = "drop_slab",
    [VM_OOM_KILL] = "oom_kill",
    [VM_PGMIGRATE_SUCCESS] = "pgmigrate_success",
    [VM_PGMIGRATE_FAIL] = "pgmigrate_fail",
    [VM_COMPACT_STALL] = "compact_stall",
    [VM_COMPACT_FAIL] = "compact_fail",
    [VM_COMPACT_SUCCESS] = "compact_success",
    [VM_COMPACT_WAKE] = "compact_daemon_wake",
    [VM_THP_FAULT_ALLOC] = "thp_fault_alloc",
    [VM_THP_FAULT_FALLBACK] = "thp_fault_fallback",
    [VM_THP_SPLIT_PMD] = "thp_split_pmd",
};

static_assert(array_size(names) == VM_NR_COUNTERS, "every counter has a name");

static void (*major_fault_hook)(void); /* [I] after boot */

void vm_set_major_fault_hook(void (*hook)(void))
{
    major_fault_hook = hook;
}

void vm_count_major_fault(void)
{
    vm_count(VM_PGMAJFAULT);
    if (major_fault_hook != NULL) {
        major_fault_hook();
    }
}

uint64_t vm_counter_read(enum vm_counter counter)
{
    uint64_t sum = 0;

    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        sum += load_relaxed(&vm_counters[hart].nr[counter]);
    }
    return (int64_t)sum < 0 ? 0 : sum;
}

const char *vm_counter_name(enum vm_counter counter)
{
    return names[counter];
}
