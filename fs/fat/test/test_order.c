// SPDX-License-Identifier: MIT
/* Power cuts. Each scene does some work while all writes to the disk are recorded; then the disk
 * is made as it would be if the power had failed after each write ("prefix"), and with a random
 * part of the writes since the last flush ("subset"). fsck.fat -a must mend every such disk
 * without asking, find nothing in a second run, and what had been promised must be there. */
#include "fs/fat/test/fat_world.h"

/* ---- Recording ------------------------------------------------------------------------------- */

struct event {
    bool is_flush;
    uint64_t sector;
    uint32_t len_bytes;
    uint8_t *bytes;
};

enum { MAX_EVENTS = 4000, MAX_STATES = 20, IMAGE_KIB = 4096 };

static struct event events[MAX_EVENTS];
static unsigned nr_events;
static unsigned nr_promised; /* from so many events on, the scene's last promise holds */
static uint8_t *base_image;

static int record(struct host_disk *disk, const struct block_request *request)
{
    struct event *event = &events[nr_events];

    if (request->op == BLOCK_READ || nr_events == MAX_EVENTS) {
        return 0;
    }
    *event = (struct event){.is_flush = request->op == BLOCK_FLUSH, .sector = request->sector};
    for (uint32_t i = 0; i < request->nr_segments && !event->is_flush; i++) {
        const struct block_segment *segment = &request->segments[i];

        event->bytes = realloc(event->bytes, event->len_bytes + segment->len_bytes);
        memcpy(event->bytes + event->len_bytes,
               (uint8_t *)page_address(segment->page) + segment->offset_bytes, segment->len_bytes);
        event->len_bytes += segment->len_bytes;
    }
    nr_events++;
    return 0;
}

static void forget_events(void)
{
    for (unsigned i = 0; i < nr_events; i++) {
        free(events[i].bytes);
    }
    nr_events = 0;
    free(base_image);
}

/* ---- A cut ----------------------------------------------------------------------------------- */

/* The disk after the first nr events; of the writes behind the last flush among them only some,
 * when is_subset. */
static struct host_disk *disk_after(unsigned nr, bool is_subset)
{
    struct host_disk *disk = host_disk_new(IMAGE_KIB * 2);
    unsigned flushed = 0;

    memcpy(disk->bytes, base_image, IMAGE_KIB * KIB);
    for (unsigned i = 0; i < nr; i++) {
        flushed = events[i].is_flush ? i : flushed;
    }
    for (unsigned i = 0; i < nr; i++) {
        if (events[i].is_flush ||
            (i >= flushed && is_subset && host_random_below(&fat_random, 2) == 0)) {
            continue;
        }
        memcpy(disk->bytes + events[i].sector * 512, events[i].bytes, events[i].len_bytes);
    }
    return disk;
}

/* How often fsck.fat is run: when a directory is found in two places, it takes the clusters from
 * one of the two entries in its first run, and the entry away in its second. */
static unsigned nr_repairs = 1;

/* fsck.fat mends it alone; returns the mended disk. */
static struct host_disk *mend(struct host_disk *disk)
{
    int status = 0;

    host_disk_save(disk, image_path);
    host_disk_free(disk);
    (void)!run_command("rm -f %s.log", image_path);
    for (unsigned i = 0; i < nr_repairs && status == 0; i++) {
        status = run_command("fsck.fat -a -w %s >>%s.log 2>&1; test $? -le 1", image_path,
                             image_path);
    }
    if (status != 0 || run_command("fsck.fat -n %s >>%s.log 2>&1", image_path, image_path) != 0) {
        (void)!run_command("cat %s.log >&2", image_path);
        fail_msg("fsck.fat could not mend it");
    }
    (void)!run_command("rm -f %s.log", image_path);
    return host_disk_load(image_path);
}

static void check_state(unsigned nr, bool is_subset, void (*check)(bool is_promised))
{
    struct host_disk *disk = mend(disk_after(nr, is_subset));

    mount_disk(disk);
    check(nr >= nr_promised);
    unmount();
    host_disk_free(disk);
}

