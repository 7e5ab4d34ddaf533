// SPDX-License-Identifier: MIT
/* The files of /proc about free frames: buddyinfo, pagetypeinfo and zoneinfo (the watermarks).
 *
 * buddyinfo counts free blocks by order. pagetypeinfo says what they are good for: free blocks by type
 * and order, page blocks by type, and for each order two figures that tell why an allocation of it
 * fails or soon will:
 *
 *   unusable   the part of free memory that lies in blocks too small for the order:
 *                  (free - sum over k >= order of blocks(k) 2^k) / free
 *              0.000: all free memory can be used for it, 1.000: none.
 *
 *   index      why there is no block now; -1.000 while there is one. With F free frames in B blocks, a
 *              block of R = 2^order frames is missing. If all of F were in blocks of R, there would be
 *              F / R of them; they are B instead. So
 *                  1 - (1 + F / R) / B
 *              goes to 0 when there simply are no frames (F / R near B or above), and to 1 when there are
 *              many and all of them small: then compaction helps, and reclaim doesn't.
 *
 * Source: the two are those of Gorman and Whitcroft, "Measuring the impact of the Linux memory
 * manager" (2005), and Linux's unusable_index and extfrag_index. */
#include "fs/procfs/procfs_internal.h"
#include "mm/frames.h"

#define ORDERS_SHOWN 11u

typedef unsigned long long ull; /* what %llu takes */

static int show_buddyinfo(struct seq *seq, const struct procfs_file *file)
{
    struct frames_stats stats;

    frames_get_stats(&stats);
    seq_puts(seq, "Node 0, zone   Normal ");
    for (unsigned order = 0; order < ORDERS_SHOWN; order++) {
        seq_printf(seq, "%6llu ", (ull)stats.nr_by_order[order]);
    }
    seq_puts(seq, "\n");
    return 0;
}

static void show_orders(struct seq *seq, const char *title)
{
    seq_printf(seq, "%-38s", title);
    for (unsigned order = 0; order < ORDERS_SHOWN; order++) {
        seq_printf(seq, " %6u", order);
    }
    seq_puts(seq, "\n");
}

static void show_thousandths(struct seq *seq, int64_t value)
{
    if (value < 0) {
        seq_puts(seq, " -1.000");
    } else {
        seq_printf(seq, "  %llu.%03llu", (ull)value / 1000, (ull)value % 1000);
    }
}

/* In thousandths. */
static int64_t unusable(const struct frames_stats *stats, unsigned order)
{
    uint64_t nr_free = 0, nr_usable = 0;

    for (unsigned k = 0; k < ORDERS_SHOWN; k++) {
        nr_free += stats->nr_by_order[k] << k;
        nr_usable += k >= order ? stats->nr_by_order[k] << k : 0;
    }
    return nr_free == 0 ? 1000 : (int64_t)((nr_free - nr_usable) * 1000 / nr_free);
}

/* In thousandths; -1000 while there is a block. */
static int64_t fragmentation_index(const struct frames_stats *stats, unsigned order)
{
    uint64_t nr_free = 0, nr_blocks = 0, nr_fit = 0;
    uint64_t part;

    for (unsigned k = 0; k < ORDERS_SHOWN; k++) {
        nr_free += stats->nr_by_order[k] << k;
        nr_blocks += stats->nr_by_order[k];
        nr_fit += k >= order ? stats->nr_by_order[k] : 0;
    }
    if (nr_fit != 0) {
        return -1000;
    }
    if (nr_blocks == 0) {
        return 0;
    }
    part = (1000 + nr_free * 1000 / (1ull << order)) / nr_blocks;
    return part < 1000 ? 1000 - (int64_t)part : 0;
}

static void show_indices(struct seq *seq, const struct frames_stats *stats)
{
    seq_printf(seq, "%-38s", "unusable");
    for (unsigned order = 0; order < ORDERS_SHOWN; order++) {
        show_thousandths(seq, unusable(stats, order));
    }
    seq_printf(seq, "\n%-38s", "index");
    for (unsigned order = 0; order < ORDERS_SHOWN; order++) {
        show_thousandths(seq, fragmentation_index(stats, order));
    }
    seq_puts(seq, "\n");
}

static int show_pagetypeinfo(struct seq *seq, const struct procfs_file *file)
{
    static const char *const names[] = {"Unmovable", "Movable", "Isolate"};
    struct frames_type_stats types[array_size(names)];
    struct frames_stats stats;

    for (unsigned type = 0; type < array_size(names); type++) {
        frames_get_type_stats(type, &types[type]);
    }
    frames_get_stats(&stats);
    seq_puts(seq, "Page block order: 9\nPages per block:  512\n\n");
    show_orders(seq, "Free pages count per migrate type at order");
    for (unsigned type = 0; type < array_size(names); type++) {
        seq_printf(seq, "Node    0, zone   Normal, type %9s", names[type]);
        for (unsigned order = 0; order < ORDERS_SHOWN; order++) {
            seq_printf(seq, " %6llu", (ull)types[type].nr_by_order[order]);
        }
        seq_puts(seq, "\n");
    }
    seq_puts(seq, "\nNumber of blocks type    Unmovable      Movable      Isolate\n"
                  "Node 0, zone   Normal");
    for (unsigned type = 0; type < array_size(names); type++) {
        seq_printf(seq, " %12llu", (ull)types[type].nr_page_blocks);
    }
    seq_puts(seq, "\n\n");
    show_orders(seq, "Fragmentation at order");
    show_indices(seq, &stats);
    return 0;
}

/* Of the many lines that Linux has here, those that there is something to say about. */
static int show_zoneinfo(struct seq *seq, const struct procfs_file *file)
{
    struct frames_stats stats;

    frames_get_stats(&stats);
    seq_puts(seq, "Node 0, zone   Normal\n");
    seq_printf(seq, "  pages free     %llu\n", (ull)stats.nr_free);
    seq_printf(seq, "        min      %llu\n", (ull)stats.nr_reserve);
    seq_printf(seq, "        low      %llu\n", (ull)stats.nr_low);
    seq_printf(seq, "        high     %llu\n", (ull)stats.nr_high);
    seq_printf(seq, "        managed  %llu\n", (ull)stats.nr_total);
    return 0;
}

static struct procfs_file files[] = {
    {.path = "buddyinfo", .mode = 0444, .show = show_buddyinfo},
    {.path = "pagetypeinfo", .mode = 0400, .show = show_pagetypeinfo},
    {.path = "zoneinfo", .mode = 0444, .show = show_zoneinfo},
};

void proc_frames_register(void)
{
    for (size_t i = 0; i < array_size(files); i++) {
        procfs_register(&files[i]);
    }
}
