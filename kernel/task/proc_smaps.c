// SPDX-License-Identifier: MIT
/* /proc/PID/smaps, smaps_rollup and pagemap: what of each area is really there, and where.
 *
 * smaps is maps with figures below each line; smaps_rollup is their sum. pagemap is binary: a word
 * for each page of the address space, whether it is mapped or not, and so a file of 256 TiB on
 * which one seeks (proc(5)). Where a page's frame lies is told to root alone: an address in physical
 * memory helps attacks on the memory chips (Rowhammer). */
#include "fs/vfs/file.h"
#include "kernel/abi/errno.h"
#include "kernel/base/iter.h"
#include "kernel/task/proc_internal.h"
#include "mm/kmalloc.h"
#include "mm/space.h"
#include "mm/space_usage.h"

static void show_kib(struct seq *seq, const char *name, uint64_t bytes)
{
    seq_printf(seq, "%-15s %8llu kB\n", name, (unsigned long long)bytes / 1024);
}

/* Sums over areas. */
struct figures {
    struct space_usage usage;
    uint64_t pss_memory; /* of pss: shared memory; shifted */
    uint64_t locked;     /* of pss: locked; shifted */
};

static void add_area_figures(struct figures *figures, struct space *space, uint64_t start,
                             uint64_t end, uint32_t flags, bool is_memory)
{
    uint64_t pss = figures->usage.pss, pss_anon = figures->usage.pss_anon;

    space_add_usage(space, start, end, &figures->usage);
    pss = figures->usage.pss - pss;
    pss_anon = figures->usage.pss_anon - pss_anon;
    figures->pss_memory += is_memory ? pss - pss_anon : 0;
    figures->locked += (flags & AREA_LOCKED) != 0 ? pss : 0;
}

static void show_figures(struct seq *seq, const struct figures *figures, bool is_rollup)
{
    const struct space_usage *usage = &figures->usage;

    show_kib(seq, "Rss:", usage->resident);
    show_kib(seq, "Pss:", usage->pss >> USAGE_PSS_SHIFT);
    show_kib(seq, "Pss_Dirty:", usage->pss_dirty >> USAGE_PSS_SHIFT);
    if (is_rollup) {
        show_kib(seq, "Pss_Anon:", usage->pss_anon >> USAGE_PSS_SHIFT);
        show_kib(seq, "Pss_File:",
                 (usage->pss - usage->pss_anon - figures->pss_memory) >> USAGE_PSS_SHIFT);
        show_kib(seq, "Pss_Shmem:", figures->pss_memory >> USAGE_PSS_SHIFT);
    }
    show_kib(seq, "Shared_Clean:", usage->shared_clean);
    show_kib(seq, "Shared_Dirty:", usage->shared_dirty);
    show_kib(seq, "Private_Clean:", usage->private_clean);
    show_kib(seq, "Private_Dirty:", usage->private_dirty);
    show_kib(seq, "Referenced:", usage->referenced);
    show_kib(seq, "Anonymous:", usage->anonymous);
    show_kib(seq, "KSM:", 0);
    show_kib(seq, "LazyFree:", 0);
    show_kib(seq, "AnonHugePages:", usage->large);
    show_kib(seq, "ShmemPmdMapped:", 0);
    show_kib(seq, "FilePmdMapped:", 0);
    show_kib(seq, "Shared_Hugetlb:", 0);
    show_kib(seq, "Private_Hugetlb:", 0);
    show_kib(seq, "Swap:", usage->swapped);
    show_kib(seq, "SwapPss:", usage->swapped_pss >> USAGE_PSS_SHIFT);
    show_kib(seq, "Locked:", figures->locked >> USAGE_PSS_SHIFT);
}

static const struct {
    uint32_t flag;
    const char *name;
} flag_names[] = {
    {AREA_READ, "rd"},       {AREA_WRITE, "wr"},        {AREA_EXEC, "ex"},
    {AREA_SHARED, "sh"},     {AREA_MAY_WRITE, "mw"},    {AREA_GROWS_DOWN, "gd"},
    {AREA_LOCKED, "lo"},     {AREA_DONT_FORK, "dc"},    {AREA_ACCOUNT, "ac"},
    {AREA_NO_RESERVE, "nr"}, {AREA_WIPE_ON_FORK, "wf"}, {AREA_HUGE, "hg"},
    {AREA_NO_HUGE, "nh"},
};

