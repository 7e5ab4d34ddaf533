// SPDX-License-Identifier: MIT
/* Calls about the system as a whole: its name, its state, its log, its end. */
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/syslog.h"
#include "kernel/abi/utsname.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/atomic.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "kernel/sync/mutex.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/task/pid.h"
#include "kernel/task/sched.h"
#include "kernel/task/task.h"
#include "kernel/task/version.h"
#include "mm/frames.h"
#include "mm/swap.h"
#include "mm/kmalloc.h"

#define HOST_NAME_MAX    64
#define RANDOM_CHUNK     256
#define GRND_KNOWN_FLAGS 7u

static struct spinlock name_lock = SPINLOCK_INIT(LOCK_RANK_FS_CONTEXT, "host name");
static char host_name[HOST_NAME_MAX + 1] = "cairn";    /* [name_lock] */
static char domain_name[HOST_NAME_MAX + 1] = "(none)"; /* [name_lock] */

int64_t sys_uname(const struct syscall_args *args)
{
    struct abi_utsname name;

    memset(&name, 0, sizeof(name));
    strlcpy(name.sysname, VERSION_SYSTEM, sizeof(name.sysname));
    strlcpy(name.release, VERSION_RELEASE, sizeof(name.release));
    strlcpy(name.version, VERSION_BUILD, sizeof(name.version));
    strlcpy(name.machine, VERSION_MACHINE, sizeof(name.machine));
    spin_lock(&name_lock);
    strlcpy(name.nodename, host_name, sizeof(name.nodename));
    strlcpy(name.domainname, domain_name, sizeof(name.domainname));
    spin_unlock(&name_lock);
    return copy_to_user(args->a[0], &name, sizeof(name));
}

static int64_t set_name(const struct syscall_args *args, char *name)
{
    char next[HOST_NAME_MAX + 1] = "";
    int error;

    if (task_current()->cred.euid != 0) {
        return -EPERM;
    }
    if (args->a[1] > HOST_NAME_MAX) {
        return -EINVAL;
    }
    error = copy_from_user(next, args->a[0], args->a[1]);
    if (error != 0) {
        return error;
    }
    spin_lock(&name_lock);
    memcpy(name, next, sizeof(next));
    spin_unlock(&name_lock);
    return 0;
}

int64_t sys_sethostname(const struct syscall_args *args)
{
    return set_name(args, host_name);
}

int64_t sys_setdomainname(const struct syscall_args *args)
{
    return set_name(args, domain_name);
}

static uint16_t count_processes(void)
{
    struct process *process;
    uint16_t nr = 0;

    spin_lock(&task_tree_lock);
    list_for_each (process, &process_list, all_node) {
        nr++;
    }
    spin_unlock(&task_tree_lock);
    return nr;
}

int64_t sys_sysinfo(const struct syscall_args *args)
{
    struct frames_stats frames;
    struct swap_stats swap;
    struct abi_sysinfo info;
    unsigned i;

    memset(&info, 0, sizeof(info));
    frames_get_stats(&frames);
    info.uptime_sec = (int64_t)(port_clock_ns() / 1000000000u);
    sched_get_load(info.loads);
    for (i = 0; i < 3; i++) {
        info.loads[i] <<= 16 - LOAD_SHIFT;
    }
    info.totalram = frames.nr_total * PAGE_SIZE;
    info.freeram = frames.nr_free * PAGE_SIZE;
    swap_get_stats(&swap);
    info.totalswap = swap.nr_total * PAGE_SIZE;
    info.freeswap = swap.nr_free * PAGE_SIZE;
    info.procs = count_processes();
    info.mem_unit = 1;
    return copy_to_user(args->a[0], &info, sizeof(info));
}

int64_t sys_getrandom(const struct syscall_args *args)
{
    uint64_t wanted = min_of(args->a[1], (uint64_t)INT32_MAX);
    uint8_t chunk[RANDOM_CHUNK];
    uint64_t done = 0;

    if ((args->a[2] & ~(uint64_t)GRND_KNOWN_FLAGS) != 0) {
        return -EINVAL;
    }
    while (done < wanted) {
        size_t part = min_of(wanted - done, (uint64_t)sizeof(chunk));

        port_random_bytes(chunk, part);
        if (copy_to_user(args->a[0] + done, chunk, part) != 0) {
            return done != 0 ? (int64_t)done : -EFAULT;
        }
        done += part;
        if (task_has_signal()) {
            break; /* a long call may be cut short */
        }
    }
    return (int64_t)done;
}

/* ---- The end --------------------------------------------------------------------------------- */

static bool is_magic(uint32_t first, uint32_t second)
{
    return first == ABI_REBOOT_MAGIC1 &&
           (second == ABI_REBOOT_MAGIC2 || second == ABI_REBOOT_MAGIC2A ||
            second == ABI_REBOOT_MAGIC2B || second == ABI_REBOOT_MAGIC2C);
}

