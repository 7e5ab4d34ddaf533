// SPDX-License-Identifier: MIT
/* Power cuts on FAT. A load runs on a disk that records all its writes; a cut may come at any of them. In each state:
 *
 *     fsck.fat -a -w mends it without asking, and a second fsck.fat finds nothing;
 *     every name is what it was at the last fsync or sync, or became later, and no file of another name is there;
 *     a content that was promised is whole, unless the file was cut or replaced since: never shorter than it was cut to;
 *     no file has bytes that it was never given: what a cluster held before must not shine through.
 *
 * The content of a file says which version it is, and where in it each byte belongs: versions grow when they are appended to,
 * and shrink when they are cut, but never change.
 *
 * One thing that FAT cannot do is allowed. A file that is renamed to a new name has two entries for a moment, and fsck.fat
 * empties the one that it meets second. So either of the two names may be an empty file, if some name has the content. A
 * name that is *replaced* may never be empty. (More states: STATES=1000 build/host/fs/fat/test/test_fat_crash.) */
#include "fs/fat/test/fat_world.h"
#include "fs/vfs/extents.h"
#include "tools/host/tape.h"

enum { NR_NAMES = 12, MAX_DEEDS = 2000, MAX_LEN = 60 << 10, IMAGE_KIB = 2560 };

enum kind { DEED_NOTHING, DEED_WRITE, DEED_APPEND, DEED_CUT, DEED_REMOVE, DEED_RENAME };

static struct {
    enum kind kind;
    unsigned name, other; /* rename: to `other` */
    unsigned version;     /* that the name has afterwards; rename: the one that moves */
    uint32_t len_bytes;   /* that it has then */
} deeds[MAX_DEEDS];       /* number 0 is the beginning */
static unsigned nr_deeds;

/* Promises: after this deed, the version was durable with this length. A state's promises are the first so many. */
static struct {
    unsigned deed, version;
    uint32_t len_bytes;
} promises[MAX_DEEDS];
static unsigned nr_promises;

static struct host_disk *load_disk;
static struct tape *tape;
static uint32_t lens[MAX_DEEDS]; /* by version: as the load has it now */

static void name_of(unsigned index, char *text, size_t size)
{
    static const char *const forms[] = {"/mnt/f%u", "/mnt/d1/A rather long name, number %u",
                                        "/mnt/d2/g%u.txt", "/mnt/d1/below/File number %u.data"};

    ksnprintf(text, size, forms[index % array_size(forms)], index);
}

static uint8_t byte_of(unsigned version, uint32_t position)
{
    return (uint8_t)(1 + (version * 7 + position / 256) % 255);
}

/* What the name holds after the first `last` deeds: the version, 0 for no file. */
static unsigned version_at(unsigned name, unsigned last)
{
    for (unsigned i = last; i > 0; i--) {
        if (deeds[i].kind == DEED_RENAME && deeds[i].other == name) {
            return deeds[i].version;
        }
        if (deeds[i].kind != DEED_NOTHING && deeds[i].name == name) {
            return deeds[i].kind == DEED_REMOVE || deeds[i].kind == DEED_RENAME ? 0
                                                                                : deeds[i].version;
        }
    }
    return 0;
}

/* ---- The load ------------------------------------------------------------------------------------ */

static unsigned now(unsigned name)
{
    return version_at(name, nr_deeds);
}

static unsigned new_deed(enum kind kind, unsigned name, unsigned version, uint32_t len)
{
    unsigned number = ++nr_deeds;

    assert_true(number < MAX_DEEDS);
    deeds[number].kind = kind;
    deeds[number].name = name;
    deeds[number].other = UINT32_MAX;
    deeds[number].version = version;
    deeds[number].len_bytes = len;
    lens[version] = len;
    return number;
}

static void promise_version(unsigned version)
{
    promises[nr_promises].deed = nr_deeds;
    promises[nr_promises].version = version;
    promises[nr_promises++].len_bytes = lens[version];
}

static void sync_all(void)
{
    vfs_sync_all();
    for (unsigned name = 0; name < NR_NAMES; name++) {
        if (now(name) != 0) {
            promise_version(now(name));
        }
    }
    if (tape != NULL) {
        tape_promise(tape, nr_promises);
    }
}

static void sync_file(unsigned name)
{
    char text[64];
    struct file *file;

    name_of(name, text, sizeof(text));
    file = open_file(text, O_RDONLY);
    assert_int_equal(vfs_fsync(file, 0, UINT64_MAX, false), 0);
    file_put(file);
    promise_version(now(name));
    tape_promise(tape, nr_promises);
}

