// SPDX-License-Identifier: MIT
/* The second half of the boot: a kernel thread that does, in order, what may sleep.
 *
 *     step                     makes possible                       needs
 *     reclaim task             memory under pressure                scheduler
 *     character devices, tty   /dev/console                         UART, interrupts
 *     virtio                   disks                                interrupts, kmalloc
 *     file-system types        mounting
 *     writeback                dirty pages reach the disk           scheduler
 *     root, /dev               files                                disks or an archive
 *     first program            everything else
 *
 * The self-test kernel runs its tests before the root is looked for, and ends. */
#include "kernel/boot_task.h"

#include "drivers/block_watch.h"
#include "drivers/fdt.h"
#include "drivers/mem.h"
#include "drivers/rtc.h"
#include "drivers/virtio/mmio.h"
#include "fs/cache/writeback.h"
#include "fs/devfs/devfs.h"
#include "fs/ext/ext.h"
#include "fs/fat/fat.h"
#include "fs/procfs/procfs.h"
#include "fs/tmpfs/tmpfs.h"
#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/assert.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "kernel/base/selftest.h"
#include "kernel/base/string.h"
#include "kernel/console_tty.h"
#include "kernel/panic_test.h"
#include "kernel/root.h"
#include "kernel/task/init.h"
#include "kernel/task/job.h"
#include "kernel/task/leak_world.h"
#include "kernel/task/map_file.h"
#include "kernel/task/oom.h"
#include "kernel/task/payer.h"
#include "kernel/task/proc.h"
#include "mm/compact.h"
#include "mm/debug/guard_pool.h"
#include "mm/frames.h"
#include "mm/fault_inject.h"
#include "mm/reclaim.h"

#define FAILED_STATUS 125

extern const struct selftest selftests_start[], selftests_end[];

static _Noreturn void die(const char *what, int error)
{
    pr_err("boot: %s (%s %d): the machine stops", what,
           error == -ENOMEM ? "out of memory, error" : "error", -error);
    machine_power_off(FAILED_STATUS);
}

static void need(int error, const char *what)
{
    if (error != 0) {
        die(what, error);
    }
}

static void start_guard_pool(void)
{
    uint64_t interval_ms = GUARD_POOL_INTERVAL_MS;
    char value[16];

    if (bootarg_get("guard_pool", value, sizeof(value)) &&
        (parse_u64(value, 10, NULL, &interval_ms) != 0 || interval_ms > UINT32_MAX)) {
        pr_warn("boot: guard_pool=%s is no number of milliseconds", value);
        interval_ms = GUARD_POOL_INTERVAL_MS;
    }
    if (guard_pool_start((unsigned)interval_ms) != 0) {
        pr_warn("boot: no memory for the guard pool");
    }
}

/* block_timeout=SECONDS: how long a disk may take for an answer. */
static void start_block_watch(void)
{
    uint64_t timeout_s = 0;
    char value[16];

    if (bootarg_get("block_timeout", value, sizeof(value)) &&
        (parse_u64(value, 10, NULL, &timeout_s) != 0 || timeout_s == 0 || timeout_s > 3600)) {
        pr_warn("boot: block_timeout=%s is no number of seconds", value);
        timeout_s = 0;
    }
    need(block_watch_start(timeout_s != 0 ? timeout_s * 1000000000ull : BLOCK_TIMEOUT_NS,
                           rtc_read_ns),
         "no memory for the watch over disks");
}

static void start_drivers(void)
{
    need(mem_devices_register(), "no memory for the character devices");
    job_init();
    need(console_tty_start(), "no terminal on the serial line");
    start_block_watch();
    (void)
        virtio_probe_all(); /* a machine without disks is a machine all the same: the root decides */
}

static void register_file_systems(void)
{
    tmpfs_init();
    devfs_init();
    procfs_init();
    procfs_set_command_line(bootargs());
    proc_init();
    ext_register();
    fat_register();
}

static void log_boot_time(void)
{
    uint64_t us = port_clock_ns() / 1000;

    pr_info("boot: first instruction of init after %llu.%03llu ms", (unsigned long long)(us / 1000),
            (unsigned long long)(us % 1000));
    fault_inject_disarm();
}

/* What reclaim leaves in the page cache, for the programs that run just now: a small part of memory,
 * and never more than they could need. */
static void protect_running_programs(void)
{
    struct frames_stats stats;

    frames_get_stats(&stats);
    cache_set_floor(min_of(stats.nr_total / 32, 2048ull));
}

static void run_boot_task(void *arg)
{
    const struct boot_machine *machine = arg;
    struct path root;

    panic_test_run();
    need(reclaim_start(), "no memory for the reclaim task");
    need(compact_start(), "no memory for the compaction task");
    oom_init();
    payer_init();
    start_guard_pool();
    leak_world_init();
    start_drivers();
    register_file_systems();
    map_file_init();
    need(writeback_start(), "no memory for the writeback task");
    protect_running_programs();
    if (&selftests_start[0] < &selftests_end[0]) {
        machine_power_off(selftest_run_all() == 0 ? 0 : 1);
    }
    need(root_mount(&machine->initrd, &root), "no root file system");
    init_set_first_instruction_hook(log_boot_time);
    need(root_start_init(&root), "no first program");
    path_put(&root);
}

void boot_task_start(const struct boot_machine *machine)
{
    if (port_spawn("boot", run_boot_task, (void *)(uintptr_t)machine) == NULL) {
        panic("no memory for the boot task");
    }
}
