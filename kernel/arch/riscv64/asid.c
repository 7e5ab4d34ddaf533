// SPDX-License-Identifier: MIT
/* Address-space numbers, and making harts forget.
 *
 * A TLB entry is tagged with an address-space number (ASID), so that a switch of address spaces
 * keeps the TLB. Numbers are few (16 bits at most) and processes are many, so a number is only
 * good for one *generation*: table->asid holds both, generation in the upper bits. When the
 * numbers run out, a new generation begins with every number free, except those in use on some
 * hart at that moment, which go on; and every hart flushes its whole TLB before it next uses a
 * number of the new generation. A table of an old generation gets a new number when it is next
 * activated.
 *
 * The usual activation takes no lock. Each hart publishes the asid it uses in `in_use`; whoever
 * begins a new generation takes these by exchange with 0. An activation replaces its own by
 * compare-and-swap, which fails when the exchange came first, and then goes the slow way, under
 * the lock. So a hart either shows its number to the one who hands them out, or sees that it must
 * ask.
 *
 * Forgetting. After an entry has lost rights, every hart that may remember it must be told. That
 * costs an interrupt there (shootdown.c), so it is done only to harts that use the table right now.
 * For the others a bit in table->stale_mask is enough: they flush the space when they next activate
 * it. The race between the two is settled by a full fence on either side:
 *
 *     activation:  active[hart] = table;   fence;   take my bit of stale_mask; if it was set, flush
 *     flush:       set stale bits;         fence;   read active[]; message harts that use the table
 *
 * One of them sees the other. hart_mask says which harts have ever used the table: the rest cannot
 * remember anything of it. It is set before the fence of an activation and read after one that follows
 * the change of the entries, so a hart that is missed finds them changed. A hart that is told takes its bit, too, so it is not told twice.
 * Instructions are forgotten in the same way: harts that run no program now have a bit in
 * stale_code, and look at it before they next do.
 *
 * Locks: asid_lock for generations and the bitmap; interrupts are off in activations.
 * Source: the idea of generations is that of MIPS and Arm kernels; RISC-V Privileged Architecture,
 * 4.2.1 (sfence.vma). */
#include "kernel/arch/riscv64/asid.h"

#include <stdatomic.h>

#include "kernel/arch/riscv64/hart.h"
#include "kernel/arch/riscv64/kernel_map.h"
#include "kernel/arch/riscv64/pagetable_internal.h"
#include "kernel/arch/riscv64/shootdown.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"
#include "kernel/sync/spinlock.h"

#define SATP_SV39       (8ul << 60)
#define SATP_ASID_SHIFT 44
#define ASID_BITS_MAX   16
#define ASID_KERNEL     0u /* the kernel's own table: no user entries, nothing to tell apart */

/* Flushing page by page costs more than flushing the whole space from about here on. */
#define MAX_SINGLE_FLUSHES 16

static struct spinlock asid_lock = SPINLOCK_INIT(LOCK_RANK_ASID, "asid");
static unsigned asid_bits;          /* [I] */
static uint64_t number_mask;        /* [I] the bits of a table's asid that are its number */
static _Atomic uint64_t generation; /* [a] in the bits above asid_bits; written under asid_lock */
static uint32_t next_asid = 1;      /* [asid_lock] where to look for a free number */
static uint64_t taken[(1u << ASID_BITS_MAX) / 64]; /* [asid_lock] bitmap, of this generation */
static _Atomic uint64_t
    in_use[MAX_HARTS];              /* [a] what each hart uses, generation included; 0: taken */
static uint64_t kept[MAX_HARTS];    /* [asid_lock] what each hart used when the generation began */
static _Atomic uint64_t must_flush; /* [a] harts that enter the new generation yet */
static struct pagetable *_Atomic active[MAX_HARTS]; /* [a] NULL: the kernel's own */
static _Atomic uint64_t stale_code; /* [a] harts that must forget instructions before user mode */

static void write_satp(phys_t root, uint64_t asid)
{
    __asm__ volatile("csrw satp, %0"
                     :
                     : "r"(SATP_SV39 | asid << SATP_ASID_SHIFT | root.addr >> PAGE_SHIFT)
                     : "memory");
}

void tlb_flush_local(void)
{
    __asm__ volatile("sfence.vma" : : : "memory");
}

static void flush_local_asid(uint64_t asid)
{
    __asm__ volatile("sfence.vma zero, %0" : : "r"(asid) : "memory");
}

static void flush_local_page(uint64_t address, uint64_t asid)
{
    __asm__ volatile("sfence.vma %0, %1" : : "r"(address), "r"(asid) : "memory");
}

