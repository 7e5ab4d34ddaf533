// SPDX-License-Identifier: MIT
/* The machine is switched off while others write: names come and go, files that are open grow and are cut, and are synced. When
 * vfs_shutdown() has returned, the power may go at once: the checker must find nothing, on any file system, whatever the
 * writers had begun. */
#include "fs/test/fault_world.h"

enum { NR_WRITERS = 3, NR_ROUNDS = 10 };

static _Atomic bool is_over;
static uint8_t *at_power_off;

/* What comes of each call does not matter: at some moment they begin to fail. */
static void write_through(struct file *file, unsigned round)
{
    uint64_t position = round % 40 * 3000;

    if (round % 40 == 39) {
        (void)!vfs_truncate_file(file, 100);
    }
    (void)!write_at(file, kept, 1000 + round % 7 * 900, position);
    if (round % 4 == 0) {
        (void)!vfs_fsync(file, 0, UINT64_MAX, false);
    }
}

static void change_names(unsigned index, unsigned round)
{
    char dir[32], name[48], other[48];
    struct file *file;

    ksnprintf(dir, sizeof(dir), "/mnt/d%u-%u", index, round % 3);
    ksnprintf(name, sizeof(name), "%s/f%u", dir, round % 5);
    ksnprintf(other, sizeof(other), "/mnt/d%u-%u/g", index, (round + 1) % 3);
    (void)!vfs_mkdir(&world, dir, 0755);
    if (do_open(name, O_CREAT | O_RDWR, &file) == 0) {
        (void)!write_at(file, kept, 2500, 0);
        file_put(file);
    }
    (void)!vfs_rename(&world, name, &world, other, 0);
    if (round % 3 == 0) {
        (void)!vfs_unlink(&world, other);
        (void)!vfs_rmdir(&world, dir);
    }
}

static void write_on(unsigned index)
{
    struct file *file;
    char name[32];

    ksnprintf(name, sizeof(name), "/mnt/open%u", index);
    if (do_open(name, O_CREAT | O_RDWR, &file) != 0) {
        return;
    }
    for (unsigned round = 0; !atomic_load(&is_over); round++) {
        write_through(file, round);
        change_names(index, round);
    }
    file_put(file);
}

/* A request under way has not been done: requests are atomic here. */
static void switch_off(void)
{
    uint64_t irq;

    usleep((useconds_t)host_random_below(&source, 20000));
    vfs_shutdown();
    irq = spin_lock_irqsave(&disk->lock);
    memcpy(at_power_off, disk->bytes, (size_t)kind->size_kib << 10);
    spin_unlock_irqrestore(&disk->lock, irq);
    usleep(2000); /* they go on */
    atomic_store(&is_over, true);
}

static void write_or_switch_off(unsigned index, void *arg)
{
    if (index == 0) {
        switch_off();
    } else {
        write_on(index);
    }
}

static void one_round(void)
{
    fresh_image();
    mount_disk();
    atomic_store(&is_over, false);
    host_disk_set_async(disk, 8, 20);
    host_run_threads(1 + NR_WRITERS, write_or_switch_off, NULL);
    unmount();
    host_disk_set_async(disk, 0, 0);
    host_disk_forget_cache(disk);
    memcpy(disk->bytes, at_power_off, (size_t)kind->size_kib << 10);
    host_disk_save(disk, image_path);
    run_or_fail(kind->check_again);
}

static void switch_off_in_the_midst(void)
{
    doing = "shutting down";
    at_power_off = malloc((size_t)kind->size_kib << 10);
    for (unsigned i = 0; i < NR_ROUNDS; i++) {
        one_round();
    }
    free(at_power_off);
}

static void a_machine_that_is_switched_off_while_others_write_leaves_sound_disks(void **state)
{
    on_each_kind(switch_off_in_the_midst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_that_is_switched_off_while_others_write_leaves_sound_disks),
    };

    return cmocka_run_group_tests(tests, world_start, world_stop);
}
