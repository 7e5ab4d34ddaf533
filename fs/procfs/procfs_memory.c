// SPDX-License-Identifier: MIT
/* The files of /proc about the machine's memory: meminfo, vmstat, slabinfo, allocinfo, and
 * sys/vm/drop_caches (and Cairn's own alloc_latency and pair_cost), with the names and units that
 * Linux's tools read.
 *
 * Two kinds of figures come together here. Some are asked of their owner when the file is read (free
 * frames of the buddies, pages of the cache); the events are counted where they happen, in
 * mm/vmstat.h. A figure that Cairn has no idea of is left out rather than shown as 0, except where
 * tools refuse to go on without it.
 *
 * The page cache keeps its pages on one list (fs/cache/lru.c), and private memory on none, so
 * what Linux calls active and inactive is told by kind: file pages may be reclaimed, and are
 * inactive; anonymous ones are active; those of tmpfs stay for ever. */
#include "drivers/block.h"
#include "fs/cache/writeback.h"
#include "fs/procfs/procfs_internal.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "mm/alloc_info.h"
#include "mm/commit.h"
#include "mm/frames.h"
#include "mm/kmalloc.h"
#include "mm/pair_cost.h"
#include "mm/path_latency.h"
#include "mm/slab.h"
#include "mm/swap.h"
#include "mm/vmalloc.h"
#include "mm/vmstat.h"

#define KIB_PER_PAGE (PAGE_SIZE / 1024)

typedef unsigned long long ull; /* what %llu takes */

/* ---- Figures that are asked for -------------------------------------------------------------- */

struct slab_pages {
    uint64_t reclaimable, other;
};

static void add_slab_pages(const struct slab_stats *stats, void *arg)
{
    struct slab_pages *pages = arg;

    *(stats->is_reclaimable ? &pages->reclaimable : &pages->other) += stats->nr_slabs *
                                                                      stats->nr_pages_per_slab;
}

/* Of caches whose objects a shrinker gives up, and of all others. */
static struct slab_pages slab_pages(void)
{
    struct slab_pages pages = {0, 0};

    slab_for_each(add_slab_pages, &pages);
    return pages;
}

static uint64_t reclaimable_slab_pages(void)
{
    return slab_pages().reclaimable;
}

static uint64_t other_slab_pages(void)
{
    return slab_pages().other;
}

/* Pages of block devices: what Linux calls buffers. */
static uint64_t device_pages(void)
{
    struct block_device *device;
    uint64_t nr = 0;

    for (unsigned i = 0; (device = block_get(i)) != NULL; i++) {
        struct mapping *mapping = __atomic_load_n((struct mapping **)&device->cache,
                                                  __ATOMIC_ACQUIRE);

        nr += mapping != NULL ? mapping->nr_pages : 0;
    }
    return nr;
}

/* Of files, devices and tmpfs. */
static uint64_t file_pages(void)
{
    return cache_nr_pages() + vm_counter_read(VM_NR_SHMEM);
}

/* KiB that went from and to disks; a partition's are counted with its disk. */
static uint64_t disk_kib(bool is_write)
{
    struct block_device *device;
    uint64_t nr_sectors = 0;

    for (unsigned i = 0; (device = block_get(i)) != NULL; i++) {
        if (device->whole == NULL) {
            nr_sectors += load_relaxed(is_write ? &device->nr_sectors_written
                                                : &device->nr_sectors_read);
        }
    }
    return nr_sectors / 2;
}

static uint64_t disk_kib_read(void)
{
    return disk_kib(false);
}

static uint64_t disk_kib_written(void)
{
    return disk_kib(true);
}

static uint64_t shmem_pages(void)
{
    return vm_counter_read(VM_NR_SHMEM);
}

static uint64_t anon_pages(void)
{
    return vm_counter_read(VM_NR_ANON_PAGES);
}

static uint64_t no_pages(void)
{
    return 0;
}

/* ---- vmstat ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint64_t (*read)(void);
} figures[] = {
    {"nr_free_pages", frames_nr_free},
    {"nr_inactive_anon", no_pages},
    {"nr_active_anon", anon_pages},
    {"nr_inactive_file", cache_nr_pages},
    {"nr_active_file", no_pages},
    {"nr_unevictable", shmem_pages},
    {"nr_slab_reclaimable", reclaimable_slab_pages},
    {"nr_slab_unreclaimable", other_slab_pages},
    {"nr_file_pages", file_pages},
    {"nr_dirty", writeback_nr_dirty},
    {"pgpgin", disk_kib_read},
    {"pgpgout", disk_kib_written},
};

static int show_vmstat(struct seq *seq, const struct procfs_file *file)
{
    for (size_t i = 0; i < array_size(figures); i++) {
        seq_printf(seq, "%s %llu\n", figures[i].name, (ull)figures[i].read());
    }
    for (enum vm_counter counter = 0; counter < VM_NR_COUNTERS; counter++) {
        seq_printf(seq, "%s %llu\n", vm_counter_name(counter), (ull)vm_counter_read(counter));
    }
    return 0;
}

/* ---- meminfo --------------------------------------------------------------------------------- */

