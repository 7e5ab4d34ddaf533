// SPDX-License-Identifier: MIT
// fsmap: where the blocks of files lie on their disk, and how full each group of an ext file system is.
//
// A file's extents come from the kernel (FIEMAP). The groups are read from the disk itself: an ext file system keeps in
// a table behind its super block how many blocks and inodes of each group are free (docs/disks.md), and a mounted disk
// that is read shows what the kernel holds of it.
#include "user/lib/number.h"
#include "user/lib/tool.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const struct tool tool = {
    "fsmap", "[-l] [-w WIDTH] FILE… | -g [-w WIDTH] PATH…",
    "Draw where files lie on their disk (-l: list each extent), or, with -g, how full "
    "each group of their ext file system is.",
    0};

enum { MAX_WIDTH = 512, BATCH = 64 };

static unsigned width = 64;
static bool lists;

/* ---- Files ----------------------------------------------------------------------------------- */

struct picture {
    uint64_t disk_bytes;
    uint64_t filled[MAX_WIDTH]; // bytes of the file in each cell of the line
    uint64_t nr_extents, nr_bytes, first, end;
};

// Add a range of the disk to the cells that it touches.
static void draw(struct picture *picture, uint64_t start, uint64_t len)
{
    uint64_t cell_bytes = picture->disk_bytes / width + 1;

    while (len > 0) {
        uint64_t cell = start / cell_bytes;
        uint64_t part = (cell + 1) * cell_bytes - start;

        part = part < len ? part : len;
        picture->filled[cell < width ? cell : width - 1] += part;
        start += part;
        len -= part;
    }
}

static void take_extent(struct picture *picture, const struct fiemap_extent *extent)
{
    if (lists)
        printf("  %12llu .. %-12llu at %12llu  %llu bytes\n",
               (unsigned long long)extent->fe_logical,
               (unsigned long long)(extent->fe_logical + extent->fe_length - 1),
               (unsigned long long)extent->fe_physical, (unsigned long long)extent->fe_length);
    if (picture->nr_extents == 0 || extent->fe_physical < picture->first)
        picture->first = extent->fe_physical;
    if (extent->fe_physical + extent->fe_length > picture->end)
        picture->end = extent->fe_physical + extent->fe_length;
    picture->nr_extents++;
    picture->nr_bytes += extent->fe_length;
    draw(picture, extent->fe_physical, extent->fe_length);
}

static int take_all(int fd, struct picture *picture)
{
    struct fiemap *map = xcalloc(1, sizeof(*map) + BATCH * sizeof(map->fm_extents[0]));
    uint64_t start = 0;
    int result;

    do {
        memset(map, 0, sizeof(*map));
        map->fm_start = start;
        map->fm_length = UINT64_MAX - start;
        map->fm_extent_count = BATCH;
        map->fm_flags = FIEMAP_FLAG_SYNC;
        result = ioctl(fd, FS_IOC_FIEMAP, map);
        for (unsigned i = 0; result == 0 && i < map->fm_mapped_extents; i++) {
            take_extent(picture, &map->fm_extents[i]);
            start = map->fm_extents[i].fe_logical + map->fm_extents[i].fe_length;
        }
    } while (result == 0 && map->fm_mapped_extents == BATCH);
    free(map);
    return result;
}

static void put_line(const struct picture *picture)
{
    uint64_t cell_bytes = picture->disk_bytes / width + 1;

    printf("  [");
    for (unsigned i = 0; i < width; i++) {
        uint64_t filled = picture->filled[i];

        putchar(filled == 0 ? '.' : filled * 2 < cell_bytes ? '+' : '#');
    }
    printf("]\n");
}

static int map_file(const char *name)
{
    struct picture picture = {0};
    struct statvfs fs;
    char size[HUMAN_LEN];
    int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0 || fstatvfs(fd, &fs) != 0) {
        warn_errno("%s", name);
        return 1;
    }
    picture.disk_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
    printf("%s:\n", name);
    if (take_all(fd, &picture) != 0) {
        if (errno == EOPNOTSUPP || errno == ENOTTY)
            warn_text("%s: lies on no disk, or is no file", name);
        else
            warn_errno("%s", name);
        close(fd);
        return 1;
    }
    close(fd);
    printf("  %s in %llu extent%s", human_size(picture.nr_bytes, size),
           (unsigned long long)picture.nr_extents, picture.nr_extents == 1 ? "" : "s");
    if (picture.nr_extents != 0)
        printf(", blocks %llu .. %llu of %llu bytes",
               (unsigned long long)(picture.first / fs.f_bsize),
               (unsigned long long)(picture.end / fs.f_bsize - 1), (unsigned long long)fs.f_bsize);
    putchar('\n');
    put_line(&picture);
    return 0;
}

/* ---- Groups ---------------------------------------------------------------------------------- */

