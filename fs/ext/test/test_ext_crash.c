// SPDX-License-Identifier: MIT
/* Power cuts on ext3. A load of everyday operations runs on a disk that records all its writes; a cut may come at
 * any of them. In each state:
 *
 *     the driver mounts it (replaying the journal) and unmounts it, and e2fsck finds nothing to mend;
 *     every name is what it was at the last fsync or sync, or later; and every content that was promised is whole;
 *     no file has bytes that it was never given: what a block held before must not shine through.
 *
 * The content of a file says which file and which version it is: each version is a file's whole new content. */
#define EXT_WORLD_TYPE "-t ext3 -J size=1"

#include "fs/ext/test/ext_world.h"

#include "tools/host/tape.h"

#define NR_NAMES    12u
#define MAX_VERSION 4000u

static struct host_random source;
static struct tape *tape;

/* Versions are numbered over all files; what a name held after each promise is found by looking back. */
enum deed { DEED_NOTHING, DEED_WRITE, DEED_REMOVE, DEED_RENAME };

static struct {
    enum deed deed;
    unsigned name, other;
    uint32_t len_bytes;
    unsigned synced_at; /* the content was promised then; 0: never */
} deeds[MAX_VERSION];
static unsigned nr_deeds; /* the first is number 1 */

static void name_of(unsigned index, char *text, size_t size)
{
    ksnprintf(text, size, "/mnt/d%u/f%u", index % 3, index);
}

static uint8_t byte_of(unsigned version, uint32_t position)
{
    return (uint8_t)(1 + (version * 7 + position / 256) % 255);
}

static void write_version(unsigned index, unsigned version, uint32_t len)
{
    static uint8_t bytes[64 << 10];
    char name[32];
    struct file *file;

    for (uint32_t i = 0; i < len; i++) {
        bytes[i] = byte_of(version, i);
    }
    put_le32(bytes, version); /* the first bytes are the version itself */
    name_of(index, name, sizeof(name));
    assert_int_equal(do_open(name, O_CREAT | O_TRUNC | O_RDWR, &file), 0);
    assert_int_equal(write_at(file, bytes, len, 0), len);
    if (host_random_below(&source, 3) == 0) {
        assert_int_equal(vfs_fsync(file, 0, UINT64_MAX, false), 0);
        deeds[version].synced_at = version;
        tape_promise(tape, version);
    }
    file_put(file);
}

/* What the name holds after the first `last` deeds: the version, 0 for no file. */
static unsigned version_at(unsigned name, unsigned last)
{
    for (unsigned i = last; i > 0; i--) {
        if (deeds[i].deed == DEED_RENAME && deeds[i].other == name) {
            return version_at(deeds[i].name, i - 1);
        }
        if (deeds[i].name == name) {
            switch (deeds[i].deed) {
            case DEED_WRITE: return i;
            case DEED_REMOVE:
            case DEED_RENAME: return 0;
            default: break;
            }
        }
    }
    return 0;
}

static void do_something(void)
{
    unsigned number = ++nr_deeds;
    unsigned name = (unsigned)host_random_below(&source, NR_NAMES);
    unsigned other = (unsigned)host_random_below(&source, NR_NAMES);
    unsigned choice = (unsigned)host_random_below(&source, 10);
    bool is_there = version_at(name, number - 1) != 0;
    char text[32], other_text[32];

    name_of(name, text, sizeof(text));
    name_of(other, other_text, sizeof(other_text));
    deeds[number].name = name;
    if (choice < 6 || !is_there) {
        deeds[number].deed = DEED_WRITE;
        deeds[number].len_bytes = 4 + (uint32_t)host_random_below(&source, 40 << 10);
        write_version(name, number, deeds[number].len_bytes);
    } else if (choice < 8 || name == other) {
        deeds[number].deed = DEED_REMOVE;
        assert_int_equal(vfs_unlink(&world, text), 0);
    } else {
        deeds[number].deed = DEED_RENAME;
        deeds[number].other = other;
        assert_int_equal(vfs_rename(&world, text, &world, other_text, 0), 0);
    }
    if (host_random_below(&source, 20) == 0) {
        vfs_sync_all();
        for (unsigned i = 1; i <= number; i++) {
            deeds[i].synced_at = deeds[i].synced_at != 0 ? deeds[i].synced_at : number;
        }
        tape_promise(tape, number);
    }
}

