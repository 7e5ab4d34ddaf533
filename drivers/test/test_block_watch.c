// SPDX-License-Identifier: MIT
/* Disks that do not answer: a driver that does nothing until the test says so, and clocks that are the
 * test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "drivers/block.h"
#include "drivers/block_watch.h"
#include "kernel/abi/errno.h"
#include "mm/test/machine.h"

#define MIB       (1ul << 20)
#define SECOND_NS 1000000000ull

/* ---- The driver ------------------------------------------------------------------------------ */

static struct {
    struct block_device device;
    struct list started;
    unsigned nr_started, depth, nr_resets;
    bool is_off, is_broken; /* it was not restarted; it cannot be */
} fake;

static int fake_start(struct block_device *device, struct block_request *request)
{
    assert_false(fake.is_off);
    if (fake.nr_started == fake.depth) {
        return -EAGAIN;
    }
    fake.nr_started++;
    list_push_back(&fake.started, &request->node);
    return 0;
}

static struct block_request *take_first(void)
{
    struct block_request *request = list_first(&fake.started, struct block_request, node);

    list_remove(&request->node);
    fake.nr_started--;
    return request;
}

static int fake_reset(struct block_device *device, bool is_restarted, struct list *lost)
{
    fake.nr_resets++;
    while (fake.nr_started != 0) {
        struct block_request *request = take_first();

        list_remove(&request->flight_node);
        list_push_back(lost, &request->flight_node);
    }
    fake.is_off = !is_restarted || fake.is_broken;
    return fake.is_off ? -EIO : 0;
}

static const struct block_device_ops fake_ops = {.start = fake_start, .reset = fake_reset};

static void answer(void)
{
    struct block_request *request = take_first();

    host_interrupt_begin();
    block_complete(&fake.device, request, 0);
    host_interrupt_end();
}

/* ---- Requests and time ----------------------------------------------------------------------- */

static struct block_request requests[8];
static unsigned nr_done;
static uint64_t now_ns, wall_ns;

static void note_done(struct block_request *request)
{
    nr_done++;
}

static void submit(unsigned index, uint64_t sector)
{
    requests[index] = (struct block_request){
        .op = BLOCK_READ,
        .sector = sector,
        .nr_segments = 1,
        .segments = {{.len_bytes = 512}},
        .done = note_done,
        .error = 1,
    };
    block_submit(&fake.device, &requests[index]);
}

/* So many seconds go by, and the watch looks every five. */
static void pass(unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i += 5) {
        now_ns += 5 * SECOND_NS;
        wall_ns += wall_ns != 0 ? 5 * SECOND_NS : 0;
        block_watch_check(now_ns, wall_ns);
    }
}

static int begin(void **state)
{
    static bool is_registered;

    fake.device.ops = &fake_ops;
    fake.device.nr_sectors = 1000;
    fake.device.max_segments = BLOCK_MAX_SEGMENTS;
    if (!is_registered && block_register(&fake.device) != 0) {
        return -1;
    }
    is_registered = true;
    atomic_store(&fake.device.is_dead, false);
    memset(&fake.device.watch, 0, sizeof(fake.device.watch));
    list_init(&fake.started);
    fake.nr_started = fake.nr_resets = nr_done = 0;
    fake.depth = 2;
    fake.is_off = fake.is_broken = false;
    now_ns = 100 * SECOND_NS;
    wall_ns = 1000000 * SECOND_NS;
    return 0;
}

/* ---- The tests ------------------------------------------------------------------------------- */

static void a_disk_that_answers_is_left_alone(void **state)
{
    pass(100); /* nothing to do */
    submit(0, 0);
    for (unsigned i = 0; i < 20;
         i++) { /* always something under way, and never the same for long */
        pass(25);
        submit((i + 1) % 2, 0);
        answer();
    }
    assert_int_equal(fake.nr_resets, 0);
    answer();
    assert_int_equal(nr_done, 21);
}

static void a_request_without_an_answer_fails_after_half_a_minute(void **state)
{
    submit(0, 0);
    pass(30);
    assert_int_equal(nr_done, 0);
    machine_listen();
    pass(5);
    assert_true(machine_said("no answer for 30 s: 1 requests fail, and the disk is reset"));
    assert_int_equal(nr_done, 1);
    assert_int_equal(requests[0].error, -EIO);
    assert_int_equal(fake.nr_resets, 1);
    submit(1, 0); /* and it goes on */
    answer();
    assert_int_equal(requests[1].error, 0);
}

static void what_waited_is_started_on_the_disk_that_was_reset(void **state)
{
    for (unsigned i = 0; i < 5; i++) {
        submit(i, i * 10);
    }
    pass(35);
    assert_int_equal(nr_done, 2);
    assert_int_equal(fake.nr_started, 2);
    answer();
    answer();
    answer();
    assert_int_equal(nr_done, 5);
    assert_int_equal(requests[4].error, 0);
}

static void requests_that_ride_on_a_lost_one_fail_with_it(void **state)
{
    fake.depth = 0;
    submit(0, 100);
    submit(1, 101);
    fake.depth = 1;
    submit(2, 500);
    pass(35);
    assert_int_equal(requests[0].error, -EIO);
    assert_int_equal(requests[1].error, -EIO);
    assert_int_equal(requests[2].error, 1);
    answer();
    assert_int_equal(nr_done, 3);
}

static void at_the_second_time_it_is_given_up(void **state)
{
    for (unsigned i = 0; i < 5; i++) {
        submit(i, i * 10);
    }
    pass(35);
    machine_listen();
    pass(35);
    assert_true(machine_said("given up"));
    assert_int_equal(nr_done, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(requests[i].error, -EIO);
    }
    assert_true(fake.is_off);
    submit(5, 0);
    assert_int_equal(requests[5].error, -EIO);
    pass(100);
    assert_int_equal(fake.nr_resets, 2);
}

static void an_answer_between_two_resets_earns_a_second_chance(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        submit(0, 0);
        pass(35);
        submit(1, 0);
        answer();
    }
    assert_int_equal(fake.nr_resets, 4);
    assert_false(atomic_load(&fake.device.is_dead));
}

static void a_disk_that_cannot_be_reset_is_given_up_at_once(void **state)
{
    fake.is_broken = true;
    submit(0, 0);
    machine_listen();
    pass(35);
    assert_true(machine_said("given up"));
    assert_int_equal(requests[0].error, -EIO);
    submit(1, 0);
    assert_int_equal(requests[1].error, -EIO);
}

static void a_clock_that_jumps_condemns_nobody(void **state)
{
    submit(0, 0);
    for (unsigned i = 0; i < 100; i++) {
        now_ns += 5 * SECOND_NS;
        wall_ns += SECOND_NS / 100;
        block_watch_check(now_ns, wall_ns);
    }
    assert_int_equal(fake.nr_resets, 0);
    answer();
    wall_ns = 0; /* a machine without a wall clock */
    submit(0, 0);
    pass(35);
    assert_int_equal(fake.nr_resets, 1);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_disk_that_answers_is_left_alone),
        TEST(a_request_without_an_answer_fails_after_half_a_minute),
        TEST(what_waited_is_started_on_the_disk_that_was_reset),
        TEST(requests_that_ride_on_a_lost_one_fail_with_it),
        TEST(at_the_second_time_it_is_given_up),
        TEST(an_answer_between_two_resets_earns_a_second_chance),
        TEST(a_disk_that_cannot_be_reset_is_given_up_at_once),
        TEST(a_clock_that_jumps_condemns_nobody),
    };

    machine_start(16 * MIB);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
