// SPDX-License-Identifier: MIT
/* Blocks for promised holes, without a journal. The disk is watched: whatever of a file's pointers has been written between
 * two flushes, the blocks that they lead to must hold zeros, or the file's own, in what was durable before. All other
 * content there is, in free blocks and in other files, is OLD. And it costs few flushes. */
#include "fs/cache/mapping.h"
#include "fs/ext/test/ext_world.h"
#include "fs/vfs/extents.h"
#include "kernel/abi/fcntl.h"

enum { OLD = 0xaa, OWN = 0x11, NR_FILES = 3, FILE_BLOCKS = 600, PER_ARRAY = BLOCK / 4 };

static uint8_t durable[IMAGE_BYTES];
static uint32_t watched[NR_FILES]; /* inode numbers; 0: none */
static bool are_promised;          /* else only the arrays of pointers must not be what they were */
static unsigned nr_bad, nr_led_to, nr_flushes, nr_writes;
static unsigned fail_at; /* the so manieth write or flush fails, and all that follow; 0: none */

/* ---- The watch ------------------------------------------------------------------------------------- */

static void look_at_block(uint32_t block)
{
    const uint8_t *bytes = durable + (uint64_t)block * BLOCK;

    nr_led_to++;
    for (unsigned i = 0; i < BLOCK; i += BLOCK / 16) {
        if (bytes[i] != 0 && bytes[i] != OWN) {
            nr_bad++;
            return;
        }
    }
}

static void look_below(uint32_t block, unsigned depth)
{
    const uint32_t *pointers = (const uint32_t *)(disk->bytes + (uint64_t)block * BLOCK);
    const uint32_t *before = (const uint32_t *)(durable + (uint64_t)block * BLOCK);

    if (block == 0) {
        return;
    }
    if (depth == 0) {
        if (are_promised) {
            look_at_block(block);
        }
        return;
    }
    for (unsigned i = 0; i < PER_ARRAY; i++) {
        if (before[i] >= IMAGE_BYTES / BLOCK) {
            nr_bad++;
            return;
        }
        nr_led_to++;
        look_below(pointers[i], depth - 1);
    }
}

static void look_at_files(void)
{
    for (unsigned i = 0; i < NR_FILES; i++) {
        for (unsigned k = 0; watched[i] != 0 && k < EXT_NR_POINTERS; k++) {
            look_below(pointer_of(watched[i], k), k < EXT_NR_DIRECT ? 0 : k - EXT_NR_DIRECT + 1);
        }
    }
}

static int watch(struct host_disk *self, const struct block_request *request)
{
    if (request->op == BLOCK_DISCARD) {
        memset(durable + request->sector * SECTOR_SIZE, OLD, request->nr_sectors * SECTOR_SIZE);
    }
    if (request->op == BLOCK_WRITE || request->op == BLOCK_FLUSH) {
        nr_writes++;
        if (fail_at != 0 && nr_writes >= fail_at) {
            return -EIO;
        }
    }
    if (request->op == BLOCK_FLUSH) {
        look_at_files();
        nr_flushes++;
        memcpy(durable, disk->bytes, IMAGE_BYTES);
    }
    return 0;
}

/* ---- The world ------------------------------------------------------------------------------------- */

static uint8_t model[NR_FILES][FILE_BLOCKS]; /* 0 or OWN, for each block */
static struct file *files[NR_FILES];

static void fill_what_is_free(void)
{
    const uint8_t *bitmap = block_on_disk(le32_get(group_on_disk(0)->block_bitmap));

    for (uint32_t i = 0; i < IMAGE_BYTES / BLOCK - 1; i++) {
        if ((bitmap[i / 8] >> i % 8 & 1) == 0) {
            memset(block_on_disk(1 + i), OLD, BLOCK);
        }
    }
}

static struct file *make_promised_hole(unsigned index)
{
    const char name[] = {'/', 'm', 'n', 't', '/', (char)('a' + index), '\0'};
    struct file *file;

    assert_int_equal(do_open(name, O_CREAT | O_RDWR, &file), 0);
    assert_int_equal(vfs_truncate_file(file, FILE_BLOCKS * BLOCK), 0);
    assert_int_equal(vfs_fsync(file, 0, INT64_MAX, false), 0);
    watched[index] = (uint32_t)number_of(name);
    memset(model[index], 0, FILE_BLOCKS);
    return file;
}

