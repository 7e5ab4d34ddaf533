// SPDX-License-Identifier: MIT
/* The knobs below /proc/sys/vm about promised memory (mm/commit.c) and about areas (mm/space_limits.c): a
 * number each.
 *
 * overcommit_ratio and overcommit_kbytes say the same thing in two ways; the one that was written
 * last counts, and the other reads as 0, as on Linux. */
#include "fs/procfs/procfs_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/string.h"
#include "mm/commit.h"
#include "mm/space.h"

struct knob {
    _Atomic uint64_t *value;
    uint64_t max;
    _Atomic uint64_t *other; /* set to 0 when this is written, or NULL */
};

static int show_knob(struct seq *seq, const struct procfs_file *file)
{
    const struct knob *knob = file->data;

    seq_printf(seq, "%llu\n", (unsigned long long)load_relaxed(knob->value));
    return 0;
}

static int write_knob(const struct procfs_file *file, char *text, size_t len_bytes)
{
    const struct knob *knob = file->data;
    uint64_t value;

    if (parse_u64(text, 10, NULL, &value) != 0 || value > knob->max) {
        return -EINVAL;
    }
    store_relaxed(knob->value, value);
    if (knob->other != NULL) {
        store_relaxed(knob->other, 0);
    }
    return 0;
}

static struct knob mode = {&commit_rules.mode, COMMIT_NR_MODES - 1, NULL};
static struct knob ratio = {&commit_rules.ratio_percent, INT32_MAX, &commit_rules.limit_kib};
static struct knob limit = {&commit_rules.limit_kib, UINT64_MAX, &commit_rules.ratio_percent};
static struct knob admin_reserve = {&commit_rules.admin_reserve_kib, UINT64_MAX, NULL};
static struct knob max_areas = {&space_max_areas, INT32_MAX, NULL};
static struct knob user_reserve = {&commit_rules.user_reserve_kib, UINT64_MAX, NULL};

#define KNOB(name, knob)                                                              \
    {                                                                                 \
        .path = "sys/vm/" name, .mode = 0644, .show = show_knob, .write = write_knob, \
        .data = (knob)                                                                \
    }

static struct procfs_file commit_files[] = {
    KNOB("overcommit_memory", &mode),           KNOB("overcommit_ratio", &ratio),
    KNOB("overcommit_kbytes", &limit),          KNOB("admin_reserve_kbytes", &admin_reserve),
    KNOB("user_reserve_kbytes", &user_reserve), KNOB("max_map_count", &max_areas),
};

void proc_commit_register(void)
{
    for (size_t i = 0; i < array_size(commit_files); i++) {
        procfs_register(&commit_files[i]);
    }
}
