// SPDX-License-Identifier: MIT
/* The boot, in order: the one file that knows everyone.
 *
 *     step                   makes possible                         needs
 *     open the device tree   everything below                       the early direct map
 *     kernel arguments       log level, what a panic ends in        tree
 *     memory, harts, clock   port_clock_ns()                        tree
 *     frames                 frames_alloc(), kmalloc, slabs         memory
 *     page tables            vmalloc, W^X, guard pages              frames
 *     finisher, UART, PLIC,  exit status, console without           page tables, kmalloc
 *       real-time clock        firmware, interrupts, wall clock
 *     scheduler              tasks, sleeping                        kmalloc, clock
 *     other harts            all of the machine                     scheduler
 *     boot task              what may sleep: see boot_task.c        scheduler
 *
 * Up to the scheduler this runs on the boot stack with interrupts off, and nothing may sleep. What
 * is missing and cannot be done without ends in one line that says so, and the machine's end with
 * status 125. */
#include "kernel/boot.h"

#include "drivers/finisher.h"
#include "drivers/plic.h"
#include "drivers/rtc.h"
#include "drivers/uart.h"
#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/asid.h"
#include "kernel/arch/riscv64/hart.h"
#include "kernel/arch/riscv64/kernel_map.h"
#include "kernel/arch/riscv64/panic.h"
#include "kernel/arch/riscv64/sbi.h"
#include "kernel/arch/riscv64/timer.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "kernel/boot_task.h"
#include "kernel/main.h"
#include "kernel/task/sched.h"
#include "mm/debug/kasan.h"
#include "mm/debug/leak.h"
#include "mm/debug/mistakes.h"
#include "mm/debug/slab_debug.h"
#include "mm/fault_inject.h"
#include "mm/huge.h"

#define FAILED_STATUS   125
#define MINIMUM_RAM_MIB 24u

static struct boot_machine machine;

static _Noreturn void die(const char *reason)
{
    printk(LOG_EMERG, "boot: %s", reason);
    machine_power_off(FAILED_STATUS);
}

static void check(const char *reason)
{
    if (reason != NULL) {
        die(reason);
    }
}

static void read_log_arguments(void)
{
    char value[16];
    uint64_t number;

    if (bootarg_get("quiet", value, sizeof(value))) {
        klog_set_console_level(LOG_WARNING);
    }
    if (bootarg_get("loglevel", value, sizeof(value)) && parse_u64(value, 10, NULL, &number) == 0) {
        klog_set_console_level((int)min_of(number, 8ull));
    }
    if (bootarg_get("log", value, sizeof(value))) {
        klog_set_framed(strcmp(value, "framed") == 0);
    }
    if (bootarg_get("panic", value, sizeof(value))) {
        panic_set_halt(strcmp(value, "0") == 0);
    }
}

/* Before the first cache is used. */
static void read_memory_arguments(void)
{
    char value[256];

    if (bootarg_get("slab_debug", value, sizeof(value))) {
        slab_debug_configure(value);
    }
    if (bootarg_get("transparent_hugepage", value, sizeof(value)) && huge_set_mode(value) != 0) {
        pr_warn("transparent_hugepage=%s: not one of always, madvise, never", value);
    }
    if (bootarg_get("kmemleak", value, sizeof(value))) {
        if (strcmp(value, "on") == 0) {
            leak_enable();
        } else if (strcmp(value, "off") != 0) {
            pr_warn("boot: kmemleak=%s is neither on nor off", value);
        }
    }
    if (bootarg_get("panic_on_warn", value, sizeof(value))) {
        mistake_set_panic(strcmp(value, "0") != 0);
    }
}

/* For tests: the n-th allocation of the boot fails. boot_task.c says when the boot has ended. */
static void read_fault_argument(void)
{
    char value[16];
    uint64_t nth;

    if (bootarg_get("fail_nth", value, sizeof(value)) && parse_u64(value, 10, NULL, &nth) == 0) {
        fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, nth, false);
    }
}

static void start_clock_and_traps(void)
{
    check(boot_find_harts(&machine));
    timer_init_clock(machine.ticks_per_second, machine.has_sstc);
    trap_init_hart();
    if (!machine.has_sstc && !sbi_has(SBI_EXT_TIME)) {
        die("neither Sstc nor the firmware's timer (SBI TIME): no way to measure time");
    }
    if (!sbi_has(SBI_EXT_IPI) || !sbi_has(SBI_EXT_RFENCE)) {
        die("the firmware is too old: SBI 0.3 with IPI and RFENCE (OpenSBI 0.9) is needed");
    }
}

static void start_memory(void)
{
    unsigned long long ram_mib;

    check(boot_find_memory(&machine));
    ram_mib = machine.ram_bytes >> 20;
    if (ram_mib < MINIMUM_RAM_MIB) {
        printk(LOG_EMERG, "boot: the machine has %llu MiB of memory, and Cairn needs %u", ram_mib,
               MINIMUM_RAM_MIB);
        machine_power_off(FAILED_STATUS);
    }
    pr_info("cairn: %s, %u hart%s, %llu MiB", machine.model, hart_nr_known(),
            hart_nr_known() == 1 ? "" : "s", ram_mib);
    pr_info("cairn: SBI %llu.%llu, clock %u Hz, timer by %s",
            (unsigned long long)sbi_version() >> 24, (unsigned long long)sbi_version() & 0xffffff,
            machine.ticks_per_second, machine.has_sstc ? "stimecmp" : "the firmware");
    if (machine.nr_harts_left > 0) {
        pr_notice("cairn: %u harts more than the %u that Cairn drives stay off",
                  machine.nr_harts_left, MAX_HARTS);
    }
    if (frames_init(machine.ram, machine.nr_ram, machine.reserved, machine.nr_reserved) != 0) {
        die("memory: too little is left beside firmware, image and initrd");
    }
    asid_init();
    if (kernel_map_init(machine.ram, machine.nr_ram, machine.forbidden, machine.nr_forbidden) !=
        0) {
        die("memory: too little for the kernel's page tables");
    }
    kasan_start();
}

/* What the machine is poorer without, but runs. */
static void expect(int error, const char *what)
{
    if (error != 0) {
        pr_warn("boot: %s (error %d)", what, error);
    }
}

/* What it can't run without. */
static void need_device(int error, const char *if_missing, const char *if_no_memory)
{
    if (error != 0) {
        die(error == -ENOMEM ? if_no_memory : if_missing);
    }
}

static void start_devices(void)
{
    const struct fdt *fdt = machine_fdt();

    expect(finisher_init(fdt), "no test finisher: QEMU will not pass the exit status on");
    need_device(uart_init(fdt), "the device tree names no UART that Cairn drives (ns16550a)",
                "no memory for the UART's registers");
    need_device(plic_init(fdt),
                "the device tree names no interrupt controller that Cairn drives "
                "(sifive,plic-1.0.0)",
                "no memory for the interrupt controller's registers");
    expect(rtc_init(fdt), "no real-time clock: time begins in 1970");
    boot_seed_random(&machine);
}

void kernel_main(uint64_t hart_id, uint64_t tree)
{
    hart_init_boot(hart_id);
    check(boot_open_tree(&machine, phys(tree)));
    finisher_init_early(machine_fdt());
    read_log_arguments();
    read_fault_argument();
    read_memory_arguments();
    start_clock_and_traps();
    start_memory();
    start_devices();
    sched_init();
    if (sched_start_harts() < hart_nr_known()) {
        pr_warn("boot: only %u harts have started", port_nr_harts());
    }
    boot_task_start(&machine);
    sched_run();
}