static void put_version(unsigned name, unsigned version, uint32_t from, uint32_t end,
                        uint32_t flags)
{
    static uint8_t bytes[MAX_LEN];
    char text[64];
    struct file *file;

    for (uint32_t i = 0; i < end; i++) {
        bytes[i] = byte_of(version, i);
    }
    put_le32(bytes, version);
    name_of(name, text, sizeof(text));
    file = open_file(text, flags);
    assert_int_equal(write_file_at(file, bytes + from, end - from, from), end - from);
    file_put(file);
}

static void do_write(unsigned name, uint32_t len)
{
    unsigned version = nr_deeds + 1;

    new_deed(DEED_WRITE, name, version, len);
    put_version(name, version, 0, len, O_CREAT | O_TRUNC | O_RDWR);
}

static void do_append(unsigned name, uint32_t len)
{
    unsigned version = now(name);
    uint32_t old = lens[version];

    new_deed(DEED_APPEND, name, version, old + len);
    put_version(name, version, old, old + len, O_RDWR);
}

static void do_cut(unsigned name, uint32_t len)
{
    char text[64];
    struct file *file;

    name_of(name, text, sizeof(text));
    new_deed(DEED_CUT, name, now(name), len);
    file = open_file(text, O_RDWR);
    assert_int_equal(vfs_truncate_file(file, len), 0);
    file_put(file);
}

static void do_remove(unsigned name)
{
    char text[64];

    name_of(name, text, sizeof(text));
    new_deed(DEED_REMOVE, name, 0, 0);
    assert_int_equal(vfs_unlink(here(), text), 0);
}

static void do_rename(unsigned name, unsigned other)
{
    unsigned version = now(name);
    char from[64], to[64];

    name_of(name, from, sizeof(from));
    name_of(other, to, sizeof(to));
    deeds[new_deed(DEED_RENAME, name, version, lens[version])].other = other;
    assert_int_equal(vfs_rename(here(), from, here(), to, 0), 0);
}

/* ---- Judging ------------------------------------------------------------------------------------- */

struct found {
    bool is_there;
    unsigned version; /* 0: it is empty, or not there */
    uint32_t len_bytes;
};

/* Where the version was cut; behind that it may have zeros: the page that the end lies in can reach the disk before the
 * entry that is shorter. */
static uint32_t cut_of(unsigned version)
{
    uint32_t least = UINT32_MAX;

    for (unsigned i = 1; i <= nr_deeds; i++) {
        if (deeds[i].kind == DEED_CUT && deeds[i].version == version) {
            least = min_of(least, deeds[i].len_bytes);
        }
    }
    return least;
}

static struct found look(unsigned name, unsigned state)
{
    static uint8_t bytes[MAX_LEN];
    struct found found = {0};
    uint32_t cut;
    char text[64];
    struct file *file;
    ssize_t nr;

    name_of(name, text, sizeof(text));
    if (try_open(text, O_RDONLY, &file) != 0) {
        return found;
    }
    nr = read_file_at(file, bytes, sizeof(bytes), 0);
    file_put(file);
    assert_true(nr == 0 || nr >= 4);
    found = (struct found){.is_there = true, .len_bytes = (uint32_t)nr};
    if (nr == 0) {
        return found;
    }
    found.version = get_le32(bytes);
    if (found.version == 0 || found.version > nr_deeds) {
        fail_msg("state %u: %s begins with %u", state, text, found.version);
    }
    cut = cut_of(found.version);
    for (uint32_t i = 4; i < (uint32_t)nr; i++) {
        if (bytes[i] != byte_of(found.version, i) && (bytes[i] != 0 || i < cut)) {
            fail_msg("state %u: %s: byte %u of version %u is %u", state, text, i, found.version,
                     bytes[i]);
        }
    }
    return found;
}

/* The last deed that must not be lost. */
static unsigned deed_of(unsigned nr_kept)
{
    return nr_kept != 0 ? promises[nr_kept - 1].deed : 0;
}

/* The least that a version must have: what was promised of it, or what it was cut to after that. */
static uint32_t least_of(unsigned version, unsigned nr_kept)
{
    unsigned since = 0;
    uint32_t least = 0;

    for (unsigned i = 0; i < nr_kept; i++) {
        if (promises[i].version == version) {
            since = promises[i].deed;
            least = promises[i].len_bytes;
        }
    }
    for (unsigned i = since + 1; i <= nr_deeds; i++) {
        if (deeds[i].kind == DEED_CUT && deeds[i].version == version) {
            least = min_of(least, deeds[i].len_bytes);
        }
    }
    return least;
}

