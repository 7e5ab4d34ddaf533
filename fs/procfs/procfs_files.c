// SPDX-License-Identifier: MIT
/* The files of /proc about file systems, disks and memory, with the field names and units that
 * Linux's tools read. */
#include "drivers/block.h"
#include "fs/cache/writeback.h"
#include "fs/procfs/procfs_internal.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/base/bits.h"
#include "kernel/base/string.h"
#include "mm/frames.h"
#include "mm/slab.h"
#include "mm/vmalloc.h"

#define KIB_PER_PAGE       (PAGE_SIZE / 1024)
#define BUDDY_ORDERS_SHOWN 11u

typedef unsigned long long ull; /* what %llu takes */

/* ---- Memory ---------------------------------------------------------------------------------- */

static void add_slab_pages(const struct slab_stats *stats, void *arg)
{
    *(uint64_t *)arg += stats->nr_slabs * stats->nr_pages_per_slab;
}

static void show_kib(struct seq *seq, const char *name, uint64_t nr_pages)
{
    seq_printf(seq, "%-15s %8llu kB\n", name, (ull)(nr_pages * KIB_PER_PAGE));
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

static int show_meminfo(struct seq *seq, const struct procfs_file *file)
{
    uint64_t nr_cached = cache_nr_pages();
    uint64_t nr_buffers = min_of(device_pages(), nr_cached);
    uint64_t nr_slab = 0;
    struct frames_stats stats;
    uint64_t nr_usable;

    frames_get_stats(&stats);
    slab_for_each(add_slab_pages, &nr_slab);
    nr_usable = stats.nr_free + nr_cached;
    show_kib(seq, "MemTotal:", stats.nr_total);
    show_kib(seq, "MemFree:", stats.nr_free);
    show_kib(seq, "MemAvailable:", nr_usable > stats.nr_reserve ? nr_usable - stats.nr_reserve : 0);
    show_kib(seq, "Buffers:", nr_buffers);
    show_kib(seq, "Cached:", nr_cached - nr_buffers);
    show_kib(seq, "SwapCached:", 0);
    show_kib(seq, "SwapTotal:", 0);
    show_kib(seq, "SwapFree:", 0);
    show_kib(seq, "Dirty:", writeback_nr_dirty());
    show_kib(seq, "Slab:", nr_slab);
    show_kib(seq, "SReclaimable:", 0);
    show_kib(seq, "SUnreclaim:", nr_slab);
    show_kib(seq, "VmallocUsed:", vmalloc_nr_pages());
    return 0;
}

static int show_buddyinfo(struct seq *seq, const struct procfs_file *file)
{
    struct frames_stats stats;

    frames_get_stats(&stats);
    seq_puts(seq, "Node 0, zone   Normal ");
    for (unsigned order = 0; order < BUDDY_ORDERS_SHOWN; order++) {
        seq_printf(seq, "%6llu ", (ull)stats.nr_by_order[order]);
    }
    seq_puts(seq, "\n");
    return 0;
}

static void show_cache(const struct slab_stats *stats, void *arg)
{
    seq_printf(
        arg,
        "%-17s %6llu %6llu %6u %4u %4u : tunables    0    0    0 : slabdata %6llu %6llu      0\n",
        stats->name, (ull)stats->nr_active, (ull)stats->nr_objects, stats->size_bytes,
        stats->nr_per_slab, stats->nr_pages_per_slab, (ull)stats->nr_slabs, (ull)stats->nr_slabs);
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

static int show_vmstat(struct seq *seq, const struct procfs_file *file)
{
    seq_printf(seq, "nr_free_pages %llu\n", (ull)frames_nr_free());
    seq_printf(seq, "nr_file_pages %llu\n", (ull)cache_nr_pages());
    seq_printf(seq, "nr_dirty %llu\n", (ull)writeback_nr_dirty());
    return 0;
}

static int write_drop_caches(const struct procfs_file *file, char *text, size_t len_bytes)
{
    uint64_t what;

    if (parse_u64(text, 10, NULL, &what) != 0 || what < 1 || what > 4) {
        return -EINVAL;
    }
    vfs_drop_caches((unsigned)what);
    if ((what & 2) != 0) {
        (void)slab_reap();
    }
    return 0;
}

static int show_drop_caches(struct seq *seq, const struct procfs_file *file)
{
    seq_puts(seq, "0\n");
    return 0;
}

/* ---- Disks ----------------------------------------------------------------------------------- */

static unsigned dev_major(uint32_t number)
{
    return number >> 8 & 0xfff;
}

static unsigned dev_minor(uint32_t number)
{
    return (number & 0xff) | (number >> 12 & 0xfff00);
}

static ull load_count(_Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

static int show_diskstats(struct seq *seq, const struct procfs_file *file)
{
    struct block_device *device;

    for (unsigned i = 0; (device = block_get(i)) != NULL; i++) {
        seq_printf(seq, "%4u %7u %s %llu 0 %llu 0 %llu 0 %llu 0 %u 0 0 0 0 0 0 %llu 0\n",
                   dev_major(device->dev_number), dev_minor(device->dev_number), device->name,
                   load_count(&device->nr_reads), load_count(&device->nr_sectors_read),
                   load_count(&device->nr_writes), load_count(&device->nr_sectors_written),
                   device->nr_in_flight, load_count(&device->nr_flushes));
    }
    return 0;
}

static int show_partitions(struct seq *seq, const struct procfs_file *file)
{
    struct block_device *device;

    seq_puts(seq, "major minor  #blocks  name\n\n");
    for (unsigned i = 0; (device = block_get(i)) != NULL; i++) {
        seq_printf(seq, "%4u  %7u %10llu %s\n", dev_major(device->dev_number),
                   dev_minor(device->dev_number), (ull)device->nr_sectors / 2, device->name);
    }
    return 0;
}

/* ---- File systems ---------------------------------------------------------------------------- */

static int show_filesystems(struct seq *seq, const struct procfs_file *file)
{
    struct fs_type *type;

    for (unsigned i = 0; (type = fs_type_get(i)) != NULL; i++) {
        seq_printf(seq, "%s\t%s\n", type->needs_device ? "" : "nodev", type->name);
    }
    return 0;
}

static void add_line(const char *line, void *arg)
{
    seq_puts(arg, line);
    seq_puts(arg, "\n");
}

/* The mounts that a process sees: those below its root. */
static int show_mounts(struct seq *seq, pid_t id, bool is_group)
{
    const struct procfs_task_ops *ops = proc_task_ops();
    struct path root;

    for (unsigned i = 0; i < ops->nr_links; i++) {
        if (strcmp(ops->links[i].name, "root") == 0) {
            int error = ops->links[i].follow(id, &root);

            if (error != 0) {
                return error;
            }
            vfs_show_mounts(&root, add_line, seq);
            path_put(&root);
            return 0;
        }
    }
    return -ENOENT;
}

const struct procfs_task_file proc_mount_files[] = {
    {.name = "mounts", .mode = 0444, .show = show_mounts}};
const unsigned proc_nr_mount_files = array_size(proc_mount_files);

/* ---- Kernel arguments ------------------------------------------------------------------------ */

static const char *command_line = ""; /* [a] */

void procfs_set_command_line(const char *text)
{
    __atomic_store_n(&command_line, text, __ATOMIC_RELEASE);
}

static int show_cmdline(struct seq *seq, const struct procfs_file *file)
{
    seq_puts(seq, __atomic_load_n(&command_line, __ATOMIC_ACQUIRE));
    seq_puts(seq, "\n");
    return 0;
}

static struct procfs_file all_files[] = {
    {.path = "buddyinfo", .mode = 0444, .show = show_buddyinfo},
    {.path = "cmdline", .mode = 0444, .show = show_cmdline},
    {.path = "diskstats", .mode = 0444, .show = show_diskstats},
    {.path = "filesystems", .mode = 0444, .show = show_filesystems},
    {.path = "meminfo", .mode = 0444, .show = show_meminfo},
    {.path = "partitions", .mode = 0444, .show = show_partitions},
    {.path = "slabinfo", .mode = 0400, .show = show_slabinfo},
    {.path = "vmstat", .mode = 0444, .show = show_vmstat},
    {.path = "sys/vm/drop_caches",
     .mode = 0644,
     .show = show_drop_caches,
     .write = write_drop_caches},
};

void proc_files_register(void)
{
    for (size_t i = 0; i < array_size(all_files); i++) {
        procfs_register(&all_files[i]);
    }
}
