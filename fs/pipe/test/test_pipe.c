// SPDX-License-Identifier: MIT
// TSAN
/* Pipes, FIFOs and eventfd: bytes in order, atomic small writes, ends that close, non-blocking
 * answers, resizing; and threads on both ends. */
#include "drivers/char.h"
#include "fs/pipe/eventfd.h"
#include "fs/pipe/pipe.h"
#include "fs/test/vfs_world.h"
#include "fs/vfs/poll.h"
#include "kernel/abi/ioctl.h"
#include "kernel/abi/poll.h"
#include "kernel/base/hash.h"

static ssize_t put(struct file *file, const void *bytes, size_t len)
{
    struct iter iter;

    iter_init_kernel(&iter, (void *)(uintptr_t)bytes, len);
    return vfs_write(file, &iter, NULL);
}

static ssize_t take(struct file *file, void *bytes, size_t len)
{
    struct iter iter;

    iter_init_kernel(&iter, bytes, len);
    return vfs_read(file, &iter, NULL);
}

static uint8_t pattern(uint64_t at)
{
    return (uint8_t)hash_u64(at / 7);
}

static void bytes_come_in_order_whatever_the_pieces(void **state)
{
    static uint8_t bytes[70000];
    struct host_random random;
    struct file *ends[2];
    uint64_t written = 0;
    uint64_t read = 0;

    host_random_init(&random);
    assert_int_equal(pipe_create(O_NONBLOCK, ends), 0);
    for (int step = 0; step < 20000; step++) {
        size_t len = (size_t)host_random_below(&random,
                                               host_random_below(&random, 4) == 0 ? 20000 : 300) +
                     1;

        if (host_random_below(&random, 2) == 0) {
            ssize_t done;

            for (size_t i = 0; i < len; i++) {
                bytes[i] = pattern(written + i);
            }
            done = put(ends[1], bytes, len);
            assert_true(done > 0 || done == -EAGAIN);
            if (len <= PAGE_SIZE) {
                assert_true(done == (ssize_t)len || done == -EAGAIN); /* PIPE_BUF: all or nothing */
            }
            written += done > 0 ? (uint64_t)done : 0;
        } else {
            ssize_t done = take(ends[0], bytes, len);

            assert_true(done > 0 ? written - read >= (uint64_t)done
                                 : done == -EAGAIN && written == read);
            for (ssize_t i = 0; i < done; i++) {
                assert_int_equal(bytes[i], pattern(read + (uint64_t)i));
            }
            read += done > 0 ? (uint64_t)done : 0;
        }
        assert_true(written - read <= 65536);
    }
    file_put(ends[0]);
    file_put(ends[1]);
}

static void ends_that_close_are_noticed(void **state)
{
    struct file *ends[2];
    char byte = 0;

    assert_int_equal(pipe_create(0, ends), 0);
    assert_int_equal(put(ends[0], "x", 1), -EBADF);
    assert_int_equal(take(ends[1], &byte, 1), -EBADF);
    assert_int_equal(put(ends[1], "xy", 2), 2);
    assert_int_equal(vfs_poll(ends[0], NULL), POLLIN | POLLRDNORM);
    assert_int_equal(vfs_poll(ends[1], NULL), POLLOUT | POLLWRNORM);
    file_put(ends[1]);
    assert_int_equal(vfs_poll(ends[0], NULL), POLLIN | POLLRDNORM | POLLHUP);
    assert_int_equal(take(ends[0], &byte, 1), 1);
    assert_int_equal(take(ends[0], &byte, 1), 1);
    assert_int_equal(take(ends[0], &byte, 1), 0);
    assert_int_equal(vfs_poll(ends[0], NULL), POLLHUP);
    file_put(ends[0]);
    assert_int_equal(pipe_create(0, ends), 0);
    file_put(ends[0]);
    assert_int_equal(put(ends[1], "x", 1), -EPIPE);
    assert_int_equal(vfs_poll(ends[1], NULL), POLLOUT | POLLWRNORM | POLLERR);
    assert_int_equal(vfs_seek(ends[1], 0, SEEK_SET), -ESPIPE);
    file_put(ends[1]);
}