static uint32_t most_of(unsigned version)
{
    uint32_t most = 0;

    for (unsigned i = 1; i <= nr_deeds; i++) {
        if (deeds[i].kind != DEED_NOTHING && deeds[i].version == version) {
            most = max_of(most, deeds[i].len_bytes);
        }
    }
    return most;
}

static bool is_whole(const struct found *found, unsigned version, unsigned nr_kept)
{
    return found->version == version && found->len_bytes >= least_of(version, nr_kept);
}

static bool is_anywhere(unsigned version, unsigned nr_kept, const struct found *all)
{
    for (unsigned name = 0; name < NR_NAMES; name++) {
        if (is_whole(&all[name], version, nr_kept)) {
            return true;
        }
    }
    return false;
}

/* Empty, because fsck.fat has found two entries for one file, and this is the second. */
static bool may_be_emptied(unsigned name, unsigned nr_kept, const struct found *all)
{
    for (unsigned i = deed_of(nr_kept) + 1; i <= nr_deeds; i++) {
        bool is_party = deeds[i].kind == DEED_RENAME &&
                        (deeds[i].name == name ||
                         (deeds[i].other == name && version_at(name, i - 1) == 0));

        if (is_party && is_anywhere(deeds[i].version, nr_kept, all)) {
            return true;
        }
    }
    return false;
}

static bool may_hold(unsigned name, unsigned nr_kept, const struct found *all)
{
    const struct found *found = &all[name];

    for (unsigned last = deed_of(nr_kept); last <= nr_deeds; last++) {
        unsigned version = version_at(name, last);

        if (version == 0 || !found->is_there) {
            if (version == 0 && !found->is_there) {
                return true;
            }
            continue;
        }
        if (found->version == version && found->len_bytes >= least_of(version, nr_kept) &&
            found->len_bytes <= most_of(version)) {
            return true;
        }
        if (found->len_bytes == 0 && least_of(version, nr_kept) == 0) {
            return true;
        }
    }
    return found->is_there && found->len_bytes == 0 && may_be_emptied(name, nr_kept, all);
}

/* A content that was promised and still has a name when the load ends is somewhere, however often it was renamed. */
static void check_nothing_is_lost(const struct tape_state *state, const struct found *all)
{
    for (unsigned name = 0; name < NR_NAMES; name++) {
        unsigned version = now(name);

        if (version != 0 && least_of(version, state->promised) != 0 &&
            !is_anywhere(version, state->promised, all)) {
            fail_msg("state %u, cut %u: version %u, at last in file %u, is lost", state->position,
                     state->cut, version, name);
        }
    }
}

static unsigned nr_states;

static void mend(struct host_disk *disk, const struct tape_state *state)
{
    struct host_disk *mended;

    host_disk_save(disk, image_path);
    if (run_command("fsck.fat -a -w %s >%s.log 2>&1; test $? -le 1 && fsck.fat -n %s >>%s.log 2>&1",
                    image_path, image_path, image_path, image_path) != 0) {
        (void)!run_command("cat %s.log >&2; cp %s /tmp/cairn-fat-crash.img", image_path,
                           image_path);
        fail_msg("state %u, cut %u: fsck.fat could not mend it", state->position, state->cut);
    }
    mended = host_disk_load(image_path);
    memcpy(disk->bytes, mended->bytes, IMAGE_KIB * KIB);
    host_disk_free(mended);
}

static void judge_state(struct host_disk *disk, const struct tape_state *state)
{
    struct found all[NR_NAMES];

    nr_states++;
    mend(disk, state);
    mount_disk(disk);
    for (unsigned name = 0; name < NR_NAMES; name++) {
        all[name] = look(name, state->position);
    }
    for (unsigned name = 0; name < NR_NAMES; name++) {
        if (!may_hold(name, state->promised, all)) {
            unsigned deed = deed_of(state->promised);
            unsigned version = version_at(name, deed);

            fail_msg(
                "state %u, cut %u: file %u is version %u of %u bytes; after deed %u it was version "
                "%u, at least %u bytes, and there are %u deeds",
                state->position, state->cut, name, all[name].version, all[name].len_bytes, deed,
                version, least_of(version, state->promised), nr_deeds);
        }
    }
    check_nothing_is_lost(state, all);
    unmount();
}

