// SPDX-License-Identifier: MIT
/* Using a file system that may be damaged.
 *
 * First a walk: directories breadth first, each file read at its start, middle and end, each link
 * read and followed. A damaged tree can be without end (a directory below itself), so what is found
 * is kept in a table of fixed size, and the walk ends when that is full. Errors are counted, for
 * they are what damage should give.
 *
 * Then the changes: everything in the table is written, cut, made longer, linked, moved and
 * removed, and new names are made beside it. Nothing is expected of that but that each call
 * returns. */
#include "tools/storage/exercise.h"

#include <stdlib.h>

#include "fs/ext/ext.h"
#include "fs/fat/fat.h"
#include "fs/tmpfs/tmpfs.h"
#include "fs/vfs/file.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/base/assert.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/frames.h"
#include "mm/slab.h"
#include "tools/host/arena.h"

#define RAM_BYTES    (64ul << 20)
#define TOP          "/mnt"
#define MAX_PLACES   160u
#define MAX_PATH     400u
#define MAX_OF_A_DIR 48u /* its first names are looked at */
#define MAX_CHANGED  12u /* of each kind */
#define BUFFER_BYTES 9000u

struct place {
    char name[MAX_PATH];
    uint32_t mode;
    uint64_t size_bytes;
};

static struct path root;
static struct place places[MAX_PLACES];
static unsigned nr_places;
static uint8_t buffer[BUFFER_BYTES];

static struct walk_context *here(void)
{
    static struct walk_context context;

    context = (struct walk_context){.root = root, .cwd = root, .cred = &cred_kernel, .umask = 022};
    return &context;
}

void exercise_begin(void)
{
    struct frame_range ram = {host_arena(RAM_BYTES), RAM_BYTES};

    if (frames_init(&ram, 1, NULL, 0) != 0) {
        panic("exercise: no memory");
    }
    tmpfs_init();
    ext_register();
    fat_register();
    if (vfs_mount_root(NULL, "tmpfs", 0, &root) != 0 || vfs_mkdir(here(), TOP, 0755) != 0) {
        panic("exercise: no root");
    }
}

/* Damage or a disk that fails; other errors are a call's ordinary answers. */
static void note(struct exercise_result *result, int64_t answer)
{
    if (answer == -EUCLEAN || answer == -EIO) {
        result->nr_errors++;
        result->first_error = result->first_error != 0 ? result->first_error : (int)answer;
    }
}

/* ---- Walking --------------------------------------------------------------------------------- */

struct listing {
    struct dir_context context;
    const char *dir;
    unsigned nr; /* dots included */
    unsigned nr_kept;
    char names[MAX_OF_A_DIR][NAME_MAX + 1];
};

static bool take_name(struct dir_context *context, const struct dir_entry *entry)
{
    struct listing *listing = container_of(context, struct listing, context);
    bool is_dot = entry->name_len <= 2 && entry->name[0] == '.' &&
                  entry->name[entry->name_len - 1] == '.';

    listing->nr++;
    if (!is_dot && listing->nr_kept < MAX_OF_A_DIR) {
        strlcpy(listing->names[listing->nr_kept++], entry->name, entry->name_len + 1ul);
    }
    return true;
}

static void add_place(const char *dir, const char *name, struct exercise_result *result)
{
    struct place *place = &places[nr_places];
    struct kstat stat;
    struct path path;
    int error;

    result->nr_names++;
    if (nr_places == MAX_PLACES || strlen(dir) + strlen(name) + 2 > MAX_PATH) {
        return;
    }
    ksnprintf(place->name, sizeof(place->name), "%s/%s", dir, name);
    error = path_walk(here(), place->name, 0, &path);
    if (error == 0) {
        error = vfs_stat(&path, &stat);
        path_put(&path);
    }
    note(result, error);
    if (error == 0) {
        place->mode = stat.mode;
        place->size_bytes = stat.size_bytes;
        nr_places++;
    }
}

static void list_dir(const char *name, struct exercise_result *result)
{
    static struct listing listing;
    struct file *file;
    int error = vfs_open(here(), name, O_RDONLY | O_DIRECTORY, 0, &file);

    note(result, error);
    if (error != 0) {
        return;
    }
    memset(&listing, 0, sizeof(listing));
    listing.context.emit = take_name;
    error = vfs_readdir(file, &listing.context);
    file_put(file);
    note(result, error);
    if (error == 0 && listing.nr == 0) {
        result->has_silent_directory = true;
    }
    if (strcmp(name, TOP) == 0) {
        result->nr_root_names = listing.nr;
    }
    for (unsigned i = 0; i < listing.nr_kept; i++) {
        add_place(name, listing.names[i], result);
    }
}