static int begin(void **state)
{
    (void)fresh_image(state);
    fill_what_is_free();
    memset(watched, 0, sizeof(watched));
    are_promised = true;
    nr_bad = nr_led_to = nr_writes = fail_at = 0;
    memcpy(durable, disk->bytes, IMAGE_BYTES);
    assert_int_equal(mount_with(0), 0);
    disk->filter = watch;
    return 0;
}

static void end(void)
{
    unmount();
    look_at_files();
    disk->filter = NULL;
    assert_int_equal(nr_bad, 0);
    assert_true(nr_led_to != 0);
}

/* ---- How dear it is -------------------------------------------------------------------------------- */

enum way { BY_WRITE, BY_MAPPING, BY_FALLOCATE };

static void store(struct file *file, enum way way, unsigned page_index)
{
    static uint8_t bytes[PAGE_SIZE];
    struct map_object *object = &file->inode->mapping.object;
    struct page *page;

    memset(bytes, OWN, sizeof(bytes));
    switch (way) {
    case BY_WRITE:
        assert_int_equal(write_at(file, bytes, PAGE_SIZE, (uint64_t)page_index * PAGE_SIZE),
                         PAGE_SIZE);
        break;
    case BY_MAPPING:
        assert_int_equal(object->ops->get_page(object, page_index, 1, &page), 0);
        assert_int_equal(object->ops->make_writable(object, page), 0);
        memset(page_address(page), OWN, PAGE_SIZE);
        object->ops->unlock_page(page);
        page_put(page);
        break;
    case BY_FALLOCATE:
        assert_int_equal(vfs_fallocate(file, 0, (uint64_t)page_index * PAGE_SIZE, PAGE_SIZE), 0);
        break;
    }
}

static unsigned flushes_of_filling(enum way way, bool is_in_order)
{
    enum { NR_PAGES = FILE_BLOCKS * BLOCK / PAGE_SIZE };
    struct file *file = make_promised_hole(0);

    nr_flushes = 0;
    for (unsigned i = 0; i < NR_PAGES; i++) {
        store(file, way, is_in_order ? i : i * 61 % NR_PAGES);
    }
    assert_int_equal(vfs_fsync(file, 0, INT64_MAX, false), 0);
    file_put(file);
    assert_int_equal(vfs_unlink(&world, "/mnt/a"), 0);
    watched[0] = 0;
    vfs_sync_all();
    return nr_flushes;
}

static void a_hole_of_many_blocks_costs_few_flushes(void **state)
{
    for (enum way way = BY_WRITE; way <= BY_FALLOCATE; way++) {
        for (unsigned is_in_order = 0; is_in_order < 2; is_in_order++) {
            unsigned nr = flushes_of_filling(way, is_in_order != 0);

            if (nr > 20) {
                fail_msg("way %u, in order %u: %u flushes", way, is_in_order, nr);
            }
        }
    }
    end();
}

static void an_array_is_empty_before_it_is_led_to(void **state)
{
    static uint8_t bytes[FILE_BLOCKS * BLOCK];
    struct file *file;

    are_promised = false;
    assert_int_equal(do_open("/mnt/new", O_CREAT | O_RDWR, &file), 0);
    watched[0] = (uint32_t)number_of("/mnt/new");
    assert_int_equal(write_at(file, bytes, sizeof(bytes), 0), sizeof(bytes));
    assert_int_equal(vfs_fsync(file, 0, INT64_MAX, false), 0);
    file_put(file);
    end();
    expect_clean();
}

/* ---- What comes between ---------------------------------------------------------------------------- */

static uint64_t seed = 1;

static unsigned below(unsigned bound)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(seed >> 33) % bound;
}

static void fill_a_part(unsigned index)
{
    static uint8_t bytes[8 * BLOCK];
    unsigned nr = 1 + below(8);
    unsigned block = below(FILE_BLOCKS - nr);
    ssize_t written;

    memset(bytes, OWN, sizeof(bytes));
    written = write_at(files[index], bytes, nr * BLOCK, (uint64_t)block * BLOCK);
    assert_true(written > 0 || written == -ENOSPC);
    for (ssize_t i = 0; i * BLOCK < written; i++) {
        model[index][block + i] = OWN;
    }
}