/* Prepare (durable), work (recorded), and look at the states that a cut could leave. */
static void play(const char *options, void (*prepare)(void), void (*work)(void),
                 void (*check)(bool is_promised))
{
    struct host_disk *disk = make_image(IMAGE_KIB, options);
    unsigned step;

    mount_disk(disk);
    prepare();
    vfs_sync_all();
    base_image = malloc(IMAGE_KIB * KIB);
    memcpy(base_image, disk->bytes, IMAGE_KIB * KIB);
    disk->filter = record;
    nr_promised = UINT32_MAX;
    work();
    unmount();
    disk->filter = NULL;
    assert_true(nr_events < MAX_EVENTS);
    check_clean(disk);
    host_disk_free(disk);
    step = 1 + nr_events / MAX_STATES;
    for (unsigned nr = 0; nr <= nr_events; nr += step) {
        check_state(nr, false, check);
        check_state(nr, true, check);
    }
    check_state(nr_events, false, check);
    forget_events();
}

static void promise(void)
{
    nr_promised = nr_events;
}

static void fsync_path(const char *name)
{
    struct file *file = open_file(name, O_RDONLY);

    assert_int_equal(vfs_fsync(file, 0, UINT64_MAX, false), 0);
    file_put(file);
}

/* A file of so many bytes of one kind. */
static void put_bytes(const char *name, uint8_t byte, size_t len)
{
    struct file *file = open_file(name, O_CREAT | O_TRUNC | O_RDWR);
    uint8_t *bytes = malloc(len);

    memset(bytes, byte, len);
    assert_int_equal(write_file_at(file, bytes, len, 0), len);
    file_put(file);
    free(bytes);
}

/* Whether it is there with exactly this content. */
static bool has_bytes(const char *name, uint8_t byte, size_t len)
{
    static uint8_t bytes[200000];
    struct file *file;
    ssize_t found;

    if (try_open(name, O_RDONLY, &file) != 0) {
        return false;
    }
    found = read_file_at(file, bytes, sizeof(bytes), 0);
    file_put(file);
    if (found != (ssize_t)len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != byte) {
            return false;
        }
    }
    return true;
}

/* ---- Scenes ---------------------------------------------------------------------------------- */

enum { OLD_LEN = 30000, NEW_LEN = 45000 };

static void prepare_old(void)
{
    put_bytes("/mnt/Configuration file", 'o', OLD_LEN);
}

static void replace_with_fsync(void)
{
    put_bytes("/mnt/Configuration file.new", 'n', NEW_LEN);
    fsync_path("/mnt/Configuration file.new");
    assert_int_equal(
        vfs_rename(here(), "/mnt/Configuration file.new", here(), "/mnt/Configuration file", 0), 0);
    fsync_path("/mnt");
    promise();
    put_bytes("/mnt/other", 'x', 100000); /* may use what the old one had */
}

static void replace_without_fsync(void)
{
    put_bytes("/mnt/Configuration file.new", 'n', NEW_LEN);
    assert_int_equal(
        vfs_rename(here(), "/mnt/Configuration file.new", here(), "/mnt/Configuration file", 0), 0);
    put_bytes("/mnt/other", 'x', 100000);
}

static void old_or_new_is_whole(bool is_promised)
{
    bool is_new = has_bytes("/mnt/Configuration file", 'n', NEW_LEN);

    assert_true(is_new || (!is_promised && has_bytes("/mnt/Configuration file", 'o', OLD_LEN)));
}

static void a_replaced_file_is_the_old_or_the_new_one(void **state)
{
    play("-F 32 -s 1", prepare_old, replace_with_fsync, old_or_new_is_whole);
    play("-F 12 -s 8", prepare_old, replace_with_fsync, old_or_new_is_whole);
    play("-F 32 -s 1", prepare_old, replace_without_fsync, old_or_new_is_whole);
}

static void prepare_move(void)
{
    assert_int_equal(vfs_mkdir(here(), "/mnt/from", 0755), 0);
    assert_int_equal(vfs_mkdir(here(), "/mnt/to", 0755), 0);
    put_bytes("/mnt/from/a file with a long name", 'm', OLD_LEN);
}

static void move_file(void)
{
    assert_int_equal(vfs_rename(here(), "/mnt/from/a file with a long name", here(),
                                "/mnt/to/another long name", 0),
                     0);
    vfs_sync_all();
    promise();
}

static void move_directory(void)
{
    assert_int_equal(vfs_rename(here(), "/mnt/from", here(), "/mnt/to/from", 0), 0);
}

