// SPDX-License-Identifier: MIT
/* A list of orphans as long as the disk says, none of which can be finished with: what a mount takes for each is bounded, so
 * four times as many take about four times as long, and not sixteen times. It is the time of the processor that is
 * compared, the best of some runs; a walk over the list for each would be minutes. */
#include <time.h>

#include "fs/ext/test/ext_world.h"

enum { NR_INODES = 41000, DISK_BYTES = 16 << 20, NR_FEW = 10000, NR_MANY = 40000, NR_RUNS = 3 };

static int make_disk(void **state)
{
    int fd;

    world_begin(64 * MIB);
    ext_register();
    strlcpy(image_path, "/tmp/cairn-ext-orphans-XXXXXX", sizeof(image_path));
    fd = mkstemp(image_path);
    if (fd < 0 || ftruncate(fd, DISK_BYTES) != 0) {
        return -1;
    }
    close(fd);
    ksnprintf(log_path, sizeof(log_path), "%s.log", image_path);
    if (run("mke2fs -q -F -t ext2 -b 1024 -I 128 -N 41000%s %s >%s 2>&1", "") != 0) {
        return -1;
    }
    disk = host_disk_load(image_path);
    pristine = malloc(DISK_BYTES);
    memcpy(pristine, disk->bytes, DISK_BYTES);
    return vfs_mkdir(&world, "/mnt", 0755);
}

/* Each has a mode that there is not, and leads to the next. */
static void list_orphans(uint32_t nr)
{
    uint32_t first = le32_get(super_on_disk()->first_inode);

    forget_cache();
    memcpy(disk->bytes, pristine, DISK_BYTES);
    for (uint32_t i = 0; i < nr; i++) {
        struct ext_disk_inode *inode = inode_on_disk(first + i);

        inode->mode = le16_of(0x3000);
        inode->dtime = le32_of(i + 1 < nr ? first + i + 1 : 0);
    }
    super_on_disk()->last_orphan = le32_of(first);
}

static uint64_t processor_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The least that mounting and unmounting a disk with so many takes. */
static uint64_t ns_for(uint32_t nr)
{
    uint64_t best = UINT64_MAX;

    for (unsigned i = 0; i < NR_RUNS; i++) {
        uint64_t start;

        list_orphans(nr);
        machine_listen();
        start = processor_ns();
        assert_int_equal(mount_with(0), 0);
        unmount();
        best = min_of(best, processor_ns() - start);
        host_set_console(NULL);
    }
    return best;
}

static void many_orphans_that_stay_take_no_time_that_grows_with_their_square(void **state)
{
    uint64_t few = ns_for(NR_FEW);
    uint64_t many = ns_for(NR_MANY);

    if (many >= 8 * few) {
        fail_msg("%u take %llu us, and %u take %llu us", NR_FEW, (unsigned long long)few / 1000,
                 NR_MANY, (unsigned long long)many / 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_orphans_that_stay_take_no_time_that_grows_with_their_square),
    };

    return cmocka_run_group_tests(tests, make_disk, ext_world_end);
}
