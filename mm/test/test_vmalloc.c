// SPDX-License-Identifier: MIT
/* vmalloc over the host's page tables: memory that can be used, guards that fault, frames and
 * tables that come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>

#include "mm/fault_inject.h"
#include "mm/slab.h"
#include "mm/test/machine.h"
#include "mm/vmalloc.h"
#include "port/memory.h"
#include "port/pagetable.h"

#define MIB (1ul << 20)

static sigjmp_buf fault_return;

static void on_fault(int signal_number)
{
    (void)signal_number;
    siglongjmp(fault_return, 1);
}

/* Whether reading a byte faults. */
static __attribute__((no_sanitize("address"))) bool faults(const volatile char *address)
{
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    struct sigaction before;
    bool has_faulted = true;

    sigaction(SIGSEGV, &action, &before);
    if (sigsetjmp(fault_return, 1) == 0) {
        (void)*address;
        has_faulted = false;
    }
    sigaction(SIGSEGV, &before, NULL);
    return has_faulted;
}

static void memory_is_usable_and_surrounded_by_guards(void **state)
{
    static const size_t sizes[] = {1, PAGE_SIZE, 3 * PAGE_SIZE + 5, MIB};

    (void)state;
    for (size_t i = 0; i < array_size(sizes); i++) {
        char *block = vmalloc(sizes[i], ALLOC_KERNEL);
        size_t len_bytes = align_up(sizes[i], PAGE_SIZE);
        assert_non_null(block);
        assert_int_equal((uint64_t)block % PAGE_SIZE, 0);
        memset(block, 0x5a, len_bytes);
        assert_true(vmalloc_contains(block) && vmalloc_contains(block + len_bytes - 1));
        assert_false(vmalloc_contains(block + len_bytes));
        assert_false(vmalloc_contains(block - 1));
        assert_true(faults(block + len_bytes));
        assert_true(faults(block - 1));
        assert_int_equal(vmalloc_nr_pages(), len_bytes / PAGE_SIZE);
        vfree(block);
        assert_false(vmalloc_contains(block));
        assert_true(faults(block));
        assert_int_equal(vmalloc_nr_pages(), 0);
    }
}

static void zeroed_memory_is_zero(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        char *block = vmalloc(5 * PAGE_SIZE, ALLOC_KERNEL | ALLOC_ZERO);
        for (size_t i = 0; i < 5 * PAGE_SIZE; i++) {
            assert_int_equal(block[i], 0);
        }
        memset(block, 0xff, 5 * PAGE_SIZE);
        vfree(block);
    }
}

static void bad_sizes_and_pointers_are_refused(void **state)
{
    char *block = vmalloc(2 * PAGE_SIZE, ALLOC_KERNEL);

    (void)state;
    assert_null(vmalloc(0, ALLOC_KERNEL));
    assert_null(vmalloc(SIZE_MAX, ALLOC_KERNEL));
    assert_null(vmalloc(VMALLOC_SIZE, ALLOC_KERNEL));
    vfree(NULL);
    machine_listen();
    vfree(block + PAGE_SIZE);
    assert_true(machine_said("bad free"));
    machine_listen();
    vfree_stack(block);
    assert_true(machine_said("bad free of stack"));
    vfree(block);
    machine_listen();
    vfree(block);
    assert_true(machine_said("bad free"));
    assert_false(vmalloc_contains(NULL));
    assert_false(vmalloc_contains(&state));
}

static void one_bit_tells_that_a_stack_has_run_out(void **state)
{
    char *stacks[40];

    (void)state;
    for (size_t i = 0; i < array_size(stacks); i++) {
        stacks[i] = vmalloc_stack();
        assert_non_null(stacks[i]);
        assert_int_equal((uint64_t)stacks[i] % (2 * KERNEL_STACK_SIZE), 0);
        memset(stacks[i], 0x11, KERNEL_STACK_SIZE);
        assert_true(((uint64_t)(stacks[i] - 1) & KERNEL_STACK_SIZE) != 0);
        assert_true(((uint64_t)(stacks[i] + KERNEL_STACK_SIZE - 1) & KERNEL_STACK_SIZE) == 0);
        assert_true(faults(stacks[i] - 1));
        assert_true(faults(stacks[i] + KERNEL_STACK_SIZE));
    }
    for (size_t i = 0; i < array_size(stacks); i++) {
        vfree_stack(stacks[i]);
    }
    vfree_stack(NULL);
}

static void a_dropped_stack_is_gone(void **state)
{
    char *stack = vmalloc_stack();

    (void)state;
    assert_int_equal(vmalloc_nr_pages(), KERNEL_STACK_SIZE / PAGE_SIZE);
    vfree_stack(stack);
    assert_int_equal(vmalloc_nr_pages(), 0);
    assert_true(faults(stack));
}

static void device_registers_keep_their_offset(void **state)
{
    volatile char *device;

    (void)state;
    device = vmalloc_map_device(phys(HOST_RAM_START + 5 * PAGE_SIZE + 0x123), 2 * PAGE_SIZE);
    assert_non_null((const void *)device);
    assert_int_equal((uint64_t)device % PAGE_SIZE, 0x123);
    assert_true(vmalloc_contains((const void *)(device + 2 * PAGE_SIZE - 1)));
    assert_null((const void *)vmalloc_map_device(phys(0x1000), 0));
    assert_null((const void *)vmalloc_map_device(phys(UINT64_MAX - 100), 1000));
    vfree((const void *)device);
    assert_false(vmalloc_contains((const void *)device));
    assert_int_equal(vmalloc_nr_pages(), 0); /* the registers were never memory */
    machine_listen();
    vfree((const void *)device);
    assert_true(machine_said("bad free"));
}

static void every_failing_allocation_is_survived(void **state)
{
    uint64_t nr_failed = 1;
    uint64_t nr_free;

    (void)state;
    vfree(vmalloc(3 * MIB, ALLOC_KERNEL)); /* so that page tables and magazines are there */
    (void)slab_reap();
    nr_free = frames_nr_free();
    for (uint64_t n = 1; nr_failed != 0; n++) {
        void *block;
        fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, n, false);
        block = vmalloc(20 * PAGE_SIZE, ALLOC_QUIET);
        nr_failed = fault_inject_disarm();
        assert_true(block != NULL || nr_failed != 0); /* a slab may be had smaller */
        vfree(block);
        assert_int_equal(vmalloc_nr_pages(), 0);
    }
    (void)slab_reap();
    assert_in_range(frames_nr_free(), nr_free - 8, nr_free + 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_usable_and_surrounded_by_guards),
        cmocka_unit_test(zeroed_memory_is_zero),
        cmocka_unit_test(bad_sizes_and_pointers_are_refused),
        cmocka_unit_test(one_bit_tells_that_a_stack_has_run_out),
        cmocka_unit_test(a_dropped_stack_is_gone),
        cmocka_unit_test(device_registers_keep_their_offset),
        cmocka_unit_test(every_failing_allocation_is_survived),
    };

    machine_start(64 * MIB);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
