// SPDX-License-Identifier: MIT
/* Advisory locks: which meet which, ranges that are cut and joined, waiting, deadlock; checked
 * against an array of bytes. */
#include "fs/test/vfs_world.h"
#include "fs/vfs/flock.h"

#define NR_OWNERS 3
#define NR_BYTES  40

static struct file *files[NR_OWNERS];

static int setup(void **state)
{
    for (int i = 0; i < NR_OWNERS; i++) {
        assert_int_equal(do_open("/locked", O_CREAT | O_RDWR, &files[i]), 0);
    }
    return 0;
}

static struct abi_flock range(int16_t type, int64_t start, int64_t len)
{
    return (struct abi_flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
}

/* An owner's identity is any address; pids 100, 101, … */
static int set(int owner, int16_t type, int64_t start, int64_t len, bool wait)
{
    struct abi_flock request = range(type, start, len);

    return flock_set_record(files[owner], &files[owner], 100 + owner, &request, wait);
}

static void a_byte_model_agrees(void **state)
{
    char held[NR_OWNERS][NR_BYTES] = {{0}};
    struct host_random random;

    host_random_init(&random);
    for (int step = 0; step < 20000; step++) {
        int owner = (int)host_random_below(&random, NR_OWNERS);
        int type = (int)host_random_below(&random, 3); /* read, write, unlock */
        int start = (int)host_random_below(&random, NR_BYTES);
        int len = (int)host_random_below(&random, (uint64_t)(NR_BYTES - start)) + 1;
        bool is_free = true;

        for (int other = 0; other < NR_OWNERS; other++) {
            for (int i = start; i < start + len && other != owner; i++) {
                is_free &= held[other][i] == 0 || type == F_UNLCK ||
                           (held[other][i] == 1 && type == F_RDLCK);
            }
        }
        assert_int_equal(set(owner, (int16_t)type, start, len, false), is_free ? 0 : -EAGAIN);
        for (int i = start; i < start + len && is_free; i++) {
            held[owner][i] = type == F_UNLCK ? 0 : type == F_RDLCK ? 1 : 2;
        }
        if (step % 64 == 0) { /* what is told of each byte */
            for (int i = 0; i < NR_BYTES; i++) {
                struct abi_flock request = range(F_WRLCK, i, 1);
                bool expected = false;

                for (int other = 1; other < NR_OWNERS; other++) {
                    expected |= held[other][i] != 0;
                }
                assert_int_equal(flock_get_record(files[0], &files[0], &request), 0);
                assert_int_equal(request.l_type != F_UNLCK, expected);
                if (expected) {
                    assert_int_not_equal(held[request.l_pid - 100][i], 0);
                    assert_true(request.l_start <= i &&
                                (request.l_len == 0 || request.l_start + request.l_len > i));
                }
            }
        }
    }
    for (int owner = 0; owner < NR_OWNERS; owner++) {
        flock_drop_owner(files[owner], &files[owner]);
    }
    assert_true(list_is_empty(&files[0]->inode->locks));
}

static void requests_are_checked(void **state)
{
    struct abi_flock request = range(F_WRLCK, -1, 1);
    struct file *reader;

    assert_int_equal(flock_set_record(files[0], files, 1, &request, false), -EINVAL);
    request = (struct abi_flock){
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = INT64_MAX, .l_len = 2};
    assert_int_equal(flock_set_record(files[0], files, 1, &request, false), -EOVERFLOW);
    request = (struct abi_flock){.l_type = 9, .l_whence = SEEK_SET};
    assert_int_equal(flock_set_record(files[0], files, 1, &request, false), -EINVAL);
    assert_int_equal(do_open("/locked", O_RDONLY, &reader), 0);
    request = range(F_WRLCK, 0, 1);
    assert_int_equal(flock_set_record(reader, files, 1, &request, false), -EBADF);
    file_put(reader);
    /* A negative length locks what comes before. */
    request = range(F_WRLCK, 10, -3);
    assert_int_equal(flock_set_record(files[0], &files[0], 1, &request, false), 0);
    assert_int_equal(set(1, F_RDLCK, 10, 1, false), 0);
    assert_int_equal(set(1, F_RDLCK, 7, 1, false), -EAGAIN);
    flock_drop_owner(files[0], &files[0]);
    flock_drop_owner(files[1], &files[1]);
}

static _Atomic int step_of_first;

static void deadlock_thread(unsigned index, void *arg)
{
    int *results = arg;

    if (index == 0) {
        if (set(0, F_WRLCK, 0, 1, true) != 0) {
            panic("first");
        }
        step_of_first = 1;
        while (step_of_first != 2) {
            port_yield();
        }
        results[0] = set(0, F_WRLCK, 1, 1, true); /* waits for thread 1, until it gives up */
    } else {
        while (step_of_first != 1) {
            port_yield();
        }
        if (set(1, F_WRLCK, 1, 1, true) != 0) {
            panic("second");
        }
        step_of_first = 2;
        do { /* as soon as the other one waits, this would be a cycle */
            results[1] = set(1, F_WRLCK, 0, 1, false);
            if (results[1] == -EAGAIN) {
                port_yield();
                /* don't wait for ever if the other is not there yet */
                host_signal(port_self(), false);
                results[1] = set(1, F_WRLCK, 0, 1, true);
                host_signal_clear(port_self());
            }
        } while (results[1] == -ERESTARTSYS);
        flock_drop_owner(files[1], &files[1]);
    }
}

static void a_cycle_of_waiters_is_refused(void **state)
{
    int results[2] = {-1, -1};

    host_run_threads(2, deadlock_thread, results);
    assert_int_equal(results[1], -EDEADLK);
    assert_int_equal(results[0], 0);
    flock_drop_owner(files[0], &files[0]);
}

static void whole_file_locks_belong_to_the_open_file(void **state)
{
    assert_int_equal(flock_set_whole(files[0], LOCK_SH), 0);
    assert_int_equal(flock_set_whole(files[1], LOCK_SH | LOCK_NB), 0);
    assert_int_equal(flock_set_whole(files[0], LOCK_EX | LOCK_NB), -EAGAIN);
    assert_int_equal(set(2, F_WRLCK, 0, 0, false), 0); /* the other sort does not meet them */
    assert_int_equal(flock_set_whole(files[1], LOCK_UN), 0);
    assert_int_equal(flock_set_whole(files[0], LOCK_EX | LOCK_NB), 0);
    assert_int_equal(flock_set_whole(files[1], LOCK_SH | LOCK_NB), -EAGAIN);
    assert_int_equal(flock_set_whole(files[1], 0), -EINVAL);
    file_put(files[0]); /* the end of the open file is the end of its lock */
    assert_int_equal(flock_set_whole(files[1], LOCK_EX | LOCK_NB), 0);
    assert_int_equal(do_open("/locked", O_RDWR, &files[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_model_agrees),
        cmocka_unit_test(requests_are_checked),
        cmocka_unit_test(a_cycle_of_waiters_is_refused),
        cmocka_unit_test(whole_file_locks_belong_to_the_open_file),
    };

    world_begin(16ul << 20);
    return cmocka_run_group_tests(tests, setup, NULL);
}
