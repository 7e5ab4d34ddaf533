// SPDX-License-Identifier: MIT
/* Address-space numbers: two spaces that map the same address to different pages keep apart while
 * numbers run out and come round again, and a flush reaches a space that no hart uses at the time.
 * Preemption is off, so the scheduler does not notice. */
#include "kernel/arch/riscv64/asid.h"
#include "kernel/arch/riscv64/user_atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/selftest.h"
#include "mm/frames.h"

#define ADDRESS        0x12345000ul
#define NR_ACTIVATIONS 70000u /* more than there are numbers */
#define RIGHTS         (PTE_FLAG_USER | PTE_FLAG_READ | PTE_FLAG_ACCESSED)

struct test_space {
    struct pagetable table;
    struct page *page;
};

static bool make_space(struct test_space *space, uint32_t value)
{
    struct pte_slot slot;

    space->page = frames_alloc(0, ALLOC_KERNEL | ALLOC_ZERO);
    if (space->page == NULL || pagetable_init(&space->table) != 0 ||
        pagetable_prepare(&space->table, ADDRESS, ALLOC_KERNEL, &slot) != 0) {
        CHECK(!"no memory for the test");
        return false;
    }
    *(uint32_t *)page_address(space->page) = value;
    pte_slot_set(slot, page_to_phys(space->page), RIGHTS);
    return true;
}

static void drop_space(struct test_space *space)
{
    pagetable_clear(&space->table, ADDRESS);
    pagetable_destroy(&space->table);
    frames_free(space->page, 0);
}

static void activate(struct pagetable *table)
{
    uint64_t irq_state = port_irq_save();

    pagetable_activate(table);
    port_irq_restore(irq_state);
}

/* What a space shows at ADDRESS. */
static uint32_t look(struct test_space *space)
{
    uint32_t value = 0;

    activate(&space->table);
    CHECK(user_atomic_load(user_ptr(ADDRESS), &value) == 0);
    activate(NULL);
    return value;
}

SELFTEST(spaces_keep_apart_when_numbers_come_round)
{
    static struct test_space a, b, spender;
    unsigned nr_renewed = 0;
    uint64_t asid_of_a;

    if (!make_space(&a, 0xaaaa) || !make_space(&b, 0xbbbb) || !make_space(&spender, 0)) {
        return;
    }
    port_user_nofault_begin();
    CHECK(look(&a) == 0xaaaa && look(&b) == 0xbbbb);
    asid_of_a = a.table.asid;
    for (unsigned i = 0; i < NR_ACTIVATIONS; i++) {
        spender.table.asid = 0; /* as if it were a new one each time */
        activate(&spender.table);
        if (i % 1000 == 0) {
            CHECK(look(&a) == 0xaaaa && look(&b) == 0xbbbb);
            CHECK(a.table.asid != b.table.asid);
            nr_renewed += a.table.asid != asid_of_a;
            asid_of_a = a.table.asid;
        }
    }
    CHECK(nr_renewed >= 1);
    activate(NULL);
    port_user_nofault_end();
    drop_space(&a);
    drop_space(&b);
    drop_space(&spender);
}

SELFTEST(flush_reaches_a_space_that_is_not_in_use)
{
    static struct test_space a, other;

    if (!make_space(&a, 1) || !make_space(&other, 2)) {
        return;
    }
    port_user_nofault_begin();
    CHECK(look(&a) == 1);
    pagetable_clear(&a.table, ADDRESS);
    pagetable_set(&a.table, ADDRESS, page_to_phys(other.page), RIGHTS);
    pagetable_flush(&a.table, ADDRESS, ADDRESS + PAGE_SIZE);
    CHECK(a.table.stale_mask != 0);
    CHECK(look(&a) == 2);
    CHECK((a.table.stale_mask >> port_hart_id() & 1) == 0);
    activate(&a.table);
    pagetable_clear(&a.table, ADDRESS);
    pagetable_set(&a.table, ADDRESS, page_to_phys(a.page), RIGHTS);
    pagetable_flush(&a.table, ADDRESS, ADDRESS + PAGE_SIZE);
    CHECK(look(&a) == 1);
    port_user_nofault_end();
    drop_space(&a);
    drop_space(&other);
}
