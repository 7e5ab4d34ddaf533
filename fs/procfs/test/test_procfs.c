// SPDX-License-Identifier: MIT
/* procfs: registered files and their directories, text longer than one read, writes, /proc/PID
 * with a made-up kernel/task, and magic links to what has no name. */
#include "fs/pipe/pipe.h"
#include "fs/procfs/procfs.h"
#include "fs/test/vfs_world.h"
#include "kernel/base/printk.h"

static uint32_t answer = 42;
static struct file *open_files[8];
static bool is_seven_there = true;

static int show_long(struct seq *seq, const struct procfs_file *file)
{
    for (int i = 0; i < 2000; i++) {
        seq_printf(seq, "line %d\n", i);
    }
    return 0;
}

static struct procfs_file files[] = {
    {.path = "long", .mode = 0444, .show = show_long},
    {.path = "sys/test/answer",
     .mode = 0644,
     .show = procfs_show_u32,
     .write = procfs_write_u32,
     .data = &answer},
    {.path = "sys/test/other", .mode = 0444, .show = procfs_show_u32, .data = &answer},
};

/* Two processes, 1 and 7; 7 has the threads 7 and 9. */
static pid_t self_group(void)
{
    return 7;
}

static pid_t self_thread(void)
{
    return 9;
}

static pid_t next_group(pid_t after)
{
    return after < 1 ? 1 : after < 7 && is_seven_there ? 7 : 0;
}

static pid_t next_thread(pid_t group, pid_t after)
{
    return after < group ? group : group == 7 && after < 9 ? 9 : 0;
}

static bool group_exists(pid_t group)
{
    return group == 1 || (group == 7 && is_seven_there);
}

static bool thread_exists(pid_t group, pid_t id)
{
    return group_exists(group) && (id == group || (group == 7 && id == 9));
}

static int owner(pid_t id, uid_t *uid, gid_t *gid)
{
    *uid = id == 1 ? 0 : 1000;
    *gid = *uid;
    return id == 1 || is_seven_there ? 0 : -ESRCH;
}

static int may_look(pid_t id)
{
    return id == 1 ? -EACCES : 0;
}

static int next_fd(pid_t id, int after)
{
    for (int fd = after + 1; fd < 8; fd++) {
        if (open_files[fd] != NULL) {
            return fd;
        }
    }
    return -1;
}

static int get_fd(pid_t id, int fd, struct file **file)
{
    if (fd >= 8 || open_files[fd] == NULL) {
        return -ENOENT;
    }
    *file = open_files[fd];
    file_get(*file);
    return 0;
}

static int show_status(struct seq *seq, pid_t id, bool is_group)
{
    seq_printf(seq, "id %d group %d\n", id, is_group);
    return 0;
}

static int follow_root(pid_t id, struct path *path)
{
    *path = world_root;
    path_get(path);
    return 0;
}

static const struct procfs_task_file task_files[] = {
    {.name = "status", .mode = 0444, .show = show_status}};
static const struct procfs_task_link task_links[] = {{.name = "root", .follow = follow_root}};
static const struct procfs_task_ops task_ops = {
    .self_group = self_group,
    .self_thread = self_thread,
    .next_group = next_group,
    .next_thread = next_thread,
    .group_exists = group_exists,
    .thread_exists = thread_exists,
    .owner = owner,
    .may_look = may_look,
    .next_fd = next_fd,
    .get_fd = get_fd,
    .files = task_files,
    .nr_files = 1,
    .links = task_links,
    .nr_links = 1,
};

static void expect_text(const char *name, const char *text)
{
    char bytes[4096] = "";
    struct file *file;

    assert_int_equal(do_open(name, O_RDONLY, &file), 0);
    assert_true(read_at(file, bytes, sizeof(bytes) - 1, 0) >= 0);
    assert_string_equal(bytes, text);
    file_put(file);
}

static void list(const char *name, struct world_listing *listing)
{
    struct file *dir;

    assert_int_equal(do_open(name, O_RDONLY | O_DIRECTORY, &dir), 0);
    assert_int_equal(list_names(dir, listing, 64), 0);
    file_put(dir);
}

static void text_is_made_whole_and_read_in_pieces(void **state)
{
    static char bytes[32768];
    static char expected[32768];
    struct file *file;
    size_t total = 0;
    size_t expected_len = 0;
    ssize_t nr;

    for (int i = 0; i < 2000; i++) {
        expected_len += (size_t)snprintf(expected + expected_len, 32, "line %d\n", i);
    }
    assert_int_equal(do_open("/proc/long", O_RDONLY, &file), 0);
    while ((nr = read_at(file, bytes + total, 777, total)) > 0) {
        total += (size_t)nr;
    }
    assert_int_equal(nr, 0);
    assert_int_equal(total, expected_len);
    assert_memory_equal(bytes, expected, total);
    file_put(file);
}

static void numbers_are_shown_and_set(void **state)
{
    struct world_listing listing;
    struct file *file;

    expect_text("/proc/sys/test/answer", "42\n");
    assert_int_equal(do_open("/proc/sys/test/answer", O_WRONLY | O_TRUNC, &file), 0);
    assert_int_equal(write_at(file, "17\n", 3, 0), 3);
    assert_int_equal(write_at(file, "x", 1, 0), -EINVAL);
    file_put(file);
    expect_text("/proc/sys/test/other", "17\n");
    list("/proc/sys/test", &listing);
    assert_int_equal(listing.nr, 4);
    assert_true(has_listed(&listing, "answer"));
    assert_int_equal(make("/proc/sys/test/new"), -EACCES);
    assert_int_equal(vfs_unlink(&world, "/proc/sys/test/other"), -EPERM);
}

