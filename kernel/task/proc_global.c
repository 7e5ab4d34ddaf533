// SPDX-License-Identifier: MIT
/* Files of /proc about the machine as a whole: uptime, loadavg, stat, version, cpuinfo,
 * interrupts, sys/kernel. */
#include "drivers/irq.h"
#include "kernel/abi/time.h"
#include "kernel/base/bits.h"
#include "kernel/base/printk.h"
#include "kernel/task/pid.h"
#include "kernel/task/proc_internal.h"
#include "kernel/task/sched.h"
#include "kernel/task/version.h"

#define NS_PER_SEC       1000000000ull
#define NS_PER_HUNDREDTH 10000000ull
#define NS_PER_USER_TICK (NS_PER_SEC / ABI_USER_HZ)

static uint64_t idle_ns_of_all(void)
{
    uint64_t left = sched_online_harts();
    uint64_t idle_ns = 0;

    for (; left != 0; left &= left - 1) {
        struct sched_hart_stats stats;

        sched_get_hart_stats(bit_first(left), &stats);
        idle_ns += stats.idle_ns;
    }
    return idle_ns;
}

static int show_uptime(struct seq *seq, const struct procfs_file *file)
{
    uint64_t up = port_clock_ns() / NS_PER_HUNDREDTH;
    uint64_t idle = idle_ns_of_all() / NS_PER_HUNDREDTH;

    (void)file;
    seq_printf(seq, "%llu.%02llu %llu.%02llu\n", (unsigned long long)(up / 100),
               (unsigned long long)(up % 100), (unsigned long long)(idle / 100),
               (unsigned long long)(idle % 100));
    return 0;
}

static unsigned count_tasks(void)
{
    struct process *process;
    unsigned nr = 0;

    spin_lock(&task_tree_lock);
    list_for_each (process, &process_list, all_node) {
        nr += process->nr_threads;
    }
    spin_unlock(&task_tree_lock);
    return nr;
}

static int show_loadavg(struct seq *seq, const struct procfs_file *file)
{
    uint64_t loads[3];
    unsigned i;

    (void)file;
    sched_get_load(loads);
    for (i = 0; i < 3; i++) {
        uint64_t hundredths = (loads[i] * 100 + (1u << (LOAD_SHIFT - 1))) >> LOAD_SHIFT;

        seq_printf(seq, "%llu.%02llu ", (unsigned long long)(hundredths / 100),
                   (unsigned long long)(hundredths % 100));
    }
    seq_printf(seq, "%u/%u %d\n", sched_nr_runnable(), count_tasks(), pid_last());
    return 0;
}

static void show_hart_times(struct seq *seq, const char *name, const struct sched_hart_stats *stats)
{
    seq_printf(seq, "%s %llu 0 %llu %llu 0 0 0 0 0 0\n", name,
               (unsigned long long)(stats->user_ns / NS_PER_USER_TICK),
               (unsigned long long)(stats->system_ns / NS_PER_USER_TICK),
               (unsigned long long)(stats->idle_ns / NS_PER_USER_TICK));
}

static int show_stat(struct seq *seq, const struct procfs_file *file)
{
    struct sched_hart_stats harts[MAX_HARTS];
    struct sched_hart_stats sum = {0};
    uint64_t left;
    uint64_t irqs = 0;
    uint64_t count;
    const char *name;
    unsigned source;
    char label[16];

    (void)file;
    for (left = sched_online_harts(); left != 0; left &= left - 1) {
        unsigned hart = bit_first(left);

        sched_get_hart_stats(hart, &harts[hart]);
        sum.user_ns += harts[hart].user_ns;
        sum.system_ns += harts[hart].system_ns;
        sum.idle_ns += harts[hart].idle_ns;
        sum.nr_switches += harts[hart].nr_switches;
    }
    show_hart_times(seq, "cpu ", &sum);
    for (left = sched_online_harts(); left != 0; left &= left - 1) {
        ksnprintf(label, sizeof(label), "cpu%u", bit_first(left));
        show_hart_times(seq, label, &harts[bit_first(left)]);
    }
    for (source = 0; irq_get_stats(source, &name, &count); source++) {
        irqs += name != NULL ? count : 0;
    }
    seq_printf(
        seq,
        "intr %llu\nctxt %llu\nbtime %llu\nprocesses %llu\nprocs_running %u\nprocs_blocked 0\n",
        (unsigned long long)irqs, (unsigned long long)sum.nr_switches,
        (unsigned long long)((port_realtime_ns() - port_clock_ns()) / NS_PER_SEC),
        (unsigned long long)pid_nr_created(), sched_nr_runnable());
    return 0;
}

static int show_version(struct seq *seq, const struct procfs_file *file)
{
    (void)file;
    seq_printf(seq, "%s version %s (gcc " __VERSION__ ") %s\n", VERSION_SYSTEM, VERSION_RELEASE,
               VERSION_BUILD);
    return 0;
}

static int show_cpuinfo(struct seq *seq, const struct procfs_file *file)
{
    uint64_t left = sched_online_harts();

    (void)file;
    for (; left != 0; left &= left - 1) {
        seq_printf(seq, "processor\t: %u\nhart\t\t: %u\nisa\t\t: rv64imafdc\nmmu\t\t: sv39\n\n",
                   bit_first(left), bit_first(left));
    }
    return 0;
}

static int show_interrupts(struct seq *seq, const struct procfs_file *file)
{
    const char *name;
    uint64_t count;
    unsigned source;

    (void)file;
    seq_puts(seq, "           total\n");
    for (source = 0; irq_get_stats(source, &name, &count); source++) {
        if (name != NULL) {
            seq_printf(seq, "%3u: %12llu  PLIC  %s\n", source, (unsigned long long)count, name);
        }
    }
    return 0;
}

/** The text that file->data points to. */
static int show_text(struct seq *seq, const struct procfs_file *file)
{
    seq_printf(seq, "%s\n", (const char *)file->data);
    return 0;
}

static int show_pid_max(struct seq *seq, const struct procfs_file *file)
{
    (void)file;
    seq_printf(seq, "%d\n", PID_MAX);
    return 0;
}

static struct procfs_file global_files[] = {
    {.path = "uptime", .mode = 0444, .show = show_uptime},
    {.path = "loadavg", .mode = 0444, .show = show_loadavg},
    {.path = "stat", .mode = 0444, .show = show_stat},
    {.path = "version", .mode = 0444, .show = show_version},
    {.path = "cpuinfo", .mode = 0444, .show = show_cpuinfo},
    {.path = "interrupts", .mode = 0444, .show = show_interrupts},
    {.path = "sys/kernel/ostype", .mode = 0444, .show = show_text, .data = VERSION_SYSTEM},
    {.path = "sys/kernel/osrelease", .mode = 0444, .show = show_text, .data = VERSION_RELEASE},
    {.path = "sys/kernel/version", .mode = 0444, .show = show_text, .data = VERSION_BUILD},
    {.path = "sys/kernel/pid_max", .mode = 0444, .show = show_pid_max},
};

void proc_register_global(void)
{
    size_t i;

    for (i = 0; i < array_size(global_files); i++) {
        procfs_register(&global_files[i]);
    }
}