static ssize_t transfer(struct file *file, size_t len, uint64_t position, bool is_write)
{
    struct iter iter;

    iter_init_kernel(&iter, buffer, len);
    return is_write ? vfs_write(file, &iter, &position) : vfs_read(file, &iter, &position);
}

static void read_file(const struct place *place, struct exercise_result *result)
{
    uint64_t starts[] = {0, place->size_bytes / 2,
                         place->size_bytes > BUFFER_BYTES ? place->size_bytes - BUFFER_BYTES : 0};
    struct file *file;
    int error = vfs_open(here(), place->name, O_RDONLY, 0, &file);

    note(result, error);
    if (error != 0) {
        return;
    }
    for (unsigned i = 0; i < array_size(starts); i++) {
        note(result, transfer(file, sizeof(buffer), starts[i], false));
    }
    file_put(file);
}

static void read_link(const struct place *place, struct exercise_result *result)
{
    struct path path;
    int error = path_walk(here(), place->name, 0, &path);

    note(result, error);
    if (error == 0) {
        note(result, vfs_readlink(&path, (char *)buffer, sizeof(buffer)));
        path_put(&path);
        error = path_walk(here(), place->name, WALK_FOLLOW, &path);
        note(result, error);
        if (error == 0) {
            path_put(&path);
        }
    }
}

static bool is_type(const struct place *place, uint32_t type)
{
    return (place->mode & S_IFMT) == type;
}

static void walk(struct exercise_result *result)
{
    nr_places = 0;
    list_dir(TOP, result);
    for (unsigned i = 0; i < nr_places; i++) { /* it grows meanwhile */
        if (is_type(&places[i], S_IFDIR)) {
            list_dir(places[i].name, result);
        } else if (is_type(&places[i], S_IFREG)) {
            read_file(&places[i], result);
        } else if (is_type(&places[i], S_IFLNK)) {
            read_link(&places[i], result);
        }
    }
}

/* ---- Changing -------------------------------------------------------------------------------- */

static void change_file(const struct place *place, unsigned turn)
{
    struct file *file;

    if (vfs_open(here(), place->name, O_RDWR, 0, &file) != 0) {
        return;
    }
    (void)!transfer(file, 3000, 0, true);
    (void)!transfer(file, 100, place->size_bytes / 2, true);
    (void)!transfer(file, sizeof(buffer), place->size_bytes, true);
    (void)!transfer(file, 1, place->size_bytes + 300000, true);
    (void)!vfs_fsync(file, 0, UINT64_MAX, turn % 2 == 0);
    (void)!vfs_truncate_file(file, place->size_bytes / 3);
    (void)!vfs_truncate_file(file, place->size_bytes + 20000);
    (void)!transfer(file, sizeof(buffer), place->size_bytes / 3, false);
    file_put(file);
}

static void new_file(const char *name)
{
    struct file *file;

    if (vfs_open(here(), name, O_CREAT | O_RDWR, 0644, &file) == 0) {
        (void)!transfer(file, sizeof(buffer), 0, true);
        file_put(file);
    }
}

static void link_to(const char *old_name, const char *new_name)
{
    struct path path;

    if (path_walk(here(), old_name, 0, &path) == 0) {
        (void)!vfs_link(&path, here(), new_name);
        path_put(&path);
    }
}

/* New names in a directory, and some of them gone again. */
static void change_dir(const char *dir)
{
    char one[MAX_PATH + 40], two[MAX_PATH + 40];

    ksnprintf(one, sizeof(one), "%s/a new file with a long name", dir);
    new_file(one);
    ksnprintf(two, sizeof(two), "%s/second", dir);
    link_to(one, two);
    (void)!vfs_rename(here(), one, here(), two, 0);
    ksnprintf(two, sizeof(two), "%s/new directory", dir);
    (void)!vfs_mkdir(here(), two, 0755);
    ksnprintf(one, sizeof(one), "%s/new directory/inside", dir);
    new_file(one);
    (void)!vfs_rmdir(here(), two);
    ksnprintf(two, sizeof(two), "%s/link", dir);
    (void)!vfs_symlink(here(), one, two);
    ksnprintf(two, sizeof(two), "%s/link", TOP);
    (void)!vfs_rename(here(), one, here(), two, 0);
}

static void remove_some(void)
{
    for (unsigned i = nr_places; i-- > 0;) { /* what lies deeper first */
        char other[MAX_PATH];

        ksnprintf(other, sizeof(other), "%s/moved%u", TOP, i);
        if (i % 3 == 0) {
            (void)!vfs_rename(here(), places[i].name, here(), other, 0);
        } else if (is_type(&places[i], S_IFDIR)) {
            (void)!vfs_rmdir(here(), places[i].name);
        } else {
            (void)!vfs_unlink(here(), places[i].name);
        }
    }
    if (nr_places >= 2) {
        (void)!vfs_rename(here(), places[0].name, here(), places[1].name, 0);
        (void)!vfs_rename(here(), places[0].name, here(), places[nr_places - 1].name, 2);
    }
}