static unsigned states_wanted(unsigned usual)
{
    const char *text = getenv("STATES");
    uint64_t wanted = usual;

    return text != NULL && parse_u64(text, 10, NULL, &wanted) == 0 ? (unsigned)wanted : usual;
}

static void prepare(void)
{
    char name[64], other[128];

    assert_int_equal(vfs_mkdir(here(), "/mnt/d1", 0755), 0);
    assert_int_equal(vfs_mkdir(here(), "/mnt/d1/below", 0755), 0);
    assert_int_equal(vfs_mkdir(here(), "/mnt/d2", 0755), 0);
    for (unsigned i = 0; i < NR_NAMES; i++) {
        do_write(i, 3000 + 500 * i);
        name_of(i, name, sizeof(name));
        ksnprintf(other, sizeof(other), "%s is not next to the one that follows", name);
        put_text(other, "x"); /* so that not all of them lie in one sector */
    }
    sync_all();
}

/* Every position is looked at if states is 0; else so many states, spread over all of them. */
static void play(const char *options, void (*load)(void), unsigned states)
{
    struct host_disk *disk = make_image(IMAGE_KIB, options);
    struct host_disk *state_disk = host_disk_new(disk->device.nr_sectors);

    nr_deeds = nr_promises = nr_states = 0;
    load_disk = disk;
    tape = NULL;
    mount_disk(disk);
    prepare();
    tape = tape_start(disk);
    tape_promise(tape, nr_promises);
    load();
    unmount();
    tape_stop(tape);
    check_clean(disk);
    tape_for_each_state(tape, state_disk, states != 0 ? states_wanted(states) : 10000, &fat_random,
                        judge_state);
    print_message("%s: %u writes and flushes, %u states\n", options, tape_length(tape), nr_states);
    tape_free(tape);
    host_disk_free(state_disk);
    host_disk_free(disk);
}

/* ---- Loads --------------------------------------------------------------------------------------- */

static uint32_t random_len(uint32_t most)
{
    return 4 + (uint32_t)host_random_below(&fat_random, most - 4);
}

/* How programs replace a file: a new one beside it, fsync, rename over. */
static void replace(unsigned name, unsigned beside, uint32_t len)
{
    do_write(beside, len);
    sync_file(beside);
    do_rename(beside, name);
}

/* Everything that is free is discarded, which the disk does or does not do before a cut. */
static void discard_all(void)
{
    struct trim_range range = {.len_bytes = UINT64_MAX};
    struct path path;

    assert_int_equal(path_walk(here(), "/mnt", 0, &path), 0);
    assert_int_equal(vfs_trim(path.dentry->super, &range), 0);
    assert_true(range.trimmed_bytes != 0);
    path_put(&path);
}

/* Clusters that were a file's a moment ago are discarded and given away again. */
static void discard_between(void)
{
    do_remove(5);
    discard_all();
    do_cut(1, 100);
    replace(2, 9, 3000);
    discard_all();
    do_write(5, 9000);
    sync_file(5);
    do_rename(4, 6);
    discard_all();
    do_append(5, 4000);
}

/* Over files that lie behind the source and before it. Files 0, 4 and 8 are in the root, 1, 5 and 9 in d1, 2, 6 and 10 in
 * d2, 3, 7 and 11 below d1. */
static void replace_everywhere(void)
{
    replace(5, 1, 2000);
    replace(2, 9, 3000);
    do_rename(5, 0);
    do_write(1, 6000); /* takes clusters and slots that became free */
    do_rename(3, 2);
    replace(6, 10, 700);
}

static void rename_everywhere(void)
{
    do_remove(0);
    do_remove(9);
    do_remove(6);
    do_remove(3);
    do_rename(1, 9);
    do_rename(9, 6);
    do_rename(2, 3);
    do_rename(3, 0);
    do_rename(4, 9);
}

/* The new file 11 takes the slots that were file 3's, in front of those that the moved one had: the disk must never have
 * both under one name, for only the first can be found. */
static void use_a_name_again(void)
{
    do_remove(2);
    do_remove(3);
    sync_all();
    do_rename(11, 2);
    do_write(11, 5000);
    do_remove(7);
    do_write(7, 100);
}

/* The slots of file 5 lie in two sectors, and it comes before file 10: never is there only its short name. */
static void move_names_in_two_sectors(void)
{
    do_remove(10);
    sync_all();
    for (unsigned i = 0; i < 4; i++) {
        do_rename(5, 10);
        sync_all();
        do_rename(10, 5);
        sync_all();
    }
}

