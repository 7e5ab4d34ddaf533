// SPDX-License-Identifier: MIT
/* Split virtqueues with a device played by the test: one that does its work in any order, and one
 * that lies. The registers are an array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "drivers/virtio/queue.h"
#include "drivers/virtio/regs.h"
#include "kernel/abi/errno.h"
#include "mm/slab.h"
#include "mm/test/machine.h"

#define MIB (1ul << 20)

static struct host_random source;
static uint32_t registers[256];
static unsigned nr_kicks;
static struct virtio_device device = {.version = 2, .name = "virtio@test"};
static struct virtio_queue queue;

/* drivers/virtio/mmio.c's, which needs a machine. */
uint32_t virtio_read(struct virtio_device *from, unsigned offset)
{
    return registers[offset / 4];
}

void virtio_write(struct virtio_device *to, unsigned offset, uint32_t value)
{
    registers[offset / 4] = value;
    nr_kicks += offset == VIRTIO_QUEUE_NOTIFY;
}

/* ---- The device's side ----------------------------------------------------------------------- */

struct descriptor { /* VIRTIO 1.2, 2.7.5 */
    uint64_t address;
    uint32_t len_bytes;
    uint16_t flags, next;
};

static const struct descriptor *descriptors(void)
{
    return (const struct descriptor *)queue.descriptors;
}

static uint16_t next_available; /* what the device has taken */

/* The head of the next chain that the driver made available. */
static uint16_t take_available(void)
{
    assert_true(next_available != queue.available[1]);
    return queue.available[2 + (next_available++ & (queue.size - 1))];
}

/* Put an answer into the used ring. */
static void answer(uint32_t id, uint32_t len)
{
    volatile uint16_t *used = queue.used;
    volatile uint32_t *entry = (volatile uint32_t *)(used + 2) + 2 * (used[1] & (queue.size - 1));

    entry[0] = id;
    entry[1] = len;
    used[1]++;
}

static void make_queue(uint32_t device_max, uint32_t max_size)
{
    registers[VIRTIO_QUEUE_NUM_MAX / 4] = device_max;
    assert_int_equal(virtio_queue_init(&queue, &device, 0, max_size), 0);
    next_available = 0;
    nr_kicks = 0;
}

static int add(uint32_t nr, void *token)
{
    struct virtio_buffer buffers[64];

    for (uint32_t i = 0; i < nr; i++) {
        buffers[i] = (struct virtio_buffer){phys(0x1000 * (i + 1)), i + 1, i == nr - 1};
    }
    return virtio_queue_add(&queue, buffers, nr, token);
}

/* ---- A device as it should be ---------------------------------------------------------------- */

static void a_chain_describes_its_buffers(void **state)
{
    uint32_t len;
    uint16_t head, at;
    int token;

    make_queue(8, 256);
    assert_int_equal(queue.size, 8);
    assert_int_equal(add(3, &token), 0);
    assert_int_equal(queue.available[1], 0); /* not told yet */
    virtio_queue_kick(&queue);
    assert_int_equal(nr_kicks, 1);
    head = at = take_available();
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(descriptors()[at].address, 0x1000 * (i + 1));
        assert_int_equal(descriptors()[at].len_bytes, i + 1);
        assert_int_equal(descriptors()[at].flags, i == 2 ? 2 : 1);
        at = descriptors()[at].next;
    }
    assert_null(virtio_queue_take(&queue, &len));
    answer(head, 77);
    assert_ptr_equal(virtio_queue_take(&queue, &len), &token);
    assert_int_equal(len, 77);
    assert_null(virtio_queue_take(&queue, &len));
    virtio_queue_destroy(&queue);
}

static void a_full_queue_says_so_and_goes_on_after_an_answer(void **state)
{
    uint32_t len;
    int tokens[3];

    make_queue(4, 4);
    assert_int_equal(add(5, &tokens[0]), -EAGAIN);
    assert_int_equal(add(3, &tokens[0]), 0);
    assert_int_equal(add(2, &tokens[1]), -EAGAIN);
    assert_int_equal(add(1, &tokens[1]), 0);
    virtio_queue_kick(&queue);
    answer(take_available(), 0);
    assert_ptr_equal(virtio_queue_take(&queue, &len), &tokens[0]);
    assert_int_equal(add(3, &tokens[2]), 0);
    assert_int_equal(queue.nr_free, 0);
    virtio_queue_destroy(&queue);
}

static void random_work_in_any_order_comes_back_once(void **state)
{
    enum { NR = 64 };
    static int tokens[NR];
    uint16_t heads[NR];
    unsigned nr_heads = 0, nr_pending = 0;
    bool is_out[NR] = {false};

    make_queue(64, 64);
    for (unsigned i = 0; i < 200000; i++) { /* the 16-bit indices come round */
        unsigned which = (unsigned)host_random_below(&source, NR);
        uint32_t len;
        int *token;

        if (!is_out[which] &&
            add(1 + (uint32_t)host_random_below(&source, 5), &tokens[which]) == 0) {
            is_out[which] = true;
            nr_pending++;
            virtio_queue_kick(&queue);
        }
        while (next_available != queue.available[1]) {
            heads[nr_heads++] = take_available();
        }
        while (nr_heads != 0 && host_random_below(&source, 3) != 0) {
            unsigned done = (unsigned)host_random_below(&source, nr_heads);

            answer(heads[done], 1);
            heads[done] = heads[--nr_heads];
        }
        while ((token = virtio_queue_take(&queue, &len)) != NULL) {
            assert_true(is_out[token - tokens]);
            is_out[token - tokens] = false;
            nr_pending--;
        }
        assert_int_equal(nr_pending, nr_heads);
    }
    virtio_queue_destroy(&queue);
}

