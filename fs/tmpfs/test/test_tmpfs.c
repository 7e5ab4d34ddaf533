// SPDX-License-Identifier: MIT
/* tmpfs: random work against a shadow model, the size limit, directory reading while names come
 * and go, and nameless files. */
#include "fs/test/tree_model.h"
#include "fs/test/vfs_world.h"
#include "mm/slab.h"

static struct host_random source;
static struct tree_model model;

static void random_work_agrees_with_the_model(void **state)
{
    tree_model_start(
        &model, &source,
        (struct tree_features){.has_links = true, .has_exchange = true, .has_holes = true});
    tree_mount(&model, "none", "tmpfs");
    for (unsigned round = 0; round < 10; round++) {
        tree_model_run(&model, 400);
        tree_model_check(&model);
        vfs_drop_caches(3); /* names come back from the directories, content stays */
        tree_model_check(&model);
    }
    tree_unmount(&model);
    tree_model_clear(&model);
}

static uint64_t free_pages_of(const char *name)
{
    return stats_of(name).nr_free;
}

static void the_size_is_a_limit(void **state)
{
    static char bytes[10 * PAGE_SIZE];
    struct file *one;
    struct file *two;

    assert_int_equal(vfs_mkdir(&world, "/small", 0755), 0);
    assert_int_equal(vfs_mount(&world, "none", "/small", "tmpfs", 0, "size=32k"), 0);
    assert_int_equal(free_pages_of("/small"), 8);
    assert_int_equal(do_open("/small/one", O_CREAT | O_RDWR, &one), 0);
    assert_int_equal(do_open("/small/two", O_CREAT | O_RDWR, &two), 0);
    assert_int_equal(write_at(one, bytes, 5 * PAGE_SIZE, 0), 5 * PAGE_SIZE);
    assert_int_equal(free_pages_of("/small"), 3);
    assert_int_equal(write_at(two, bytes, sizeof(bytes), 0), 3 * PAGE_SIZE); /* what fits */
    assert_int_equal(write_at(two, bytes, 1, 3 * PAGE_SIZE), -ENOSPC);
    /* over what is there */
    assert_int_equal(write_at(one, bytes, 2 * PAGE_SIZE, 100), 2 * PAGE_SIZE);
    assert_int_equal(free_pages_of("/small"), 0);
    assert_int_equal(vfs_truncate_file(one, PAGE_SIZE + 1), 0);
    assert_int_equal(free_pages_of("/small"), 3);
    assert_int_equal(vfs_unlink(&world, "/small/two"), 0);
    file_put(two);
    assert_int_equal(free_pages_of("/small"), 6);
    assert_int_equal(vfs_fallocate(one, 0, 0, 9 * PAGE_SIZE), -ENOSPC);
    assert_int_equal(inode_size(one->inode), PAGE_SIZE + 1);
    assert_int_equal(free_pages_of("/small"), 6);
    assert_int_equal(vfs_fallocate(one, FALLOC_FL_KEEP_SIZE, 0, 8 * PAGE_SIZE), 0);
    assert_int_equal(free_pages_of("/small"), 0);
    assert_int_equal(inode_size(one->inode), PAGE_SIZE + 1);
    assert_int_equal(
        vfs_fallocate(one, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, PAGE_SIZE, 5 * PAGE_SIZE),
        0);
    assert_int_equal(free_pages_of("/small"), 5);
    assert_int_equal(vfs_truncate_file(one, PAGE_SIZE + 1), 0); /* what is behind the end goes */
    assert_int_equal(free_pages_of("/small"), 7);
    file_put(one);
    assert_int_equal(vfs_umount(&world, "/small", 0), 0);
}