static void a_full_pipe_says_so(void **state)
{
    static char bytes[65536];
    struct file *ends[2];
    int32_t nr = 0;

    assert_int_equal(pipe_create(O_NONBLOCK, ends), 0);
    assert_int_equal(put(ends[1], bytes, 65536), 65536);
    assert_int_equal(put(ends[1], bytes, 1), -EAGAIN);
    assert_int_equal(vfs_poll(ends[1], NULL), 0);
    assert_int_equal(ends[0]->ops->ioctl(ends[0], FIONREAD, (uintptr_t)&nr), 0);
    assert_int_equal(nr, 65536);
    assert_int_equal(pipe_get_size(ends[0]), 65536);
    assert_int_equal(pipe_set_size(ends[0], 4096), -EBUSY);
    assert_int_equal(pipe_set_size(ends[0], 100000), 131072);
    assert_int_equal(put(ends[1], bytes, 65536), 65536);
    assert_int_equal(take(ends[0], bytes, 65536), 65536);
    assert_int_equal(take(ends[0], bytes, 61440), 61440);
    assert_int_equal(pipe_set_size(ends[0], 1), 4096);
    assert_int_equal(take(ends[0], bytes, 65536), 4096);
    assert_int_equal(pipe_set_size(ends[0], 1ul << 40), -EINVAL);
    file_put(ends[0]);
    file_put(ends[1]);
}

/* ---- Threads --------------------------------------------------------------------------------- */

#define STREAM_BYTES (2u << 20)

static struct file *stream[2];

static void stream_thread(unsigned index, void *arg)
{
    uint8_t bytes[5000];
    struct host_random random = {.state = index + 1};
    uint64_t at = 0;

    while (at < STREAM_BYTES) {
        size_t len = (size_t)min_of(host_random_below(&random, sizeof(bytes)) + 1,
                                    STREAM_BYTES - at);
        ssize_t done;

        if (index == 0) {
            for (size_t i = 0; i < len; i++) {
                bytes[i] = pattern(at + i);
            }
            done = put(stream[1], bytes, len);
        } else {
            done = take(stream[0], bytes, len);
            for (ssize_t i = 0; i < done; i++) {
                if (bytes[i] != pattern(at + (uint64_t)i)) {
                    panic("byte %llu is wrong", (unsigned long long)at + (uint64_t)i);
                }
            }
        }
        if (done <= 0) {
            panic("thread %u: %zd", index, done);
        }
        at += (uint64_t)done;
    }
}

static void a_writer_and_a_reader_keep_step(void **state)
{
    assert_int_equal(pipe_create(0, stream), 0);
    host_run_threads(2, stream_thread, NULL);
    file_put(stream[0]);
    file_put(stream[1]);
}

#define NR_RECORDS 400u

/* Several writers of whole records, one reader: no record is torn. */
static void record_thread(unsigned index, void *arg)
{
    uint8_t record[1000];

    if (index != 0) {
        for (unsigned i = 0; i < NR_RECORDS; i++) {
            memset(record, (int)index, sizeof(record));
            if (put(stream[1], record, sizeof(record)) != sizeof(record)) {
                panic("a short record");
            }
        }
        return;
    }
    for (unsigned i = 0; i < 3 * NR_RECORDS; i++) {
        size_t got = 0;

        while (got < sizeof(record)) {
            ssize_t done = take(stream[0], record + got, sizeof(record) - got);

            if (done <= 0) {
                panic("%zd", done);
            }
            got += (size_t)done;
        }
        for (size_t k = 1; k < sizeof(record); k++) {
            if (record[k] != record[0]) {
                panic("a torn record");
            }
        }
    }
}

static void small_writes_are_not_torn(void **state)
{
    assert_int_equal(pipe_create(0, stream), 0);
    host_run_threads(4, record_thread, NULL);
    file_put(stream[0]);
    file_put(stream[1]);
}

