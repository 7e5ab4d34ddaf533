// SPDX-License-Identifier: MIT
/* The platform-level interrupt controller: from a device's wire to one hart's external interrupt.
 *
 * The controller has a priority for each source and, for each *context* (a hart in one privilege
 * mode), a bitmap of enabled sources, a threshold and a claim register. Reading the claim register
 * takes the most urgent pending source; writing the number back completes it. Which context is
 * which hart's supervisor mode is told by interrupts-extended in the device tree: entry n names
 * the hart's own controller and the interrupt (9: supervisor external) that context n raises.
 *
 * Idea: each source is enabled at one hart only, sources in turn over the harts that run. Enabled
 * everywhere, every interrupt would wake every hart, for one of them to find something to claim.
 *
 * Invariants: a source's handler is set before the source is enabled, and never changes.
 * Locks: irq_lock around registration; the handler table is read without it, in interrupt context,
 * by the invariant.
 * Source: RISC-V Platform-Level Interrupt Controller Specification, v1.0. */
#include "drivers/plic.h"

#include <stdatomic.h>

#include "drivers/fdt.h"
#include "drivers/irq.h"
#include "drivers/mmio.h"
#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/hart.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "kernel/sync/spinlock.h"
#include "mm/kmalloc.h"
#include "mm/vmalloc.h"

#define MAX_SOURCES         1024u
#define SUPERVISOR_EXTERNAL 9u

#define PRIORITY(source)        (4ul * (source))
#define ENABLE(context, source) (0x2000ul + 0x80ul * (context) + 4ul * ((source) / 32))
#define THRESHOLD(context)      (0x200000ul + 0x1000ul * (context))
#define CLAIM(context)          (THRESHOLD(context) + 4)

struct source {
    void (*_Atomic handler)(void *arg); /* [a] set once; NULL: nobody's */
    void *arg;
    const char *name;
    _Atomic uint64_t count; /* [a] */
};

static volatile uint8_t *registers; /* [I] */
static struct source *sources;      /* nr_sources of them */
static unsigned nr_sources;         /* [I] 0: no controller */
static int context_of[MAX_HARTS];   /* [I] -1: none */
static struct spinlock irq_lock = SPINLOCK_INIT(LOCK_RANK_IRQ, "irq");
static unsigned nr_registered; /* [irq_lock] */

/* The node with a phandle, or -1. */
static fdt_node find_phandle(const struct fdt *fdt, uint32_t phandle)
{
    fdt_node node = -1;
    uint32_t value;

    while ((node = fdt_find_compatible(fdt, node, "riscv,cpu-intc")) >= 0) {
        if (fdt_u32(fdt, node, "phandle", &value) == 0 && value == phandle) {
            return node;
        }
    }
    return -1;
}

/* Record the supervisor context of each hart that we know. Returns how many contexts there are in
 * all. */
static unsigned find_contexts(const struct fdt *fdt, fdt_node plic)
{
    uint32_t len_bytes = 0;
    const uint8_t *pairs = fdt_property(fdt, plic, "interrupts-extended", &len_bytes);
    unsigned nr_contexts = pairs != NULL ? len_bytes / 8 : 0;

    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        context_of[hart] = -1;
    }
    for (unsigned context = 0; context < nr_contexts; context++) {
        const uint8_t *pair = pairs + (size_t)8 * context;
        uint64_t hart_id, size_bytes;
        unsigned hart;
        fdt_node cpu;

        if (fdt_read_u32(pair + 4) != SUPERVISOR_EXTERNAL) {
            continue;
        }
        cpu = fdt_parent(fdt, find_phandle(fdt, fdt_read_u32(pair)));
        if (fdt_reg(fdt, cpu, 0, &hart_id, &size_bytes) == 0 && hart_find(hart_id, &hart)) {
            context_of[hart] = (int)context;
        }
    }
    return nr_contexts;
}