static void reading_goes_on_where_it_stopped(void **state)
{
    struct world_listing listing;
    struct file *dir;
    char name[32];
    unsigned nr_kept = 0;

    assert_int_equal(vfs_mkdir(&world, "/list", 0755), 0);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "/list/n%02d", i);
        assert_int_equal(make(name), 0);
    }
    assert_int_equal(do_open("/list", O_RDONLY, &dir), 0);
    assert_int_equal(list_names(dir, &listing, 12), 0);
    assert_int_equal(listing.nr, 12); /* ".", "..", n00 to n09 */
    for (int i = 0; i < 40; i += 2) {
        snprintf(name, sizeof(name), "/list/n%02d", i);
        assert_int_equal(vfs_unlink(&world, name), 0);
    }
    assert_int_equal(make("/list/late"), 0);
    for (unsigned nr = 1; nr != 0;) {
        assert_int_equal(list_names(dir, &listing, 7), 0);
        nr = listing.nr;
        for (unsigned i = 0; i < nr; i++) {
            nr_kept += listing.names[i][0] == 'n';
            assert_true(exists("/list/late"));
        }
    }
    assert_int_equal(nr_kept, 15); /* n11, n13, … n39: each once */
    assert_int_equal(vfs_seek(dir, 0, SEEK_SET), 0);
    assert_int_equal(list_names(dir, &listing, 64), 0);
    assert_int_equal(listing.nr, 2 + 20 + 1);
    file_put(dir);
}

static void a_deep_tree_goes_without_recursion(void **state)
{
    struct walk_context context = world;
    struct path path;

    assert_int_equal(vfs_mkdir(&world, "/deep", 0755), 0);
    assert_int_equal(vfs_mount(&world, "none", "/deep", "ramfs", 0, ""), 0);
    assert_int_equal(path_walk(&world, "/deep", 0, &context.cwd), 0);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(vfs_mkdir(&context, "d", 0755), 0);
        assert_int_equal(path_walk(&context, "d", 0, &path), 0);
        path_put(&context.cwd);
        context.cwd = path;
    }
    path_put(&context.cwd);
    assert_int_equal(vfs_umount(&world, "/deep", 0), 0);
}

static void nameless_files_are_files(void **state)
{
    char text[64];
    struct file *file;
    struct path nowhere = {NULL, NULL};
    char byte = 0;

    assert_int_equal(tmpfs_new_file(10000, true, &file), 0);
    assert_int_equal(inode_size(file->inode), 10000);
    assert_int_equal(write_at(file, "q", 1, 9999), 1);
    assert_int_equal(read_at(file, &byte, 1, 9999), 1);
    assert_int_equal(byte, 'q');
    assert_int_equal(read_at(file, &byte, 1, 5000), 1);
    assert_int_equal(byte, 0);
    file_put(file);
    assert_int_equal(tmpfs_new_named_file("/memfd:x (deleted)", 0, &file), 0);
    assert_int_equal(path_name(&file->path, &nowhere, text, sizeof(text)), 18);
    assert_string_equal(text, "/memfd:x (deleted)");
    file_put(file);
}

static uint64_t live_objects(void)
{
    uint64_t nr = 0;

    vfs_drop_caches(3);
    slab_reap();
    nr = frames_nr_free();
    return nr;
}

static void nothing_leaks(void **state)
{
    uint64_t before;

    for (int round = 0; round < 3; round++) {
        before = live_objects();
        for (int i = 0; i < 200; i++) {
            assert_int_equal(make("/leak"), 0);
            assert_int_equal(vfs_rename(&world, "/leak", &world, "/leak2", 0), 0);
            assert_int_equal(vfs_unlink(&world, "/leak2"), 0);
        }
    }
    assert_true(live_objects() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_work_agrees_with_the_model),
        cmocka_unit_test(the_size_is_a_limit),
        cmocka_unit_test(reading_goes_on_where_it_stopped),
        cmocka_unit_test(a_deep_tree_goes_without_recursion),
        cmocka_unit_test(nameless_files_are_files),
        cmocka_unit_test(nothing_leaks),
    };

    world_begin(96ul << 20);
    host_random_init(&source);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
