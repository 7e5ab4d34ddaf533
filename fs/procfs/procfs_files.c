// SPDX-License-Identifier: MIT
/* The files of /proc about file systems and disks, with the field names and units that Linux's
 * tools read. */
#include "drivers/block.h"
#include "fs/procfs/procfs_internal.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/base/bits.h"
#include "kernel/base/string.h"

typedef unsigned long long ull; /* what %llu takes */

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
static int show_tree(struct seq *seq, pid_t id, bool is_info)
{
    const struct procfs_task_ops *ops = proc_task_ops();
    struct path root;

    for (unsigned i = 0; i < ops->nr_links; i++) {
        if (strcmp(ops->links[i].name, "root") == 0) {
            int error = ops->links[i].follow(id, &root);

            if (error != 0) {
                return error;
            }
            vfs_show_mounts(&root, is_info, add_line, seq);
            path_put(&root);
            return 0;
        }
    }
    return -ENOENT;
}

static int show_mounts(struct seq *seq, pid_t id, bool is_group)
{
    return show_tree(seq, id, false);
}

static int show_mountinfo(struct seq *seq, pid_t id, bool is_group)
{
    return show_tree(seq, id, true);
}

const struct procfs_task_file proc_mount_files[] = {
    {.name = "mounts", .mode = 0444, .show = show_mounts},
    {.name = "mountinfo", .mode = 0444, .show = show_mountinfo},
};
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
    {.path = "cmdline", .mode = 0444, .show = show_cmdline},
    {.path = "diskstats", .mode = 0444, .show = show_diskstats},
    {.path = "filesystems", .mode = 0444, .show = show_filesystems},
    {.path = "partitions", .mode = 0444, .show = show_partitions},
};

void proc_files_register(void)
{
    for (size_t i = 0; i < array_size(all_files); i++) {
        procfs_register(&all_files[i]);
    }
}