static void silence(unsigned nr_contexts)
{
    for (unsigned source = 1; source < nr_sources; source++) {
        mmio_write32(registers + PRIORITY(source), 0);
    }
    for (unsigned context = 0; context < nr_contexts; context++) {
        for (unsigned source = 0; source < nr_sources; source += 32) {
            mmio_write32(registers + ENABLE(context, source), 0);
        }
    }
    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        if (context_of[hart] >= 0) {
            mmio_write32(registers + THRESHOLD((unsigned)context_of[hart]), 0);
        }
    }
}

int plic_init(const struct fdt *fdt)
{
    fdt_node node = fdt_find_compatible(fdt, -1, "sifive,plic-1.0.0");
    uint64_t start, size_bytes, needed_bytes;
    uint32_t nr_devices;
    unsigned nr_contexts;

    if (node < 0) {
        node = fdt_find_compatible(fdt, -1, "riscv,plic0");
    }
    if (node < 0) {
        return -ENODEV;
    }
    if (fdt_reg(fdt, node, 0, &start, &size_bytes) != 0 ||
        fdt_u32(fdt, node, "riscv,ndev", &nr_devices) != 0 || nr_devices == 0 ||
        nr_devices >= MAX_SOURCES) {
        return -EINVAL;
    }
    nr_contexts = find_contexts(fdt, node);
    needed_bytes = THRESHOLD(nr_contexts);
    if (context_of[0] < 0 || needed_bytes > size_bytes) {
        return -EINVAL;
    }
    sources = kcalloc(nr_devices + 1, sizeof(*sources), ALLOC_ATOMIC);
    registers = vmalloc_map_device(phys(start), needed_bytes);
    if (sources == NULL || registers == NULL) {
        kfree(sources);
        return -ENOMEM;
    }
    nr_sources = nr_devices + 1;
    silence(nr_contexts);
    return 0;
}

/* The hart that the next source goes to. */
static unsigned choose_hart(void)
{
    unsigned hart = nr_registered % port_nr_harts();

    return context_of[hart] >= 0 ? hart : 0;
}

int irq_register(unsigned source, const char *name, void (*handler)(void *arg), void *arg)
{
    uint64_t irq_state;
    int error = 0;

    if (source == 0 || source >= nr_sources) {
        return -EINVAL;
    }
    irq_state = spin_lock_irqsave(&irq_lock);
    if (load_relaxed(&sources[source].handler) != NULL) {
        error = -EBUSY;
    } else {
        unsigned context = (unsigned)context_of[choose_hart()];
        volatile uint8_t *enable = registers + ENABLE(context, source);

        nr_registered++;
        sources[source].name = name;
        sources[source].arg = arg;
        store_release(&sources[source].handler, handler);
        /* OpenSBI raises the threshold of a hart's contexts whenever that hart starts: lower it again. */
        mmio_write32(registers + THRESHOLD(context), 0);
        mmio_write32(registers + PRIORITY(source), 1);
        mmio_write32(enable, mmio_read32(enable) | 1u << source % 32);
    }
    spin_unlock_irqrestore(&irq_lock, irq_state);
    return error;
}

static void dispatch(uint32_t number)
{
    struct source *source = &sources[number < nr_sources ? number : 0];
    void (*handler)(void *arg) = load_acquire(&source->handler);

    if (handler == NULL) {
        pr_warn("plic: interrupt %u, which nobody handles", number);
        return;
    }
    atomic_fetch_add_explicit(&source->count, 1, memory_order_relaxed);
    handler(source->arg);
}

void trap_upcall_external_interrupt(void)
{
    volatile uint8_t *claim = registers + CLAIM((unsigned)context_of[port_hart_id()]);
    uint32_t number;

    while ((number = mmio_read32(claim)) != 0) {
        dispatch(number);
        mmio_write32(claim, number);
    }
}

bool irq_get_stats(unsigned source, const char **name, uint64_t *count)
{
    if (source >= nr_sources) {
        return false;
    }
    *name = load_acquire(&sources[source].handler) != NULL ? sources[source].name : NULL;
    *count = load_relaxed(&sources[source].count);
    return true;
}