/* ---- Judging ------------------------------------------------------------------------------------ */

static struct host_disk *replayed;

/* What a file holds: the version, 0 when it isn't there, UINT32_MAX when it is empty. Bytes of any version but
 * this one are a failure. */
static unsigned version_in(unsigned index, unsigned state, uint32_t *len)
{
    static uint8_t bytes[64 << 10];
    unsigned version;
    char name[32];
    struct file *file;
    ssize_t nr;

    name_of(index, name, sizeof(name));
    if (do_open(name, O_RDONLY, &file) != 0) {
        return 0;
    }
    nr = read_at(file, bytes, sizeof(bytes), 0);
    file_put(file);
    assert_true(nr >= 0);
    *len = (uint32_t)nr;
    if (nr < 4) {
        return UINT32_MAX;
    }
    version = get_le32(bytes);
    if (version == 0 || version > nr_deeds) {
        fail_msg("state %u: %s begins with %u", state, name, version);
    }
    for (uint32_t i = 4; i < (uint32_t)nr; i++) {
        if (bytes[i] != byte_of(version, i)) {
            fail_msg("state %u: %s: byte %u of version %u is %u", state, name, i, version,
                     bytes[i]);
        }
    }
    return version;
}

static bool is_promised(unsigned version, unsigned promised)
{
    return deeds[version].synced_at != 0 && deeds[version].synced_at <= promised;
}

/* The name holds what it held after some deed from the promised one on: all of it if that content was promised, else
 * perhaps only a part. */
static bool may_hold(unsigned name, unsigned promised, unsigned version, uint32_t len)
{
    for (unsigned last = promised; last <= nr_deeds; last++) {
        unsigned should = version_at(name, last);

        if (should == version && (version == 0 || deeds[version].len_bytes == len)) {
            return true;
        }
        if (should != 0 && (should == version || version == UINT32_MAX) &&
            !is_promised(should, promised)) {
            return true;
        }
    }
    return false;
}

static void judge_state(struct host_disk *state_disk, const struct tape_state *state)
{
    struct host_disk *ours = disk;

    disk = state_disk;
    if (mount_with(0) != 0) {
        fail_msg("state %u: not mounted", state->position);
    }
    for (unsigned name = 0; name < NR_NAMES; name++) {
        uint32_t len = 0;
        unsigned version = version_in(name, state->position, &len);

        if (!may_hold(name, state->promised, version, len)) {
            fail_msg("state %u: file %u has version %u (%u bytes), and %u was promised",
                     state->position, name, version, len, version_at(name, state->promised));
        }
    }
    unmount();
    if (judge() != 0) {
        show_verdict();
        fail_msg("state %u: e2fsck complains", state->position);
    }
    disk = ours;
}

static void a_power_cut_anywhere_leaves_a_whole_tree(void **state)
{
    assert_int_equal(mount_with(0), 0);
    nr_deeds = 0;
    for (unsigned i = 0; i < 3; i++) {
        char name[16];

        ksnprintf(name, sizeof(name), "/mnt/d%u", i);
        assert_int_equal(vfs_mkdir(&world, name, 0755), 0);
    }
    vfs_sync_all();
    tape = tape_start(disk);
    for (unsigned i = 0; i < 120; i++) {
        do_something();
    }
    tape_stop(tape);
    replayed = host_disk_new(disk->device.nr_sectors);
    tape_for_each_state(tape, replayed, 60, &source, judge_state);
    host_disk_free(replayed);
    tape_free(tape);
    unmount();
    expect_clean();
}

static int begin(void **state)
{
    host_random_init(&source);
    return ext_world_begin(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_power_cut_anywhere_leaves_a_whole_tree, fresh_image),
    };

    return cmocka_run_group_tests(tests, begin, ext_world_end);
}
