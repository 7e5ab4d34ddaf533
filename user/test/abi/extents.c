// SPDX-License-Identifier: MIT
/* Where the blocks of a file lie: FIEMAP, FIBMAP, FIGETBSZ; and FITRIM's refusals. */
#include "abi.h"
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#define UNIT (64 * 1024l)
#define ROOM 16

static struct fiemap *new_map(uint64_t start, uint64_t len, unsigned room)
{
    struct fiemap *map = calloc(1, sizeof(*map) + ROOM * sizeof(map->fm_extents[0]));
    EXPECT(map != NULL);
    map->fm_start = start;
    map->fm_length = len;
    map->fm_extent_count = room;
    map->fm_flags = FIEMAP_FLAG_SYNC;
    return map;
}

/* A file with data in units 0 and 2, and a hole between. */
static int open_with_hole(void)
{
    char *bytes = malloc(UNIT);
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0644));
    fill_pattern(bytes, UNIT, 1);
    EXPECT_EQ(pwrite(fd, bytes, UNIT, 0), UNIT);
    EXPECT_EQ(pwrite(fd, bytes, UNIT, 2 * UNIT), UNIT);
    OK(fsync(fd));
    free(bytes);
    struct fiemap *map = new_map(0, UINT64_MAX, 0);
    if (ioctl(fd, FS_IOC_FIEMAP, map) != 0 && (errno == EOPNOTSUPP || errno == ENOTTY))
        SKIP("this file system has no map of extents");
    free(map);
    return fd;
}

CASE(extents, cover_the_data_and_nothing_else)
{
    int fd = open_with_hole();
    struct fiemap *map = new_map(0, UINT64_MAX, ROOM);
    uint64_t covered = 0, end = 0;
    OK(ioctl(fd, FS_IOC_FIEMAP, map));
    EXPECT(map->fm_mapped_extents >= 2 && map->fm_mapped_extents < ROOM);
    for (unsigned i = 0; i < map->fm_mapped_extents; i++) {
        const struct fiemap_extent *extent = &map->fm_extents[i];
        EXPECT(extent->fe_logical >= end);
        end = extent->fe_logical + extent->fe_length;
        EXPECT(end <= (uint64_t)UNIT || extent->fe_logical >= 2 * (uint64_t)UNIT);
        covered += extent->fe_length;
        EXPECT_EQ(!!(extent->fe_flags & FIEMAP_EXTENT_LAST), i + 1 == map->fm_mapped_extents);
    }
    EXPECT_EQ(covered, 2 * UNIT);
}

CASE(extents, count_part_and_little_room)
{
    int fd = open_with_hole();
    struct fiemap *map = new_map(0, UINT64_MAX, 0);
    OK(ioctl(fd, FS_IOC_FIEMAP, map));
    unsigned all = map->fm_mapped_extents;
    EXPECT(all >= 2);
    map = new_map(0, UINT64_MAX, 1);
    OK(ioctl(fd, FS_IOC_FIEMAP, map));
    EXPECT_EQ(map->fm_mapped_extents, 1);
    EXPECT_EQ(map->fm_extents[0].fe_logical, 0);
    EXPECT_EQ(map->fm_extents[0].fe_flags & FIEMAP_EXTENT_LAST, 0);
    map = new_map(UNIT, UNIT, ROOM); /* the hole */
    OK(ioctl(fd, FS_IOC_FIEMAP, map));
    EXPECT_EQ(map->fm_mapped_extents, 0);
}

CASE(extents, bad_arguments)
{
    int fd = open_with_hole();
    struct fiemap *map = new_map(0, 0, ROOM);
    EXPECT_ERR(ioctl(fd, FS_IOC_FIEMAP, map), EINVAL);
    map = new_map(0, UINT64_MAX, ROOM);
    map->fm_flags = 0x40000000;
    EXPECT_ERR(ioctl(fd, FS_IOC_FIEMAP, map), EBADR);
    EXPECT_EQ(map->fm_flags, 0x40000000);
    map = new_map(0, UINT64_MAX, ROOM);
    map->fm_extent_count = UINT32_MAX;
    EXPECT_ERR(ioctl(fd, FS_IOC_FIEMAP, map), EINVAL);
    EXPECT_ERR(ioctl(fd, FS_IOC_FIEMAP, BAD), EFAULT);
}

CASE(extents, fibmap_agrees)
{
    int block_size = 0, block = 0;
    int fd = open_with_hole();
    NEED_ROOT();
    OK(ioctl(fd, FIGETBSZ, &block_size));
    EXPECT(block_size >= 512);
    struct fiemap *map = new_map(0, UINT64_MAX, ROOM);
    OK(ioctl(fd, FS_IOC_FIEMAP, map));
    if (ioctl(fd, FIBMAP, &block) != 0 && errno == EINVAL)
        SKIP("this file system has no FIBMAP");
    EXPECT_EQ((uint64_t)block * (uint64_t)block_size, map->fm_extents[0].fe_physical);
    block = (int)(UNIT / block_size); /* in the hole */
    OK(ioctl(fd, FIBMAP, &block));
    EXPECT_EQ(block, 0);
    block = -1;
    EXPECT_ERR(ioctl(fd, FIBMAP, &block), EINVAL);
    OK(chmod(".", 0777));
    OK(fchmod(fd, 0666));
    become_user(TEST_UID, TEST_GID);
    block = 0;
    EXPECT_ERR(ioctl(fd, FIBMAP, &block), EPERM);
}

CASE(extents, only_root_trims)
{
    struct fstrim_range range = {0, UINT64_MAX, 0};
    NEED_ROOT();
    OK(chmod(".", 0777));
    become_user(TEST_UID, TEST_GID);
    int fd = (int)OK(open(".", O_RDONLY));
    EXPECT(ioctl(fd, FITRIM, &range) == -1 && (errno == EPERM || errno == ENOTTY));
}
