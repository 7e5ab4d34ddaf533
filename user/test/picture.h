// SPDX-License-Identifier: MIT
/* What the kernel has in use, for tests that look for leaks: free memory and the live objects of
 * every slab cache, with dirty data written and caches dropped. */
#ifndef CAIRN_TEST_PICTURE_H
#define CAIRN_TEST_PICTURE_H

#include <stdbool.h>

enum { PICTURE_CACHES = 512, PICTURE_NAME = 48 };

struct picture {
    long free_kb;     /* MemFree + Buffers + Cached: what remains of clean cache is not leaked */
    long buddy_pages; /* -1 without /proc/buddyinfo */
    int nr_caches;
    struct {
        char name[PICTURE_NAME];
        long live;
    } caches[PICTURE_CACHES];
};

struct picture_slack {
    long memory_kb; /* what may be missing in all */
    long objects;   /* how many more may live in any one cache */
};

/* Take one. Ends the program when there is no /proc/meminfo. */
void picture_take(struct picture *p);

/* Compare two; `who` begins the lines that say what is wrong, NULL: say nothing. Returns the number
 * of leaks, and of checks in *checks. */
int picture_compare(const struct picture *before, const struct picture *after,
                    const struct picture_slack *slack, const char *who, int *checks);

/* Take `after` again and again until it shows no leak, or patience ends: freeing may lag behind.
 * Returns the number of leaks, which are named. */
int picture_settle(const struct picture *before, struct picture *after,
                   const struct picture_slack *slack, const char *who, int *checks);

#endif