static void is_at_one_of_its_places(bool is_promised)
{
    bool is_old = has_bytes("/mnt/from/a file with a long name", 'm', OLD_LEN);
    bool is_new = has_bytes("/mnt/to/another long name", 'm', OLD_LEN) ||
                  has_bytes("/mnt/to/from/a file with a long name", 'm', OLD_LEN);

    assert_true(is_promised ? is_new : is_old || is_new);
}

static void a_moved_file_is_never_lost(void **state)
{
    play("-F 32 -s 1", prepare_move, move_file, is_at_one_of_its_places);
    play("-F 12 -s 8", prepare_move, move_file, is_at_one_of_its_places);
}

static void a_moved_directory_is_never_lost(void **state)
{
    nr_repairs = 2;
    play("-F 32 -s 1", prepare_move, move_directory, is_at_one_of_its_places);
    play("-F 12 -s 8", prepare_move, move_directory, is_at_one_of_its_places);
    nr_repairs = 1;
}

static void prepare_nothing(void)
{
}

static void create_and_fsync(void)
{
    char name[64];

    assert_int_equal(vfs_mkdir(here(), "/mnt/dir", 0755), 0);
    put_bytes("/mnt/dir/kept for ever", 'k', OLD_LEN);
    fsync_path("/mnt/dir/kept for ever");
    fsync_path("/mnt");
    promise();
    for (unsigned i = 0; i < 40; i++) { /* the directory grows, clusters are used again */
        ksnprintf(name, sizeof(name), "/mnt/dir/a long name with number %u", i % 25);
        put_bytes(name, 'x', 3000 * (i % 3));
        if (i % 4 == 3) {
            assert_int_equal(vfs_unlink(here(), name), 0);
            vfs_sync_all();
        }
    }
}

static void kept_if_promised(bool is_promised)
{
    assert_true(!is_promised || has_bytes("/mnt/dir/kept for ever", 'k', OLD_LEN));
}

static void a_file_that_was_fsynced_is_whole(void **state)
{
    play("-F 32 -s 1", prepare_nothing, create_and_fsync, kept_if_promised);
    play("-F 12 -s 8", prepare_nothing, create_and_fsync, kept_if_promised);
}

static void prepare_two(void)
{
    put_bytes("/mnt/first", '1', OLD_LEN);
    put_bytes("/mnt/second", '2', OLD_LEN);
}

static void cut_and_refill(void)
{
    struct file *file = open_file("/mnt/first", O_RDWR);

    assert_int_equal(vfs_truncate_file(file, 5000), 0);
    put_bytes("/mnt/third", '3', 60000);
    fsync_path("/mnt/third");
    assert_int_equal(vfs_unlink(here(), "/mnt/second"), 0);
    assert_int_equal(vfs_truncate_file(file, 0), 0);
    file_put(file);
    put_bytes("/mnt/fourth", '4', 60000);
    fsync_path("/mnt/fourth");
    promise();
}

/* Whether the file, if it is there, holds bytes of this kind only, or zeros. */
static bool has_only(const char *name, uint8_t byte)
{
    static uint8_t bytes[200000];
    struct file *file;
    ssize_t len;

    if (try_open(name, O_RDONLY, &file) != 0) {
        return true;
    }
    len = read_file_at(file, bytes, sizeof(bytes), 0);
    file_put(file);
    for (ssize_t i = 0; i < len; i++) {
        if (bytes[i] != byte && bytes[i] != 0) {
            return false;
        }
    }
    return len >= 0;
}

/* A file that was cut may be found longer, or be gone, but it never shows the bytes of another. */
static void nobody_has_what_belongs_to_others(bool is_promised)
{
    assert_true(has_only("/mnt/first", '1'));
    assert_true(has_only("/mnt/second", '2'));
    if (is_promised) {
        assert_true(has_bytes("/mnt/fourth", '4', 60000));
    }
}

static void clusters_are_not_used_again_too_early(void **state)
{
    play("-F 12 -s 8", prepare_two, cut_and_refill, nobody_has_what_belongs_to_others);
    play("-F 32 -s 1", prepare_two, cut_and_refill, nobody_has_what_belongs_to_others);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replaced_file_is_the_old_or_the_new_one),
        cmocka_unit_test(a_moved_file_is_never_lost),
        cmocka_unit_test(a_moved_directory_is_never_lost),
        cmocka_unit_test(a_file_that_was_fsynced_is_whole),
        cmocka_unit_test(clusters_are_not_used_again_too_early),
    };

    return cmocka_run_group_tests(tests, fat_world_start, fat_world_stop);
}