/* ---- One that lies --------------------------------------------------------------------------- */

static void answers_to_nothing_are_ignored_with_one_line(void **state)
{
    static const uint32_t nonsense[] = {0, 3, 7, 8, 65535, 65536, UINT32_MAX};
    uint16_t head;
    uint32_t len;
    int token;

    make_queue(8, 8);
    assert_int_equal(add(2, &token), 0);
    virtio_queue_kick(&queue);
    head = take_available();
    machine_listen();
    for (unsigned i = 0; i < array_size(nonsense); i++) {
        if (nonsense[i] != head) {
            answer(nonsense[i], 0);
            assert_null(virtio_queue_take(&queue, &len));
        }
    }
    answer(head, 5);
    assert_ptr_equal(virtio_queue_take(&queue, &len), &token); /* the truth comes through */
    answer(head, 5);
    assert_null(virtio_queue_take(&queue, &len)); /* once */
    assert_true(machine_said("what it does not have"));
    assert_null(strstr(strstr(machine_log, "does not have") + 1, "does not have"));
    assert_int_equal(queue.nr_free, 8);
    virtio_queue_destroy(&queue);
}

static void an_index_that_runs_away_is_not_followed(void **state)
{
    uint32_t len;
    int token;

    make_queue(8, 8);
    assert_int_equal(add(1, &token), 0);
    machine_listen();
    queue.used[1] = 9;
    assert_null(virtio_queue_take(&queue, &len));
    queue.used[1] = 40000;
    assert_null(virtio_queue_take(&queue, &len));
    assert_true(machine_said("claims to have finished"));
    assert_int_equal(queue.nr_free, 7);
    virtio_queue_destroy(&queue);
}

static void scribbled_descriptors_change_nothing_of_ours(void **state)
{
    uint32_t len;
    int tokens[2];

    make_queue(8, 8);
    assert_int_equal(add(3, &tokens[0]), 0);
    assert_int_equal(add(2, &tokens[1]), 0);
    virtio_queue_kick(&queue);
    memset((void *)descriptors(), 0xff, 8 * sizeof(struct descriptor));
    answer(take_available(), 0);
    answer(take_available(), 0);
    assert_ptr_equal(virtio_queue_take(&queue, &len), &tokens[0]);
    assert_ptr_equal(virtio_queue_take(&queue, &len), &tokens[1]);
    assert_int_equal(queue.nr_free, 8);
    assert_int_equal(add(8, &tokens[0]), 0);
    virtio_queue_destroy(&queue);
}

/* ---- Making one ------------------------------------------------------------------------------ */

static void the_size_is_a_power_of_two_that_both_sides_take(void **state)
{
    static const struct {
        uint32_t device_max, wanted, size;
    } cases[] = {{1024, 256, 256}, {100, 256, 64}, {1, 256, 1}, {3, 4, 2}, {UINT32_MAX, 8, 8}};

    for (unsigned i = 0; i < array_size(cases); i++) {
        make_queue(cases[i].device_max, cases[i].wanted);
        assert_int_equal(queue.size, cases[i].size);
        assert_int_equal(registers[VIRTIO_QUEUE_NUM / 4], cases[i].size);
        virtio_queue_destroy(&queue);
    }
    registers[VIRTIO_QUEUE_NUM_MAX / 4] = 0;
    machine_listen();
    assert_int_equal(virtio_queue_init(&queue, &device, 0, 8), -ENODEV);
    assert_true(machine_said("has no queue 0"));
}

static void a_legacy_queue_is_one_page_number(void **state)
{
    device.version = 1;
    make_queue(256, 256);
    assert_int_equal(registers[VIRTIO_LEGACY_QUEUE_PFN / 4],
                     virt_to_phys(queue.descriptors).addr >> PAGE_SHIFT);
    assert_int_equal((uintptr_t)queue.used % PAGE_SIZE, 0);
    assert_int_equal((uintptr_t)queue.available - (uintptr_t)queue.descriptors, 256 * 16);
    device.version = 2;
    virtio_queue_destroy(&queue);
}

static void queues_give_their_memory_back(void **state)
{
    uint64_t before;

    for (unsigned i = 0; i < 2; i++) {
        frames_drain_hot();
        before = frames_nr_free();
        make_queue(256, 256);
        virtio_queue_destroy(&queue);
    }
    (void)slab_reap();
    frames_drain_hot();
    assert_true(frames_nr_free() >= before);
}

static int start(void **state)
{
    host_random_init(&source);
    machine_start(16 * MIB);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_describes_its_buffers),
        cmocka_unit_test(a_full_queue_says_so_and_goes_on_after_an_answer),
        cmocka_unit_test(random_work_in_any_order_comes_back_once),
        cmocka_unit_test(answers_to_nothing_are_ignored_with_one_line),
        cmocka_unit_test(an_index_that_runs_away_is_not_followed),
        cmocka_unit_test(scribbled_descriptors_change_nothing_of_ours),
        cmocka_unit_test(the_size_is_a_power_of_two_that_both_sides_take),
        cmocka_unit_test(a_legacy_queue_is_one_page_number),
        cmocka_unit_test(queues_give_their_memory_back),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