static void look_at_space(void)
{
    struct super_stats stats;
    uint32_t flags;
    struct path path;

    if (path_walk(here(), TOP, 0, &path) == 0) {
        (void)!vfs_statfs(&path, &stats, &flags);
        path_put(&path);
    }
}

static void change_all(void)
{
    unsigned nr_files = 0, nr_dirs = 0;

    for (unsigned i = 0; i < nr_places; i++) {
        if (is_type(&places[i], S_IFREG) && nr_files < MAX_CHANGED) {
            change_file(&places[i], nr_files++);
        } else if (is_type(&places[i], S_IFDIR) && nr_dirs < MAX_CHANGED) {
            change_dir(places[i].name);
            nr_dirs++;
        }
    }
    change_dir(TOP);
    vfs_drop_caches(3);
    remove_some();
    look_at_space();
    vfs_sync_all();
}

/* ---- An image -------------------------------------------------------------------------------- */

static int mount_top(struct host_disk *disk, const char *type, uint32_t flags)
{
    return vfs_mount(here(), disk->device.name, TOP, type, flags, "");
}

void exercise_image(struct host_disk *disk, const char *type, bool may_write,
                    struct exercise_result *result)
{
    *result = (struct exercise_result){
        .mount_error = mount_top(disk, type, may_write ? 0 : SUPER_RDONLY),
    };
    if (result->mount_error != 0) {
        return;
    }
    walk(result);
    if (may_write) {
        change_all();
    }
    result->unmount_error = vfs_umount(here(), TOP, 0);
    if (may_write && mount_top(disk, type, SUPER_RDONLY) == 0) {
        struct exercise_result after = {0};

        walk(&after);
        (void)!vfs_umount(here(), TOP, 0);
    }
}

static void fill_file(const char *name, uint64_t len_bytes)
{
    struct file *file;

    if (vfs_open(here(), name, O_CREAT | O_RDWR, 0644, &file) != 0) {
        panic("exercise: %s cannot be made", name);
    }
    for (uint64_t at = 0; at < len_bytes; at += BUFFER_BYTES) {
        memset(buffer, (int)(1 + at / BUFFER_BYTES), sizeof(buffer));
        (void)!transfer(file, (size_t)min_of(len_bytes - at, (uint64_t)BUFFER_BYTES), at, true);
    }
    file_put(file);
}

/* Something of everything: long files, several directories, links, holes. */
static void fill_top(void)
{
    char name[64];

    (void)!vfs_mkdir(here(), TOP "/dir", 0755);
    (void)!vfs_mkdir(here(), TOP "/dir/below", 0755);
    (void)!vfs_mkdir(here(), TOP "/another directory", 0755);
    fill_file(TOP "/dir/long file", 300 << 10);
    fill_file(TOP "/short", 100);
    fill_file(TOP "/dir/below/A Name of Two Slots.text", 20000);
    (void)!vfs_symlink(here(), "dir/long file", TOP "/link");
    (void)!vfs_symlink(
        here(),
        "a target that is too long to be kept inside the inode, and so has a block of its own",
        TOP "/long link");
    for (unsigned i = 0; i < 12; i++) {
        ksnprintf(name, sizeof(name), TOP "/another directory/file %u", i);
        fill_file(name, i * 700);
    }
    (void)!vfs_unlink(here(), TOP "/another directory/file 3");
    link_to(TOP "/short", TOP "/dir/second name");
}

void exercise_fill(struct host_disk *disk, const char *type, bool is_crashed)
{
    size_t size = disk->device.nr_sectors * SECTOR_SIZE;
    uint8_t *crashed = is_crashed ? malloc(size) : NULL;

    if (mount_top(disk, type, 0) != 0 || (is_crashed && crashed == NULL)) {
        panic("exercise: the sound image cannot be mounted");
    }
    fill_top();
    vfs_sync_all();
    if (is_crashed) {
        memcpy(crashed, disk->bytes, size);
    }
    if (vfs_umount(here(), TOP, 0) != 0) {
        panic("exercise: the sound image cannot be unmounted");
    }
    host_disk_forget_cache(disk);
    if (is_crashed) {
        memcpy(disk->bytes, crashed, size);
        free(crashed);
    }
}

/* The allocator's own magazines come and go as it likes. */
static void add_active(const struct slab_stats *stats, void *arg)
{
    if (strncmp(stats->name, "magazine", 8) != 0 && strncmp(stats->name, "slab-", 5) != 0) {
        *(uint64_t *)arg += stats->nr_active;
    }
}

uint64_t exercise_nr_objects(void)
{
    uint64_t nr = 0;

    vfs_drop_caches(3);
    slab_for_each(add_active, &nr);
    return nr;
}
