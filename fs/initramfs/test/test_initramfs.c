// SPDX-License-Identifier: MIT
/* Unpacking newc archives: what is right arrives, what is wrong is refused with a line, and
 * nothing that an archive says leads out of the root or out of the archive. */
#include "fs/initramfs/initramfs.h"
#include "fs/test/vfs_world.h"

#define MAX_BYTES (1u << 20)

static uint8_t archive[MAX_BYTES];
static size_t len;

struct entry {
    const char *name;
    uint32_t mode, ino, nlink, rmajor, rminor;
    const char *content;
};

static void pad(void)
{
    while (len % 4 != 0) {
        archive[len++] = 0;
    }
}

static void add(const struct entry *entry)
{
    size_t size = entry->content != NULL ? strlen(entry->content) : 0;

    len += (size_t)snprintf(
        (char *)archive + len, 111, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
        entry->ino, entry->mode, 11, 12, entry->nlink != 0 ? entry->nlink : 1, 1000, (unsigned)size,
        1, 2, entry->rmajor, entry->rminor, (unsigned)strlen(entry->name) + 1, 0);
    memcpy(archive + len, entry->name, strlen(entry->name) + 1);
    len += strlen(entry->name) + 1;
    pad();
    memcpy(archive + len, entry->content != NULL ? entry->content : "", size);
    len += size;
    pad();
}

static void add_trailer(void)
{
    add(&(struct entry){.name = "TRAILER!!!"});
}

static int unpack_bytes(const void *bytes, size_t size)
{
    /* At the end of a block of its own, so that the sanitizer sees one byte too many. */
    uint8_t *copy = malloc(size);
    int error;

    memcpy(copy, bytes, size);
    error = initramfs_unpack(&world, copy, size);
    free(copy);
    return error;
}

static int unpack(void)
{
    return unpack_bytes(archive, len);
}

static void expect_content(const char *name, const char *content)
{
    char bytes[64] = "";
    struct file *file;

    assert_int_equal(do_open(name, O_RDONLY, &file), 0);
    assert_int_equal(read_at(file, bytes, sizeof(bytes), 0), (ssize_t)strlen(content));
    assert_string_equal(bytes, content);
    file_put(file);
}

static int begin(void **state)
{
    len = 0;
    return 0;
}

static void everything_arrives(void **state)
{
    struct kstat stat;
    struct path path;
    char target[16];

    add(&(struct entry){.name = ".", .mode = S_IFDIR | 0711});
    add(&(struct entry){.name = "one", .mode = S_IFDIR | 0750});
    add(&(struct entry){.name = "./one/file", .mode = S_IFREG | 04755, .content = "hello"});
    add(&(struct entry){.name = "/one/empty", .mode = S_IFREG | 0600});
    add(&(struct entry){.name = "one/link", .mode = S_IFLNK | 0777, .content = "file"});
    add(&(struct entry){.name = "one/null", .mode = S_IFCHR | 0666, .rmajor = 1, .rminor = 3});
    add(&(struct entry){.name = "one/fifo", .mode = S_IFIFO | 0622});
    add_trailer();
    assert_int_equal(unpack(), 0);
    assert_int_equal(look("/", &stat), 0);
    assert_int_equal(stat.mode, S_IFDIR | 0711);
    assert_int_equal(look("/one", &stat), 0);
    assert_int_equal(stat.mode, S_IFDIR | 0750);
    expect_content("/one/link", "hello");
    assert_int_equal(look("/one/file", &stat), 0);
    assert_int_equal(stat.mode, S_IFREG | 04755);
    assert_int_equal(stat.mtime.sec, 1000);
    assert_int_equal(stat.uid, 11);
    assert_int_equal(stat.gid, 12);
    assert_int_equal(look("/one/null", &stat), 0);
    assert_int_equal(stat.mode, S_IFCHR | 0666);
    assert_int_equal(stat.rdev, 0x103);
    assert_int_equal(look("/one/fifo", &stat), 0);
    assert_int_equal(stat.mode, S_IFIFO | 0622);
    assert_int_equal(path_walk(&world, "/one/link", 0, &path), 0);
    assert_int_equal(vfs_readlink(&path, target, sizeof(target)), 4);
    path_put(&path);
}