void asid_init(void)
{
    uint64_t satp, before;

    __asm__ volatile("csrr %0, satp" : "=r"(before));
    __asm__ volatile("csrw satp, %1; csrr %0, satp; csrw satp, %2"
                     : "=&r"(satp)
                     : "r"(before | 0xfffful << SATP_ASID_SHIFT), "r"(before));
    tlb_flush_local();
    asid_bits = (unsigned)__builtin_popcountl(satp >> SATP_ASID_SHIFT & 0xffff);
    number_mask = (1ul << asid_bits) - 1;
    store_relaxed(&generation, 1ul << asid_bits);
    taken[0] = 1; /* ASID_KERNEL */
}

void asid_init_secondary(void)
{
    store_relaxed(&active[port_hart_id()], NULL);
    fence_full(); /* hart_running_mask() before any translation that outlasts this */
    tlb_flush_local();
    icache_flush_local();
}

static bool is_taken(uint64_t number)
{
    return (taken[number / 64] >> number % 64 & 1) != 0;
}

static void take(uint64_t number)
{
    taken[number / 64] |= 1ul << number % 64;
}

static void begin_generation(void)
{
    memset(taken, 0, sizeof(taken));
    take(ASID_KERNEL);
    store_relaxed(&generation, load_relaxed(&generation) + (1ul << asid_bits));
    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        uint64_t asid = atomic_exchange_explicit(&in_use[hart], 0, memory_order_acq_rel);

        /* 0: the hart has not activated anything since the last time, so its number is still in
         * `kept`. */
        if (asid != 0) {
            kept[hart] = asid;
        }
        take(kept[hart] & number_mask);
    }
    atomic_store_explicit(&must_flush, UINT64_MAX, memory_order_release);
}

/* Whether a table's old asid is one that went on into this generation; then all harts that use it
 * go on with it, too. */
static bool is_kept(uint64_t asid, uint64_t renewed)
{
    bool is_found = false;

    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        if (kept[hart] == asid) {
            kept[hart] = renewed;
            is_found = true;
        }
    }
    return is_found;
}

static uint64_t new_asid(uint64_t old)
{
    uint64_t first = 1ul << asid_bits;

    if (old != 0) {
        uint64_t renewed = load_relaxed(&generation) | (old & number_mask);

        if (is_kept(old, renewed)) {
            return renewed;
        }
    }
    for (;;) {
        for (; next_asid < first; next_asid++) {
            if (!is_taken(next_asid)) {
                take(next_asid);
                return load_relaxed(&generation) | next_asid++;
            }
        }
        begin_generation();
        next_asid = 1;
    }
}

/* The table's number in the present generation, published as what this hart uses. */
static uint64_t acquire_asid(struct pagetable *table, unsigned hart)
{
    uint64_t asid = load_relaxed(&table->asid);
    uint64_t mine = load_relaxed(&in_use[hart]);

    if (mine != 0 && (asid ^ load_relaxed(&generation)) >> asid_bits == 0 &&
        atomic_compare_exchange_strong_explicit(&in_use[hart], &mine, asid, memory_order_acq_rel,
                                                memory_order_relaxed)) {
        return asid;
    }
    spin_lock(&asid_lock);
    asid = load_relaxed(&table->asid);
    if ((asid ^ load_relaxed(&generation)) >> asid_bits != 0) {
        asid = new_asid(asid);
        store_relaxed(&table->asid, asid);
    }
    if ((atomic_fetch_and_explicit(&must_flush, ~(1ul << hart), memory_order_acq_rel) >> hart &
         1) != 0) {
        tlb_flush_local();
    }
    store_relaxed(&in_use[hart], asid);
    spin_unlock(&asid_lock);
    return asid;
}

void pagetable_activate(struct pagetable *table)
{
    unsigned hart = port_hart_id();
    uint64_t bit = 1ul << hart;
    uint64_t asid = 0;

    store_relaxed(&active[hart], table);
    if (table == NULL) {
        write_satp(virt_to_phys(pagetable_kernel_root()), ASID_KERNEL);
        return;
    }
    if ((load_relaxed(&table->hart_mask) & bit) == 0) {
        atomic_fetch_or_explicit(&table->hart_mask, bit, memory_order_relaxed);
    }
    fence_full(); /* active[] before stale_mask: see above */
    if (asid_bits > 0) {
        asid = acquire_asid(table, hart) & number_mask;
    }
    write_satp(table->root, asid);
    if (asid_bits == 0) {
        tlb_flush_local();
    } else if ((load_relaxed(&table->stale_mask) & bit) != 0) {
        atomic_fetch_and_explicit(&table->stale_mask, ~bit, memory_order_acq_rel);
        flush_local_asid(asid);
    }
    if ((load_relaxed(&stale_code) & bit) != 0) {
        icache_flush_local();
    }
}