static void show_kib(struct seq *seq, const char *name, uint64_t kib)
{
    seq_printf(seq, "%-15s %8llu kB\n", name, (ull)kib);
}

static void show_pages(struct seq *seq, const char *name, uint64_t nr_pages)
{
    show_kib(seq, name, nr_pages * KIB_PER_PAGE);
}

static void show_totals(struct seq *seq, uint64_t nr_reclaimable)
{
    struct frames_stats stats;
    uint64_t nr_usable;

    frames_get_stats(&stats);
    nr_usable = stats.nr_free + nr_reclaimable;
    show_pages(seq, "MemTotal:", stats.nr_total);
    show_pages(seq, "MemFree:", stats.nr_free);
    show_pages(seq,
               "MemAvailable:", nr_usable > stats.nr_reserve ? nr_usable - stats.nr_reserve : 0);
}

static int show_meminfo(struct seq *seq, const struct procfs_file *file)
{
    uint64_t nr_cached = cache_nr_pages();
    uint64_t nr_buffers = min_of(device_pages(), nr_cached);
    uint64_t nr_anon = anon_pages();
    uint64_t nr_shmem = shmem_pages();
    struct slab_pages slab = slab_pages();
    struct swap_stats swap;

    swap_get_stats(&swap);
    show_totals(seq, nr_cached + slab.reclaimable / 2); /* the rest of them will be in use */
    show_pages(seq, "Buffers:", nr_buffers);
    show_pages(seq, "Cached:", nr_cached - nr_buffers + nr_shmem);
    show_pages(seq, "SwapCached:", swap.nr_cached);
    show_pages(seq, "Active:", nr_anon);
    show_pages(seq, "Inactive:", nr_cached);
    show_pages(seq, "Active(anon):", nr_anon);
    show_pages(seq, "Inactive(anon):", 0);
    show_pages(seq, "Active(file):", 0);
    show_pages(seq, "Inactive(file):", nr_cached);
    show_pages(seq, "Unevictable:", nr_shmem);
    show_pages(seq, "Mlocked:", vm_counter_read(VM_NR_MLOCK));
    show_pages(seq, "SwapTotal:", swap.nr_total);
    show_pages(seq, "SwapFree:", swap.nr_free);
    show_pages(seq, "Dirty:", writeback_nr_dirty());
    show_pages(seq, "Writeback:", vm_counter_read(VM_NR_WRITEBACK));
    show_pages(seq, "AnonPages:", nr_anon);
    show_pages(seq, "AnonHugePages:", vm_counter_read(VM_NR_ANON_THPS) * 512);
    show_pages(seq, "Mapped:", vm_counter_read(VM_NR_MAPPED));
    show_pages(seq, "Shmem:", nr_shmem);
    show_pages(seq, "KReclaimable:", slab.reclaimable);
    show_pages(seq, "Slab:", slab.reclaimable + slab.other);
    show_pages(seq, "SReclaimable:", slab.reclaimable);
    show_pages(seq, "SUnreclaim:", slab.other);
    show_kib(seq, "KernelStack:", vm_counter_read(VM_NR_KERNEL_STACK));
    show_pages(seq, "PageTables:", vm_counter_read(VM_NR_TABLE_PAGES));
    show_pages(seq, "CommitLimit:", commit_nr_limit());
    show_pages(seq, "Committed_AS:", commit_nr_charged());
    show_kib(seq, "VmallocTotal:", VMALLOC_SIZE / 1024);
    show_pages(seq, "VmallocUsed:", vmalloc_nr_pages());
    return 0;
}

/* ---- slabinfo -------------------------------------------------------------------------------- */

static void show_cache(const struct slab_stats *stats, void *arg)
{
    /* Objects that the guard pool has sampled are in use and in no slab. */
    uint64_t nr_objects = max_of(stats->nr_objects, stats->nr_active);

    seq_printf(
        arg,
        "%-17s %6llu %6llu %6u %4u %4u : tunables    0    0    0 : slabdata %6llu %6llu      0\n",
        stats->name, (ull)stats->nr_active, (ull)nr_objects, stats->size_bytes, stats->nr_per_slab,
        stats->nr_pages_per_slab, (ull)stats->nr_slabs, (ull)stats->nr_slabs);
}

