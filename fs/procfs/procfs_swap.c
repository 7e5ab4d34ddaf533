// SPDX-License-Identifier: MIT
/* /proc/swaps, and the knobs below sys/vm about what happens when memory is short. */
#include "fs/procfs/procfs_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/string.h"
#include "mm/frames.h"
#include "mm/swap.h"

#define KIB_PER_PAGE   (PAGE_SIZE / 1024)
#define SWAPPINESS_MAX 200u

static int show_swaps(struct seq *seq, const struct procfs_file *file)
{
    struct swap_area_info info;

    seq_puts(seq, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    for (unsigned i = 0; swap_area_get(i, &info); i++) {
        size_t before = seq->len_bytes;

        seq_escape(seq, info.name);
        while (!seq->failed && seq->len_bytes - before < 40) {
            seq_puts(seq, " ");
        }
        seq_printf(seq, "%s\t%llu\t\t%llu\t\t%d\n", info.is_file ? "file\t" : "partition",
                   (unsigned long long)(info.nr_pages * KIB_PER_PAGE),
                   (unsigned long long)(info.nr_used * KIB_PER_PAGE), info.priority);
    }
    return 0;
}

static int show_swappiness(struct seq *seq, const struct procfs_file *file)
{
    seq_printf(seq, "%u\n", load_relaxed(&swap_swappiness));
    return 0;
}

static int write_swappiness(const struct procfs_file *file, char *text, size_t len_bytes)
{
    uint64_t value;

    if (parse_u64(text, 10, NULL, &value) != 0 || value > SWAPPINESS_MAX) {
        return -EINVAL;
    }
    store_relaxed(&swap_swappiness, (uint32_t)value);
    return 0;
}

static int show_min_free(struct seq *seq, const struct procfs_file *file)
{
    struct frames_stats stats;

    frames_get_stats(&stats);
    seq_printf(seq, "%llu\n", (unsigned long long)stats.nr_reserve * KIB_PER_PAGE);
    return 0;
}

static int write_min_free(const struct procfs_file *file, char *text, size_t len_bytes)
{
    uint64_t kib;

    if (parse_u64(text, 10, NULL, &kib) != 0) {
        return -EINVAL;
    }
    return frames_set_reserve(kib / KIB_PER_PAGE);
}

static struct procfs_file swap_files[] = {
    {.path = "swaps", .mode = 0444, .show = show_swaps},
    {.path = "sys/vm/min_free_kbytes",
     .mode = 0644,
     .show = show_min_free,
     .write = write_min_free},
    {.path = "sys/vm/swappiness", .mode = 0644, .show = show_swappiness, .write = write_swappiness},
};

void proc_swap_register(void)
{
    for (size_t i = 0; i < array_size(swap_files); i++) {
        procfs_register(&swap_files[i]);
    }
}
