// SPDX-License-Identifier: MIT
/* The kernel's own mappings, tried: what must not be written or executed faults, and what is
 * unmapped is so on every hart. */
#include "kernel/arch/riscv64/kernel_map.h"
#include "kernel/arch/riscv64/port/memory.h"
#include "kernel/arch/riscv64/port/pagetable.h"
#include "kernel/arch/riscv64/trap_internal.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/selftest.h"
#include "mm/frames.h"

extern char _text_start[], _rodata_start[], _data_start[], boot_stack[], emergency_stack[];

static const uint64_t constant = 0x1234;
static uint64_t variable = 0x5678;

static void do_nothing(void)
{
}

SELFTEST(image_rights_are_enforced)
{
    uint64_t value;

    CHECK(probe_read((const uint64_t *)_text_start, &value));
    CHECK(!probe_write((uint64_t *)_text_start, 0));
    CHECK(probe_read(&constant, &value) && value == 0x1234);
    CHECK(!probe_write((uint64_t *)&constant, 1));
    CHECK(!probe_execute(&constant));
    CHECK(probe_write(&variable, 0x8082) && variable == 0x8082);
    CHECK(!probe_execute(&variable)); /* although it holds a `ret` */
    CHECK(probe_execute((const void *)do_nothing));
}

SELFTEST(direct_map_gives_no_way_around)
{
    uint64_t *text_alias = phys_to_virt(virt_to_phys(_text_start));
    uint64_t *rodata_alias = phys_to_virt(virt_to_phys(_rodata_start));
    uint64_t *data_alias = phys_to_virt(virt_to_phys(&variable));
    uint64_t value;

    CHECK(probe_read(text_alias, &value) && value == *(uint64_t *)_text_start);
    CHECK(!probe_write(text_alias, 0));
    CHECK(!probe_write(rodata_alias, 0));
    CHECK(!probe_execute(text_alias));
    CHECK(probe_write(data_alias, 7) && variable == 7);
    CHECK(!probe_execute(data_alias));
}

static const uint64_t *below(const char *stack)
{
    return (const uint64_t *)((uint64_t)stack - sizeof(uint64_t));
}

SELFTEST(low_memory_guards_and_gaps_are_not_mapped)
{
    uint64_t value;

    CHECK(!probe_read(NULL, &value));
    CHECK(!probe_read((const uint64_t *)0x80200000, &value)); /* the identity map is gone */
    CHECK(!probe_read(below(boot_stack), &value));
    CHECK(!probe_read(below(emergency_stack), &value));
    CHECK(!probe_read((const uint64_t *)(port_thread()->stack - 8), &value));
    CHECK(!probe_read((const uint64_t *)(port_thread()->stack + KERNEL_STACK_SIZE), &value));
    CHECK(!probe_read((const uint64_t *)0x8000000000000000, &value)); /* not an Sv39 address */
}

/* A page at the end of the kernel's window, where mm/vmalloc.c comes last. */
#define WINDOW_PAGE (VMALLOC_BASE + VMALLOC_SIZE - PAGE_SIZE)

static struct page *map_window_page(void)
{
    struct page *page = frames_alloc(0, ALLOC_KERNEL | ALLOC_ZERO);

    if (page == NULL || pagetable_map_kernel(WINDOW_PAGE, page_to_phys(page),
                                             PTE_FLAG_READ | PTE_FLAG_WRITE) != 0) {
        CHECK(!"no memory for the test");
        return NULL;
    }
    return page;
}

SELFTEST(window_pages_are_writable_and_not_executable)
{
    struct page *page = map_window_page();
    uint64_t *there = (uint64_t *)WINDOW_PAGE;

    if (page == NULL) {
        return;
    }
    CHECK(probe_write(there, 0x8082) && *(uint64_t *)page_address(page) == 0x8082);
    CHECK(!probe_execute(there));
    CHECK((kernel_map_get(WINDOW_PAGE).flags & (PTE_FLAG_WRITE | PTE_FLAG_EXEC)) == PTE_FLAG_WRITE);
    pagetable_unmap_kernel(WINDOW_PAGE, PAGE_SIZE);
    CHECK(!probe_write(there, 0));
    CHECK(!kernel_map_get(WINDOW_PAGE).is_present);
    frames_free(page, 0);
}

/* Threads read a page of the window in a loop, on whatever harts they get; the test unmaps it
 * under them. */
#define NR_READERS 8

static _Atomic uint32_t nr_reading, nr_done, is_unmapped, nr_read_after, nr_faults;

static void read_until_gone(void *arg)
{
    uint64_t value;
    bool has_read = false;

    (void)arg;
    for (;;) {
        /* Looked at first: a read that comes after the unmap has returned must fault. */
        bool was_unmapped = load_acquire(&is_unmapped) != 0;

        if (!probe_read((const uint64_t *)WINDOW_PAGE, &value)) {
            atomic_fetch_add_explicit(&nr_faults, 1, memory_order_relaxed);
            break;
        }
        if (was_unmapped) {
            atomic_fetch_add_explicit(&nr_read_after, 1, memory_order_relaxed);
            break;
        }
        if (!has_read) {
            has_read = true;
            atomic_fetch_add_explicit(&nr_reading, 1, memory_order_relaxed);
        }
        port_relax();
    }
    atomic_fetch_add_explicit(&nr_done, 1, memory_order_release);
}

SELFTEST(an_unmapped_page_is_gone_on_every_hart)
{
    struct page *page = map_window_page();

    if (page == NULL) {
        return;
    }
    for (unsigned i = 0; i < NR_READERS; i++) {
        CHECK(port_spawn("reader", read_until_gone, NULL) != NULL);
    }
    while (load_acquire(&nr_reading) < NR_READERS) {
        port_yield();
    }
    pagetable_unmap_kernel(WINDOW_PAGE, PAGE_SIZE);
    store_release(&is_unmapped, 1);
    while (load_acquire(&nr_done) < NR_READERS) {
        port_yield();
    }
    CHECK(load_relaxed(&nr_read_after) == 0);
    CHECK(load_relaxed(&nr_faults) == NR_READERS);
    frames_free(page, 0);
}