static void processes_come_and_go(void **state)
{
    struct world_listing listing;
    struct file *file;
    struct kstat stat;
    char byte;

    list("/proc", &listing);
    assert_true(has_listed(&listing, "self"));
    assert_true(has_listed(&listing, "sys"));
    assert_true(has_listed(&listing, "meminfo"));
    assert_true(has_listed(&listing, "1"));
    assert_true(has_listed(&listing, "7"));
    expect_text("/proc/self/status", "id 7 group 1\n");
    expect_text("/proc/thread-self/status", "id 9 group 0\n");
    expect_text("/proc/7/task/9/status", "id 9 group 0\n");
    list("/proc/7/task", &listing);
    assert_int_equal(listing.nr, 4);
    assert_int_equal(look("/proc/7/status", &stat), 0);
    assert_int_equal(stat.uid, 1000);
    assert_int_equal(look("/proc/07", &stat), -ENOENT);
    assert_int_equal(look("/proc/8", &stat), -ENOENT);
    assert_int_equal(do_open("/proc/7/status", O_RDONLY, &file), 0);
    is_seven_there = false;
    assert_int_equal(look("/proc/7", &stat), -ENOENT);
    assert_int_equal(look("/proc/self/status", &stat), -ENOENT);
    (void)!read_at(file, &byte, 1, 0);
    file_put(file);
    is_seven_there = true;
}

static void expect_link(const char *name, const char *text)
{
    char buffer[64] = "";
    struct path path;
    ssize_t nr;

    assert_int_equal(path_walk(&world, name, 0, &path), 0);
    nr = vfs_readlink(&path, buffer, sizeof(buffer) - 1);
    assert_true(nr > 0);
    assert_string_equal(buffer, text);
    path_put(&path);
}

static void magic_links_lead_to_the_object_itself(void **state)
{
    struct world_listing listing;
    struct file *ends[2];
    struct file *file;
    struct kstat stat;
    char text[32];
    char byte = 0;

    assert_int_equal(do_open("/gone", O_CREAT | O_RDWR, &open_files[3]), 0);
    assert_int_equal(write_at(open_files[3], "g", 1, 0), 1);
    expect_link("/proc/self/fd/3", "/gone");
    assert_int_equal(vfs_unlink(&world, "/gone"), 0);
    expect_link("/proc/self/fd/3", "/gone (deleted)");
    assert_int_equal(do_open("/proc/self/fd/3", O_RDONLY, &file), 0);
    assert_int_equal(read_at(file, &byte, 1, 0), 1);
    assert_int_equal(byte, 'g');
    file_put(file);
    assert_int_equal(touch("/proc/self/fd/3", O_CREAT | O_WRONLY | O_TRUNC), 0);
    assert_int_equal(pipe_create(0, ends), 0);
    open_files[5] = ends[1];
    ksnprintf(text, sizeof(text), "pipe:[%llu]", (unsigned long long)ends[1]->inode->number);
    expect_link("/proc/self/fd/5", text);
    assert_int_equal(do_open("/proc/self/fd/5", O_WRONLY, &file), 0);
    assert_int_equal(write_at(file, "p", 1, 0), 1);
    file_put(file);
    list("/proc/self/fd", &listing);
    assert_int_equal(listing.nr, 4);
    assert_int_equal(look("/proc/self/fd/4", &stat), -ENOENT);
    assert_int_equal(look("/proc/1/fd/3", &stat), -EACCES);
    expect_link("/proc/self/root", "/");
    assert_int_equal(number_of("/proc/self/root/proc/.."), number_of("/"));
    file_put(open_files[3]);
    file_put(ends[0]);
    file_put(ends[1]);
    open_files[3] = open_files[5] = NULL;
}

static void mounts_and_memory_are_told(void **state)
{
    static char bytes[8192];
    struct file *file;

    assert_int_equal(do_open("/proc/mounts", O_RDONLY, &file), 0);
    assert_true(read_at(file, bytes, sizeof(bytes) - 1, 0) > 0);
    assert_non_null(strstr(bytes, "proc /proc proc rw"));
    file_put(file);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(do_open("/proc/meminfo", O_RDONLY, &file), 0);
    assert_true(read_at(file, bytes, sizeof(bytes) - 1, 0) > 0);
    assert_non_null(strstr(bytes, "MemAvailable:"));
    file_put(file);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(do_open("/proc/slabinfo", O_RDONLY, &file), 0);
    assert_true(read_at(file, bytes, sizeof(bytes) - 1, 0) > 0);
    assert_non_null(strstr(bytes, "dentry_cache"));
    file_put(file);
    assert_int_equal(do_open("/proc/sys/vm/drop_caches", O_WRONLY, &file), 0);
    assert_int_equal(write_at(file, "3\n", 2, 0), 2);
    assert_int_equal(write_at(file, "9\n", 2, 0), -EINVAL);
    file_put(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_made_whole_and_read_in_pieces),
        cmocka_unit_test(numbers_are_shown_and_set),
        cmocka_unit_test(processes_come_and_go),
        cmocka_unit_test(magic_links_lead_to_the_object_itself),
        cmocka_unit_test(mounts_and_memory_are_told),
    };

    world_begin(32ul << 20);
    procfs_init();
    for (size_t i = 0; i < array_size(files); i++) {
        procfs_register(&files[i]);
    }
    procfs_set_task_ops(&task_ops);
    if (vfs_mkdir(&world, "/proc", 0555) != 0 ||
        vfs_mount(&world, "proc", "/proc", "proc", 0, NULL) != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