static void cut_and_append(void)
{
    for (unsigned i = 0; i < 2; i++) {
        do_cut(5, 1000 - 100 * i);
        do_append(5, 8000);
        do_cut(9, 600 * i);
        do_append(9, 5000);
        sync_file(i == 0 ? 5 : 9);
        do_write(4, 9000);
        do_remove(4);
    }
}

/* A directory that comes, fills its first cluster, and goes. */
static void pass_directory(void)
{
    char name[64];

    assert_int_equal(vfs_mkdir(here(), "/mnt/d2/passing", 0755), 0);
    for (unsigned i = 0; i < 20; i++) {
        ksnprintf(name, sizeof(name), "/mnt/d2/passing/File that does not stay, number %u", i);
        put_text(name, "x");
    }
    for (unsigned i = 0; i < 20; i++) {
        ksnprintf(name, sizeof(name), "/mnt/d2/passing/File that does not stay, number %u", i);
        assert_int_equal(vfs_unlink(here(), name), 0);
    }
    assert_int_equal(vfs_rmdir(here(), "/mnt/d2/passing"), 0);
}

static void do_something(void)
{
    unsigned name = (unsigned)host_random_below(&fat_random, NR_NAMES);
    unsigned other = (unsigned)host_random_below(&fat_random, NR_NAMES);
    unsigned choice = (unsigned)host_random_below(&fat_random, 24);

    if (choice < 8 || now(name) == 0) {
        do_write(name, random_len(40 << 10));
    } else if (choice < 11 && lens[now(name)] < MAX_LEN - (10 << 10)) {
        do_append(name, random_len(10 << 10));
    } else if (choice < 13) {
        do_cut(name, min_of(lens[now(name)], random_len(20 << 10)));
    } else if (choice < 15 || name == other) {
        do_remove(name);
    } else if (choice < 19) {
        do_rename(name, other);
    } else if (choice < 22) {
        replace(name, other == name ? (name + 1) % NR_NAMES : other, random_len(20 << 10));
    } else if (choice == 22) {
        pass_directory();
    } else if (other % 2 == 0) {
        discard_all();
    } else {
        sync_all();
    }
    if (now(name) != 0 && host_random_below(&fat_random, 4) == 0) {
        sync_file(name);
    }
}

static void everyday_work(void)
{
    for (unsigned i = 0; i < 90; i++) {
        do_something();
        if (host_random_below(&fat_random, 8) == 0) { /* the writeback thread's turn */
            vfs_write_old_inodes(UINT64_MAX);
            (void)!mapping_start_write(load_disk->device.cache, 1000);
        }
    }
}

static void replaced_files_are_the_old_or_the_new_one(void **state)
{
    play("-F 32 -s 1", replace_everywhere, 0);
}

static void renamed_files_are_at_one_of_their_names(void **state)
{
    play("-F 12 -s 8", rename_everywhere, 0);
}

static void names_that_are_used_again_hide_nothing(void **state)
{
    play("-F 32 -s 1", use_a_name_again, 0);
}

static void names_in_two_sectors_move_as_a_whole(void **state)
{
    play("-F 32 -s 1", move_names_in_two_sectors, 0);
}

static void files_that_are_cut_and_grow_show_nothing_of_others(void **state)
{
    play("-F 32 -s 1", cut_and_append, 0);
}

static void a_discard_takes_nothing_that_a_file_may_have_after_a_cut(void **state)
{
    play("-F 32 -s 1", discard_between, 0);
    play("-F 12 -s 8", discard_between, 0);
}

static void everyday_work_survives(void **state)
{
    play("-F 32 -s 1", everyday_work, 45);
    play("-F 16 -s 1", everyday_work, 24);
    play("-F 12 -s 8", everyday_work, 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaced_files_are_the_old_or_the_new_one),
        cmocka_unit_test(renamed_files_are_at_one_of_their_names),
        cmocka_unit_test(files_that_are_cut_and_grow_show_nothing_of_others),
        cmocka_unit_test(a_discard_takes_nothing_that_a_file_may_have_after_a_cut),
        cmocka_unit_test(everyday_work_survives),
        cmocka_unit_test(names_that_are_used_again_hide_nothing),
        cmocka_unit_test(names_in_two_sectors_move_as_a_whole),
    };

    return cmocka_run_group_tests(tests, fat_world_start, fat_world_stop);
}