/** LINUX_REBOOT_CMD_RESTART2's text: "exit N" ends QEMU with status N; anything else restarts. */
static int restart_as_told(uint64_t address)
{
    char text[64];
    uint64_t status;
    ssize_t len = port_string_from_user(text, user_ptr(address), sizeof(text));

    if (len < 0) {
        return (int)len;
    }
    vfs_shutdown();
    if (strncmp(text, "exit ", 5) == 0 && parse_u64(text + 5, 10, NULL, &status) == 0) {
        machine_power_off((int)(status & 0xff));
    }
    machine_reboot();
}

int64_t sys_reboot(const struct syscall_args *args)
{
    if (task_current()->cred.euid != 0) {
        return -EPERM;
    }
    if (!is_magic((uint32_t)args->a[0], (uint32_t)args->a[1])) {
        return -EINVAL;
    }
    switch ((uint32_t)args->a[2]) {
    case ABI_REBOOT_CAD_ON:
    case ABI_REBOOT_CAD_OFF: return 0;
    case ABI_REBOOT_POWER_OFF:
    case ABI_REBOOT_HALT: vfs_shutdown(); machine_power_off(0);
    case ABI_REBOOT_RESTART: vfs_shutdown(); machine_reboot();
    case ABI_REBOOT_RESTART2: return restart_as_told(args->a[3]);
    default: return -EINVAL;
    }
}

/* ---- The log --------------------------------------------------------------------------------- */

#define LOG_CHUNK PAGE_SIZE
#define LOG_ROOM  (1u << 18)

static _Atomic uint64_t cleared_seq; /* [a] dmesg --clear: older records are not read any more */
static struct mutex read_lock = MUTEX_INIT(read_lock, LOCK_RANK_PIPE, "syslog");
static uint64_t read_seq; /* [read_lock] */

/** Copy whole records from *seq on to the user. Returns the bytes, or -errno. */
static int64_t copy_log(uint64_t *seq, uint64_t address, uint64_t size_bytes)
{
    char *chunk = kmalloc(LOG_CHUNK, ALLOC_KERNEL);
    uint64_t done = 0;

    if (chunk == NULL) {
        return -ENOMEM;
    }
    while (done < size_bytes) {
        size_t got = klog_read(seq, chunk, min_of(size_bytes - done, (uint64_t)LOG_CHUNK));

        if (got == 0) {
            break;
        }
        if (copy_to_user(address + done, chunk, got) != 0) {
            kfree(chunk);
            return -EFAULT;
        }
        done += got;
    }
    kfree(chunk);
    return (int64_t)done;
}

static int64_t read_all(const struct syscall_args *args, bool must_clear)
{
    uint64_t cleared = atomic_load_explicit(&cleared_seq, memory_order_relaxed);
    uint64_t seq = max_of(klog_first_seq(), cleared);
    int64_t result = copy_log(&seq, args->a[1], args->a[2]);

    if (result >= 0 && must_clear) {
        atomic_store_explicit(&cleared_seq, klog_next_seq(), memory_order_relaxed);
    }
    return result;
}

static int64_t read_next(const struct syscall_args *args)
{
    int64_t result;

    mutex_lock(&read_lock);
    result = copy_log(&read_seq, args->a[1], args->a[2]);
    mutex_unlock(&read_lock);
    return result;
}

int64_t sys_syslog(const struct syscall_args *args)
{
    bool is_root = task_current()->cred.euid == 0;
    int action = (int)args->a[0];

    if (!is_root && action != ABI_SYSLOG_READ_ALL && action != ABI_SYSLOG_SIZE_BUFFER) {
        return -EPERM;
    }
    switch (action) {
    case ABI_SYSLOG_CLOSE:
    case ABI_SYSLOG_OPEN: return 0;
    case ABI_SYSLOG_READ: return read_next(args);
    case ABI_SYSLOG_READ_ALL: return read_all(args, false);
    case ABI_SYSLOG_READ_CLEAR: return read_all(args, true);
    case ABI_SYSLOG_CLEAR:
        atomic_store_explicit(&cleared_seq, klog_next_seq(), memory_order_relaxed);
        return 0;
    case ABI_SYSLOG_CONSOLE_OFF: klog_set_console_level(1); return 0;
    case ABI_SYSLOG_CONSOLE_ON: klog_set_console_level(7); return 0;
    case ABI_SYSLOG_CONSOLE_LEVEL:
        if ((int)args->a[2] < 1 || (int)args->a[2] > 8) {
            return -EINVAL;
        }
        klog_set_console_level((int)args->a[2]);
        return 0;
    case ABI_SYSLOG_SIZE_UNREAD: return 0;
    case ABI_SYSLOG_SIZE_BUFFER: return LOG_ROOM;
    default: return -EINVAL;
    }
}