void tlb_flush_active(void)
{
    unsigned hart = port_hart_id();
    struct pagetable *table = load_relaxed(&active[hart]);
    uint64_t bit = 1ul << hart;

    /* Another table than the one that was meant: then its stale bit is still set. */
    if (table == NULL || (load_relaxed(&table->stale_mask) & bit) == 0) {
        return;
    }
    atomic_fetch_and_explicit(&table->stale_mask, ~bit, memory_order_acq_rel);
    if (asid_bits == 0) {
        tlb_flush_local();
    } else {
        /* The number of a table in use does not change, whatever generation it counts as. */
        flush_local_asid(load_relaxed(&table->asid) & number_mask);
    }
}

void icache_flush_local(void)
{
    atomic_fetch_and_explicit(&stale_code, ~(1ul << port_hart_id()), memory_order_acq_rel);
    /* fence.i, whose name newer assemblers ask an extension for */
    __asm__ volatile(".word 0x0000100f" : : : "memory");
}

/* The harts that use a table now; NULL: any but the kernel's own. */
static uint64_t harts_using(const struct pagetable *table)
{
    uint64_t harts = 0;

    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        const struct pagetable *used = load_relaxed(&active[hart]);

        if (used != NULL && (table == NULL || used == table)) {
            harts |= 1ul << hart;
        }
    }
    return harts;
}

void pagetable_forget(struct pagetable *table)
{
    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        if (load_relaxed(&active[hart]) == table) {
            panic("page table destroyed while hart %u uses it", hart);
        }
    }
}

/* Flush pages [start, end), at least one, here: of one space, or (asid -1) of the kernel. */
static void flush_local_range(uint64_t start, uint64_t end, int64_t asid)
{
    uint64_t address = align_down(start, PAGE_SIZE);

    if (end - address > MAX_SINGLE_FLUSHES * PAGE_SIZE) {
        if (asid < 0) {
            tlb_flush_local();
        } else {
            flush_local_asid((uint64_t)asid);
        }
        return;
    }
    do {
        if (asid < 0) {
            __asm__ volatile("sfence.vma %0, zero" : : "r"(address) : "memory");
        } else {
            flush_local_page(address, (uint64_t)asid);
        }
        address += PAGE_SIZE;
    } while (address < end);
}

/* The end of pagetable_flush() if other harts have used the table: they must forget before they use it
 * again, and those that use it now are told. Apart, so that the usual case needs no stack. */
static __attribute__((noinline)) void flush_others(struct pagetable *table, uint64_t harts,
                                                   uint64_t irq_state)
{
    atomic_fetch_or_explicit(&table->stale_mask, harts, memory_order_relaxed);
    fence_full(); /* stale_mask before active[] */
    harts &= harts_using(table);
    port_irq_restore(irq_state);
    if (harts != 0) {
        shootdown(harts, SHOOTDOWN_SPACE);
    }
}

void pagetable_flush(struct pagetable *table, uint64_t start, uint64_t end)
{
    uint64_t irq_state, others;
    unsigned hart;

    if (start >= end) {
        return;
    }
    irq_state = port_irq_save(); /* stay on this hart */
    hart = port_hart_id();
    fence_full(); /* the entries before hart_mask: who enters it later finds them changed */
    others = load_relaxed(&table->hart_mask) & ~(1ul << hart);
    if (likely(load_relaxed(&active[hart]) == table)) {
        flush_local_range(start, end, (int64_t)(load_relaxed(&table->asid) & number_mask));
    } else {
        atomic_fetch_or_explicit(&table->stale_mask, 1ul << hart, memory_order_relaxed);
    }
    if (others != 0) {
        flush_others(table, others, irq_state);
        keep_call();
        return;
    }
    port_irq_restore(irq_state);
}

void tlb_flush_kernel(uint64_t start, uint64_t end)
{
    uint64_t irq_state = port_irq_save();
    uint64_t others;

    fence_full(); /* the entries before hart_running_mask(): asid_init_secondary() */
    others = hart_running_mask() & ~(1ul << port_hart_id());
    flush_local_range(start, end, -1);
    port_irq_restore(irq_state);
    if (others != 0) {
        shootdown(others, SHOOTDOWN_KERNEL);
    }
}

void pagetable_sync_icache(void)
{
    uint64_t irq_state = port_irq_save();
    uint64_t self = 1ul << port_hart_id();
    uint64_t users;

    fence_full(); /* the instructions, written as data, before any hart's fence.i */
    icache_flush_local();
    atomic_fetch_or_explicit(&stale_code, hart_running_mask() & ~self, memory_order_relaxed);
    fence_full(); /* stale_code before active[] */
    users = harts_using(NULL) & ~self;
    port_irq_restore(irq_state);
    if (users != 0) {
        shootdown(users, SHOOTDOWN_CODE);
    }
}