enum { // offsets in the super block, and in a group descriptor
    SUPER_BLOCKS = 4,
    SUPER_FIRST_BLOCK = 20,
    SUPER_LOG_BLOCK = 24,
    SUPER_PER_GROUP = 32,
    SUPER_INODES_PER_GROUP = 40,
    SUPER_MAGIC = 56,
    SUPER_INCOMPAT = 96,
    SUPER_GROUP_BYTES = 254,
    GROUP_FREE_BLOCKS = 12,
    GROUP_FREE_INODES = 14,
    GROUP_DIRS = 16,
    INCOMPAT_64BIT = 0x80,
};

static uint32_t get32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t get16(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

// The device of a path's ext file system, as the mount table tells; NULL if it tells none.
static char *find_device(const char *path)
{
    FILE *table = setmntent("/proc/self/mounts", "re");
    struct mntent *entry;
    struct stat st, at;
    char *device = NULL;

    if (!table)
        die_errno("/proc/self/mounts");
    if (stat(path, &st) != 0) {
        endmntent(table);
        return NULL;
    }
    while ((entry = getmntent(table))) {
        if (strncmp(entry->mnt_type, "ext", 3) == 0 && stat(entry->mnt_dir, &at) == 0 &&
            at.st_dev == st.st_dev) {
            const char *from = entry->mnt_fsname;
            size_t len = strlen(from) + sizeof("/dev/");

            free(device);
            device = xmalloc(len);
            snprintf(device, len, "%s%s", from[0] == '/' ? "" : "/dev/", from);
        }
    }
    endmntent(table);
    return device;
}

static void put_group(uint64_t number, uint64_t nr_blocks, const unsigned char *group,
                      uint32_t nr_inodes)
{
    uint64_t nr_free = get16(group + GROUP_FREE_BLOCKS);
    uint64_t used = nr_free > nr_blocks ? 0 : nr_blocks - nr_free;
    uint64_t filled = (used * width + nr_blocks - 1) / nr_blocks;

    printf("  %5llu [", (unsigned long long)number);
    for (unsigned i = 0; i < width; i++)
        putchar(i < filled ? '#' : '.');
    printf("] %3llu%%  %llu of %llu blocks free, %u of %u inodes, %u directories\n",
           (unsigned long long)(used * 100 / nr_blocks), (unsigned long long)nr_free,
           (unsigned long long)nr_blocks, get16(group + GROUP_FREE_INODES), nr_inodes,
           get16(group + GROUP_DIRS));
}

static int put_groups(int fd, const unsigned char *super)
{
    uint64_t block_bytes = 1024ull << get32(super + SUPER_LOG_BLOCK);
    uint64_t first = get32(super + SUPER_FIRST_BLOCK);
    uint64_t nr_blocks = get32(super + SUPER_BLOCKS) - first;
    uint64_t per_group = get32(super + SUPER_PER_GROUP);
    uint64_t group_bytes = get32(super + SUPER_INCOMPAT) & INCOMPAT_64BIT
                               ? get16(super + SUPER_GROUP_BYTES)
                               : 32;

    for (uint64_t i = 0; i * per_group < nr_blocks; i++) {
        unsigned char group[32];
        uint64_t left = nr_blocks - i * per_group;

        if (pread(fd, group, sizeof(group), (off_t)((first + 1) * block_bytes + i * group_bytes)) !=
            (ssize_t)sizeof(group))
            return -1;
        put_group(i, left < per_group ? left : per_group, group,
                  get32(super + SUPER_INODES_PER_GROUP));
    }
    return 0;
}

static int map_groups(const char *path)
{
    unsigned char super[1024];
    char *device = find_device(path);
    int status = 0;
    int fd;

    if (!device) {
        warn_text("%s: is on no ext file system that the mount table tells", path);
        return 1;
    }
    fd = open(device, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || pread(fd, super, sizeof(super), 1024) != (ssize_t)sizeof(super)) {
        warn_errno("%s", device);
        status = 1;
    } else if (get16(super + SUPER_MAGIC) != 0xef53 || get32(super + SUPER_LOG_BLOCK) > 6 ||
               get32(super + SUPER_PER_GROUP) == 0) {
        warn_text("%s: %s is no ext file system: it has no groups", path, device);
        status = 1;
    } else {
        printf("%s, %s:\n", path, device);
        if (put_groups(fd, super) != 0) {
            warn_errno("%s", device);
            status = 1;
        }
    }
    if (fd >= 0)
        close(fd);
    free(device);
    return status;
}

int main(int argc, char **argv)
{
    bool groups = false;
    int option, status = 0;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "glw:")) != -1) {
        uint64_t value;

        switch (option) {
        case 'g': groups = true; break;
        case 'l': lists = true; break;
        default:
            value = need_size(optarg, "width");
            if (value == 0 || value > MAX_WIDTH)
                die_text("%s: a width is 1 to %d", optarg, MAX_WIDTH);
            width = (unsigned)value;
            break;
        }
    }
    if (optind == argc)
        tool_usage();
    for (; optind < argc; optind++)
        status |= groups ? map_groups(argv[optind]) : map_file(argv[optind]);
    return tool_end(status);
}
