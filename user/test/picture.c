// SPDX-License-Identifier: MIT
/* What the kernel has in use: /proc/meminfo, /proc/buddyinfo, /proc/slabinfo. */
#include "picture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOOKS = 50, LOOK_MS = 100 };

static void settle(void)
{
    sync();
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
    if (fd >= 0) {
        (void)!write(fd, "3\n", 2);
        close(fd);
    }
}

static bool read_meminfo(struct picture *p)
{
    char line[256], key[64];
    long value;
    FILE *f = fopen("/proc/meminfo", "r");
    if (!f)
        return false;
    p->free_kb = 0;
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%63[^:]: %ld", key, &value) != 2)
            continue;
        if (!strcmp(key, "MemFree") || !strcmp(key, "Buffers") || !strcmp(key, "Cached"))
            p->free_kb += value;
    }
    fclose(f);
    return p->free_kb > 0;
}

static void read_buddyinfo(struct picture *p)
{
    char line[512];
    FILE *f = fopen("/proc/buddyinfo", "r");
    p->buddy_pages = -1;
    if (!f)
        return;
    p->buddy_pages = 0;
    while (fgets(line, sizeof(line), f)) {
        char *at = strstr(line, "zone");
        int order = 0, used = 0;
        long blocks;
        if (!at || sscanf(at, "zone %*s%n", &used) < 0 || used == 0)
            continue;
        for (at += used; sscanf(at, "%ld%n", &blocks, &used) == 1; at += used)
            p->buddy_pages += blocks << order++;
    }
    fclose(f);
}

static void read_slabinfo(struct picture *p)
{
    char line[512];
    FILE *f = fopen("/proc/slabinfo", "r");
    p->nr_caches = 0;
    if (!f)
        return;
    while (fgets(line, sizeof(line), f) && p->nr_caches < PICTURE_CACHES) {
        /* Magazines are the allocator's own: a hart that comes to a cache for the first time gets
         * two, and their number is bounded. */
        if (line[0] != '#' && strncmp(line, "slabinfo", 8) != 0 &&
            strncmp(line, "magazine-", 9) != 0 &&
            sscanf(line, "%47s %ld", p->caches[p->nr_caches].name, &p->caches[p->nr_caches].live) ==
                2)
            p->nr_caches++;
    }
    fclose(f);
}

void picture_take(struct picture *p)
{
    settle();
    if (!read_meminfo(p)) {
        fprintf(stderr, "cannot read /proc/meminfo\n");
        exit(2);
    }
    read_buddyinfo(p);
    read_slabinfo(p);
}

static long live_before(const struct picture *p, const char *name)
{
    for (int i = 0; i < p->nr_caches; i++) {
        if (!strcmp(p->caches[i].name, name))
            return p->caches[i].live;
    }
    return 0;
}

int picture_compare(const struct picture *before, const struct picture *after,
                    const struct picture_slack *slack, const char *who, int *checks)
{
    int leaks = 0;
    *checks = 1;
    if (before->free_kb - after->free_kb > slack->memory_kb) {
        leaks++;
        if (who)
            printf(
                "%s: FAIL memory: %ld KiB free before, %ld after: %ld KiB lost (tolerance %ld)\n",
                who, before->free_kb, after->free_kb, before->free_kb - after->free_kb,
                slack->memory_kb);
    }
    for (int i = 0; i < after->nr_caches; i++) {
        const char *name = after->caches[i].name;
        long was = live_before(before, name), is = after->caches[i].live;
        ++*checks;
        if (is - was <= slack->objects)
            continue;
        leaks++;
        if (who)
            printf("%s: FAIL cache %s: %ld live objects before, %ld after (tolerance %ld)\n", who,
                   name, was, is, slack->objects);
    }
    return leaks;
}

int picture_settle(const struct picture *before, struct picture *after,
                   const struct picture_slack *slack, const char *who, int *checks)
{
    for (int look = 0; look < LOOKS; look++) {
        struct timespec pause = {0, LOOK_MS * 1000000L};
        picture_take(after);
        if (picture_compare(before, after, slack, NULL, checks) == 0)
            break;
        nanosleep(&pause, NULL);
    }
    return picture_compare(before, after, slack, who, checks);
}