static void poll_thread(unsigned index, void *arg)
{
    struct poll_item items[2] = {{.file = stream[0], .events = POLLIN},
                                 {.file = arg, .events = POLLIN}};
    char byte;

    for (int i = 0; i < 500; i++) {
        uint64_t one = 1;

        if (index == 0) {
            if (put(i % 2 == 0 ? stream[1] : arg, i % 2 == 0 ? (void *)&byte : (void *)&one,
                    i % 2 == 0 ? 1 : 8) <= 0) {
                panic("write");
            }
            continue;
        }
        if (poll_items(items, 2, PORT_NO_DEADLINE) <= 0) {
            panic("poll");
        }
        if ((items[0].ready & POLLIN) != 0 && take(stream[0], &byte, 1) != 1) {
            panic("not ready");
        } else if ((items[0].ready & POLLIN) == 0 && take(arg, &one, 8) != 8) {
            panic("no event");
        }
    }
}

static void poll_misses_no_wake_up(void **state)
{
    struct file *event;

    assert_int_equal(pipe_create(0, stream), 0);
    assert_int_equal(eventfd_create(0, true, 0, &event), 0);
    host_run_threads(2, poll_thread, event);
    file_put(event);
    file_put(stream[0]);
    file_put(stream[1]);
}

/* By the writer and the reader: one that came early would meet the other of the last round. */
static _Atomic int nr_closed[2];

static void fifo_thread(unsigned index, void *arg)
{
    for (int i = 0; i < 200; i++) {
        struct file *file;
        char byte = 'f';

        while (atomic_load(&nr_closed[1 - index]) < i) {
            port_yield();
        }
        /* Each open waits for the other end; so the pairs meet. */
        if (do_open("/fifo", index == 0 ? O_WRONLY : O_RDONLY, &file) != 0) {
            panic("open");
        }
        if (index == 0 ? put(file, &byte, 1) != 1 : take(file, &byte, 1) != 1) {
            panic("transfer");
        }
        file_put(file);
        atomic_fetch_add(&nr_closed[index], 1);
    }
}

static void the_ends_of_a_fifo_wait_for_each_other(void **state)
{
    struct file *file;
    struct file *other;
    char byte;

    assert_int_equal(vfs_mknod(&world, "/fifo", S_IFIFO | 0666, 0), 0);
    assert_int_equal(touch("/fifo", O_WRONLY | O_NONBLOCK), -ENXIO);
    assert_int_equal(do_open("/fifo", O_RDONLY | O_NONBLOCK, &file), 0);
    assert_int_equal(take(file, &byte, 1), 0); /* no writer: the end */
    assert_int_equal(vfs_poll(file, NULL), 0); /* but none has left either */
    assert_int_equal(do_open("/fifo", O_WRONLY | O_NONBLOCK, &other), 0);
    assert_int_equal(take(file, &byte, 1), -EAGAIN);
    file_put(other);
    assert_int_equal(vfs_poll(file, NULL), POLLHUP);
    file_put(file);
    assert_int_equal(touch("/fifo", O_RDWR), 0); /* both ends at once never wait */
    host_run_threads(2, fifo_thread, NULL);
}

static void a_counter_counts(void **state)
{
    struct file *event;
    uint64_t value = 5;

    assert_int_equal(eventfd_create(3, false, O_NONBLOCK, &event), 0);
    assert_int_equal(put(event, &value, 8), 8);
    assert_int_equal(take(event, &value, 4), -EINVAL);
    assert_int_equal(take(event, &value, 8), 8);
    assert_int_equal(value, 8);
    assert_int_equal(take(event, &value, 8), -EAGAIN);
    value = UINT64_MAX;
    assert_int_equal(put(event, &value, 8), -EINVAL);
    value = UINT64_MAX - 1;
    assert_int_equal(put(event, &value, 8), 8);
    assert_int_equal(vfs_poll(event, NULL), POLLIN | POLLRDNORM);
    value = 1;
    assert_int_equal(put(event, &value, 8), -EAGAIN);
    file_put(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_in_order_whatever_the_pieces),
        cmocka_unit_test(ends_that_close_are_noticed),
        cmocka_unit_test(a_full_pipe_says_so),
        cmocka_unit_test(a_writer_and_a_reader_keep_step),
        cmocka_unit_test(small_writes_are_not_torn),
        cmocka_unit_test(poll_misses_no_wake_up),
        cmocka_unit_test(the_ends_of_a_fifo_wait_for_each_other),
        cmocka_unit_test(a_counter_counts),
    };

    world_begin(32ul << 20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