static int show_slabinfo(struct seq *seq, const struct procfs_file *file)
{
    seq_puts(
        seq,
        "slabinfo - version: 2.1\n"
        "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> "
        "<batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
    slab_for_each(show_cache, seq);
    return 0;
}

/* ---- allocinfo ------------------------------------------------------------------------------- */

/* As on Linux, both columns are of live blocks, and the line ends with who allocated them. */
static int show_allocinfo(struct seq *seq, const struct procfs_file *file)
{
    struct alloc_info *list;
    size_t nr;
    int error = alloc_info_list(&list, &nr);

    if (error != 0) {
        return error;
    }
    seq_puts(seq, "allocinfo - version: 1.0\n#     <size>  <calls> <tag info>\n");
    for (size_t i = 0; i < nr; i++) {
        seq_printf(
            seq, list[i].caller != NULL ? "%12llu %8llu %s func:%pS\n" : "%12llu %8llu %s func:-\n",
            (ull)list[i].live_bytes, (ull)list[i].nr_live, list[i].what, list[i].caller);
    }
    vfree(list);
    return 0;
}

/* Measured anew each time, which takes the machine some milliseconds: for root alone. */
static int show_pair_cost(struct seq *seq, const struct procfs_file *file)
{
    struct pair_cost costs[NR_PAIR_COSTS];
    int error = pair_cost_measure(costs);

    for (unsigned i = 0; i < NR_PAIR_COSTS && error == 0; i++) {
        seq_printf(seq, "%s %llu\n", costs[i].name, (ull)costs[i].cost_ns);
    }
    return error;
}

/* ---- alloc_latency --------------------------------------------------------------------------- */

/* One line a path; below it, one for each power of two that occurred: from, to, how often. */
static void show_histogram(struct seq *seq, const char *name, const struct histogram *histogram)
{
    uint64_t nr = histogram_count(histogram);

    seq_printf(seq, "%s count %llu avg_ns %llu worst_ns %llu\n", name, (ull)nr,
               (ull)(nr != 0 ? load_relaxed(&histogram->sum) / nr : 0),
               (ull)load_relaxed(&histogram->worst));
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t nr_in_bucket = load_relaxed(&histogram->buckets[i]);
        if (nr_in_bucket != 0) {
            seq_printf(seq, "%14llu %14llu %10llu\n", (ull)(i == 0 ? 0 : 1ull << (i - 1)),
                       (ull)(i == HISTOGRAM_BUCKETS - 1 ? UINT64_MAX : (1ull << i) - 1),
                       (ull)nr_in_bucket);
        }
    }
}

static int show_alloc_latency(struct seq *seq, const struct procfs_file *file)
{
    struct histogram *fast = kcalloc(2, sizeof(*fast), ALLOC_KERNEL);
    int error = fast == NULL ? -ENOMEM : path_latency_try_fast(&fast[0], &fast[1]);

    if (error == 0) {
        show_histogram(seq, "frame_fast", &fast[0]);
        show_histogram(seq, "object_fast", &fast[1]);
        for (enum alloc_path path = 0; path < ALLOC_NR_PATHS; path++) {
            show_histogram(seq, path_latency_name(path), &path_latencies[path]);
        }
    }
    kfree(fast);
    return error;
}

static int write_alloc_latency(const struct procfs_file *file, char *text, size_t len_bytes)
{
    if (strcmp(text, "clear") != 0) {
        return -EINVAL;
    }
    path_latency_clear();
    return 0;
}

/* ---- sys/vm/drop_caches ---------------------------------------------------------------------- */

static int write_drop_caches(const struct procfs_file *file, char *text, size_t len_bytes)
{
    uint64_t what;

    if (parse_u64(text, 10, NULL, &what) != 0 || what < 1 || what > 4) {
        return -EINVAL;
    }
    vfs_drop_caches((unsigned)what);
    if ((what & 1) != 0) {
        vm_count(VM_DROP_PAGECACHE);
    }
    if ((what & 2) != 0) {
        vm_count(VM_DROP_SLAB);
        (void)slab_reap();
    }
    return 0;
}

static int show_drop_caches(struct seq *seq, const struct procfs_file *file)
{
    seq_puts(seq, "0\n");
    return 0;
}

static struct procfs_file memory_files[] = {
    {.path = "alloc_latency",
     .mode = 0600,
     .show = show_alloc_latency,
     .write = write_alloc_latency},
    {.path = "allocinfo", .mode = 0400, .show = show_allocinfo},
    {.path = "meminfo", .mode = 0444, .show = show_meminfo},
    {.path = "pair_cost", .mode = 0400, .show = show_pair_cost},
    {.path = "slabinfo", .mode = 0400, .show = show_slabinfo},
    {.path = "vmstat", .mode = 0444, .show = show_vmstat},
    {.path = "sys/vm/drop_caches",
     .mode = 0644,
     .show = show_drop_caches,
     .write = write_drop_caches},
};

void proc_memory_register(void)
{
    for (size_t i = 0; i < array_size(memory_files); i++) {
        procfs_register(&memory_files[i]);
    }
}