static void names_of_one_file_stay_one_file(void **state)
{
    struct kstat stat;

    add(&(struct entry){.name = "h1", .mode = S_IFREG | 0644, .ino = 9, .nlink = 3});
    add(&(struct entry){.name = "h2", .mode = S_IFREG | 0644, .ino = 9, .nlink = 3});
    add(&(struct entry){
        .name = "h3", .mode = S_IFREG | 0644, .ino = 9, .nlink = 3, .content = "shared"});
    add_trailer();
    assert_int_equal(unpack(), 0);
    expect_content("/h1", "shared");
    assert_int_equal(number_of("/h1"), number_of("/h3"));
    assert_int_equal(look("/h2", &stat), 0);
    assert_int_equal(stat.nr_links, 3);
}

static void archives_follow_one_another(void **state)
{
    add(&(struct entry){
        .name = "first", .mode = S_IFREG | 0644, .ino = 9, .nlink = 2, .content = "1"});
    add(&(struct entry){.name = "both", .mode = S_IFREG | 0644, .content = "old and long"});
    add_trailer();
    memset(archive + len, 0, 508);
    len += 508;
    add(&(struct entry){
        .name = "second", .mode = S_IFREG | 0644, .ino = 9, .nlink = 2, .content = "2"});
    add(&(struct entry){.name = "both", .mode = S_IFREG | 0644, .content = "new"});
    add_trailer();
    memset(archive + len, 0, 1000);
    len += 1000;
    assert_int_equal(unpack(), 0);
    expect_content("/first", "1"); /* inode numbers of another archive mean nothing */
    expect_content("/second", "2");
    expect_content("/both", "new");
}

static void expect_refusal(const char *reason)
{
    machine_listen();
    assert_int_equal(unpack(), -EINVAL);
    if (!machine_said(reason)) {
        fail_msg("the log does not say \"%s\": %s", reason, machine_log);
    }
}

static void bad_archives_are_refused_with_a_line(void **state)
{
    static const char bad_header[] =
        "070707 this is the old format, which has no place here, and is long enough to be looked at "
        "as if it were a header of a hundred";

    memcpy(archive, bad_header, sizeof(bad_header));
    len = 111;
    expect_refusal("no cpio header");
    len = 40;
    expect_refusal("ends inside a header");
    memset(archive, 0, 64);
    len = 64;
    expect_refusal("empty archive");

    len = 0;
    add(&(struct entry){.name = "x/../../etc", .mode = S_IFREG | 0644});
    expect_refusal("leads upwards");
    len = 0;
    add(&(struct entry){.name = "x", .mode = 0644});
    expect_refusal("no known type");
    len = 0;
    add(&(struct entry){.name = "x", .mode = S_IFLNK | 0777});
    expect_refusal("symlink with a bad length");
    len = 0;
    add(&(struct entry){.name = "x", .mode = S_IFREG | 0644, .content = "content"});
    memcpy(archive + 54, "FFFFFFFF", 8); /* file size */
    expect_refusal("ends inside a file");
    memcpy(archive + 54, "0000000G", 8);
    expect_refusal("bad number");
    memcpy(archive + 54, "00000000", 8);
    memcpy(archive + 94, "00000000", 8); /* name size */
    expect_refusal("bad name length");
    memcpy(archive + 94, "FFFFFFFF", 8);
    expect_refusal("bad name length");
    memcpy(archive + 94, "00000001", 8);
    expect_refusal("name without an end");
}

static void no_bytes_at_all_do_harm(void **state)
{
    struct host_random random;

    host_random_init(&random);
    for (int round = 0; round < 3000; round++) {
        len = 0;
        add(&(struct entry){.name = "fuzz", .mode = S_IFDIR | 0755});
        add(&(struct entry){.name = "fuzz/a",
                            .mode = S_IFREG | 0644,
                            .ino = 3,
                            .nlink = 2,
                            .content = "some content"});
        add(&(struct entry){.name = "fuzz/b", .mode = S_IFREG | 0644, .ino = 3, .nlink = 2});
        add(&(struct entry){.name = "fuzz/l", .mode = S_IFLNK | 0777, .content = "target"});
        add_trailer();
        for (uint64_t i = host_random_below(&random, 8); i > 0; i--) {
            archive[host_random_below(&random, len)] = (uint8_t)host_random_next(&random);
        }
        (void)!unpack_bytes(archive, (size_t)host_random_below(&random, len) + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(everything_arrives, begin),
        cmocka_unit_test_setup(names_of_one_file_stay_one_file, begin),
        cmocka_unit_test_setup(archives_follow_one_another, begin),
        cmocka_unit_test_setup(bad_archives_are_refused_with_a_line, begin),
        cmocka_unit_test_setup(no_bytes_at_all_do_harm, begin),
    };

    world_begin(64ul << 20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