static void punch_a_part(unsigned index)
{
    unsigned nr = 1 + below(20);
    unsigned block = below(FILE_BLOCKS - nr);

    assert_int_equal(vfs_fallocate(files[index], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                   (uint64_t)block * BLOCK, nr * BLOCK),
                     0);
    memset(model[index] + block, 0, nr);
}

/* Another file, whose blocks hold what must not be seen; as large as the disk, sometimes. */
static void make_or_remove_other(unsigned which)
{
    static uint8_t bytes[64 * BLOCK];
    const char name[] = {'/', 'm', 'n', 't', '/', (char)('p' + which), '\0'};
    uint64_t max = below(20) == 0 ? IMAGE_BYTES : (1 + below(60)) * BLOCK;
    struct file *file;
    ssize_t nr = 1;

    if (vfs_unlink(&world, name) == 0) {
        return;
    }
    memset(bytes, OLD, sizeof(bytes));
    assert_int_equal(do_open(name, O_CREAT | O_RDWR, &file), 0);
    for (uint64_t at = 0; at < max && nr > 0; at += (uint64_t)nr) {
        nr = write_at(file, bytes, min_of(sizeof(bytes), max - at), at);
    }
    file_put(file);
}

static void trim_all(void)
{
    struct trim_range range = {0, UINT64_MAX, 0, 0};

    assert_int_equal(vfs_trim(files[0]->inode->super, &range), 0);
}

static void compare(unsigned index)
{
    static uint8_t bytes[FILE_BLOCKS * BLOCK];

    assert_int_equal(read_at(files[index], bytes, sizeof(bytes), 0), sizeof(bytes));
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        if (bytes[i] != model[index][i / BLOCK]) {
            fail_msg("file %u: byte %u is %#x", index, i, bytes[i]);
        }
    }
}

static void whatever_else_happens_nothing_old_is_led_to(void **state)
{
    for (unsigned i = 0; i < NR_FILES; i++) {
        files[i] = make_promised_hole(i);
    }
    for (unsigned step = 0; step < 3000; step++) {
        switch (below(16)) {
        case 0: punch_a_part(below(NR_FILES)); break;
        case 1:
        case 2: make_or_remove_other(below(6)); break;
        case 3: vfs_sync_all(); break;
        case 4: trim_all(); break;
        default: fill_a_part(below(NR_FILES)); break;
        }
    }
    for (unsigned i = 0; i < NR_FILES; i++) {
        compare(i);
        file_put(files[i]);
    }
    end();
    expect_clean();
}

/* ---- Errors ---------------------------------------------------------------------------------------- */

/* Until a write has failed, if one does: the disk may fail from some moment on. */
static bool fill_until_it_fails(void)
{
    static uint8_t bytes[BLOCK];
    ssize_t written = BLOCK;

    memset(bytes, OWN, sizeof(bytes));
    for (unsigned i = 0; i < 40 && written == BLOCK; i++) {
        written = write_at(files[0], bytes, BLOCK, (uint64_t)(i * 7 % 40) * BLOCK);
    }
    assert_true(written == BLOCK || written == -EIO);
    return written != BLOCK;
}

static void a_write_whose_zeros_are_not_durable_fails(void **state)
{
    bool has_failed = true;

    for (unsigned nth = 1; has_failed; nth++) {
        (void)begin(state);
        files[0] = make_promised_hole(0);
        nr_writes = 0;
        fail_at = nth;
        has_failed = fill_until_it_fails();
        fail_at = 0;
        assert_false(fill_until_it_fails());
        assert_int_equal(vfs_fsync(files[0], 0, INT64_MAX, false), 0);
        file_put(files[0]);
        end();
        expect_clean();
        assert_true(nth < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_hole_of_many_blocks_costs_few_flushes, begin),
        cmocka_unit_test_setup(an_array_is_empty_before_it_is_led_to, begin),
        cmocka_unit_test_setup(whatever_else_happens_nothing_old_is_led_to, begin),
        cmocka_unit_test(a_write_whose_zeros_are_not_durable_fails),
    };

    return cmocka_run_group_tests(tests, ext_world_begin, ext_world_end);
}