void proc_show_area_usage(struct seq *seq, struct space *space, uint64_t start, uint64_t end,
                          uint32_t flags)
{
    struct figures figures = {.pss_memory = 0};

    add_area_figures(&figures, space, start, end, flags, false);
    show_kib(seq, "Size:", end - start);
    show_kib(seq, "KernelPageSize:", PAGE_SIZE);
    show_kib(seq, "MMUPageSize:", PAGE_SIZE);
    show_figures(seq, &figures, false);
    seq_puts(seq, "THPeligible:           0\nVmFlags: ");
    for (size_t i = 0; i < array_size(flag_names); i++) {
        if ((flags & flag_names[i].flag) != 0) {
            seq_printf(seq, "%s ", flag_names[i].name);
        }
    }
    seq_puts(seq, "\n");
}

/* ---- smaps_rollup ---------------------------------------------------------------------------- */

struct rollup {
    struct figures figures;
    uint64_t start, end;
};

static void add_area(const struct area *area, void *arg)
{
    struct rollup *rollup = arg;

    rollup->start = rollup->end == 0 ? area->start : rollup->start;
    rollup->end = area->end;
    add_area_figures(&rollup->figures, area->space, area->start, area->end, area->flags,
                     area->object != NULL && area->object->is_memory);
}

int proc_show_smaps_rollup(struct seq *seq, pid_t id, bool is_group)
{
    struct rollup rollup = {.start = 0};
    struct space *space;
    size_t before;
    int error = proc_get_space(id, &space);

    (void)is_group;
    if (error != 0 || space == NULL) {
        return error != 0 ? error : -ESRCH;
    }
    space_for_each_area(space, add_area, &rollup);
    before = seq->len_bytes;
    seq_printf(seq, "%08llx-%08llx ---p 00000000 00:00 0 ", (unsigned long long)rollup.start,
               (unsigned long long)rollup.end);
    proc_pad_to_name(seq, before);
    seq_puts(seq, "[rollup]\n");
    show_figures(seq, &rollup.figures, true);
    space_put(space);
    return 0;
}

/* ---- pagemap --------------------------------------------------------------------------------- */

#define ENTRY_BYTES     sizeof(uint64_t)
#define ENTRIES_AT_ONCE (PAGE_SIZE / ENTRY_BYTES)

static ssize_t copy_entries(struct space *space, struct iter *iter, uint64_t position,
                            uint64_t *entries, bool may_see_frames)
{
    uint64_t index = position / ENTRY_BYTES;
    size_t done = 0;

    while (iter->remaining_bytes != 0 && index < USER_END >> PAGE_SHIFT) {
        size_t nr = min_of(iter->remaining_bytes / ENTRY_BYTES, (uint64_t)ENTRIES_AT_ONCE);
        size_t copied;

        nr = min_of((uint64_t)nr, (USER_END >> PAGE_SHIFT) - index);
        space_read_pagemap(space, index << PAGE_SHIFT, entries, nr);
        for (size_t i = 0; i < nr && !may_see_frames; i++) {
            entries[i] &= ~((1ull << PAGEMAP_FRAME_BITS) - 1);
        }
        copied = iter_copy_to(iter, entries, nr * ENTRY_BYTES);
        done += copied;
        index += nr;
        if (copied < nr * ENTRY_BYTES) {
            return done != 0 ? (ssize_t)done : -EFAULT;
        }
    }
    return (ssize_t)done;
}

ssize_t proc_read_pagemap(struct file *file, pid_t id, struct iter *iter, uint64_t position)
{
    struct space *space;
    uint64_t *entries;
    ssize_t done;
    int error;

    if (position % ENTRY_BYTES != 0 || iter->remaining_bytes % ENTRY_BYTES != 0) {
        return -EINVAL;
    }
    error = proc_get_space(id, &space);
    if (error != 0 || space == NULL) {
        return error;
    }
    entries = kmalloc(ENTRIES_AT_ONCE * ENTRY_BYTES, ALLOC_KERNEL);
    done = entries == NULL ? -ENOMEM
                           : copy_entries(space, iter, position, entries, file->cred.euid == 0);
    kfree(entries);
    space_put(space);
    return done;
}
