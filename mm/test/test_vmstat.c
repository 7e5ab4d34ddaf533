// SPDX-License-Identifier: MIT
// TSAN
/* Event counters: nothing is lost when every hart counts at once, what goes up on one hart and down
 * on another adds up, and each has a name of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/base/port.h"
#include "mm/vmstat.h"
#include "tools/host/host.h"

enum { NR_THREADS = 8, NR_EVENTS = 20000 };

static void count_events(unsigned index, void *arg)
{
    for (unsigned i = 0; i < NR_EVENTS; i++) {
        vm_count(VM_PGFAULT);
        vm_count_many(VM_NR_MAPPED, index % 2 == 0 ? 3 : -2);
        if (i % 64 == 0) {
            port_yield(); /* goes on on another hart, perhaps */
        }
    }
}

static void harts_that_count_at_once_lose_nothing(void **state)
{
    uint64_t faults = vm_counter_read(VM_PGFAULT);

    host_run_threads(NR_THREADS, count_events, NULL);
    assert_int_equal(vm_counter_read(VM_PGFAULT) - faults, NR_THREADS * NR_EVENTS);
    assert_int_equal(vm_counter_read(VM_NR_MAPPED), NR_THREADS / 2 * NR_EVENTS);
}

static void a_sum_below_zero_is_shown_as_zero(void **state)
{
    uint64_t irq_state = port_irq_save();

    vm_count_irqs_off(VM_NR_WRITEBACK, -1);
    assert_int_equal(vm_counter_read(VM_NR_WRITEBACK), 0);
    vm_count_irqs_off(VM_NR_WRITEBACK, 3);
    port_irq_restore(irq_state);
    assert_int_equal(vm_counter_read(VM_NR_WRITEBACK), 2);
}

static void every_counter_has_a_name_of_its_own(void **state)
{
    for (enum vm_counter counter = 0; counter < VM_NR_COUNTERS; counter++) {
        assert_non_null(vm_counter_name(counter));
        assert_null(strchr(vm_counter_name(counter), ' '));
        for (enum vm_counter other = 0; other < counter; other++) {
            assert_string_not_equal(vm_counter_name(counter), vm_counter_name(other));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(harts_that_count_at_once_lose_nothing),
        cmocka_unit_test(a_sum_below_zero_is_shown_as_zero),
        cmocka_unit_test(every_counter_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
