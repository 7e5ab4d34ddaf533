// SPDX-License-Identifier: MIT
/* Locking memory: what is counted, what is refused and how, and that the pages are there. */
#include "abi.h"

#include <sys/resource.h>

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1u
#endif
#define MCL_ON_FAULT 4
#define RW           (PROT_READ | PROT_WRITE)

static long mlock2_raw(void *start, size_t len, unsigned flags)
{
    return syscall(SYS_mlock2, start, len, flags);
}

/* VmLck of this process, in pages. */
static long nr_locked(void)
{
    char text[8192];

    read_file("/proc/self/status", text, sizeof(text));
    const char *found = strstr(text, "VmLck:");
    EXPECT(found != NULL);
    return strtol(found + 6, NULL, 10) * 1024 / (long)page_size();
}

static int nr_resident(void *start, int nr)
{
    unsigned char is_there[64];
    int sum = 0;

    OK(mincore(start, (size_t)nr * page_size(), is_there));
    for (int i = 0; i < nr; i++)
        sum += is_there[i] & 1;
    return sum;
}

/* What of an area's smaps entry stands behind `name`, in KiB. */
static long smaps_kib(void *start, const char *name)
{
    static char text[1 << 18];
    char line[32];

    read_file("/proc/self/smaps", text, sizeof(text));
    snprintf(line, sizeof(line), "%08lx-", (unsigned long)start);
    const char *entry = strstr(text, line);
    EXPECT(entry != NULL);
    const char *found = strstr(entry, name);
    EXPECT(found != NULL);
    return strtol(found + strlen(name), NULL, 10);
}

static char *map_small(int nr)
{
    char *p = map_anon((size_t)nr * page_size(), RW, MAP_PRIVATE);

    (void)madvise(p, (size_t)nr * page_size(), MADV_NOHUGEPAGE);
    return p;
}

CASE(mlock, locks_whole_pages_and_brings_them_in)
{
    size_t page = page_size();
    char *p = map_small(8);

    OK(mlock(p + page + 1, 2 * page)); /* touches three */
    EXPECT_EQ(nr_locked(), 3);
    EXPECT_EQ(nr_resident(p, 8), 3);
    EXPECT_EQ(smaps_kib(p + page, "Locked:"), 3 * (long)page / 1024);
    OK(mlock(p + page, page)); /* no lock counts twice */
    EXPECT_EQ(nr_locked(), 3);
    OK(munlock(p + 2 * page, page));
    EXPECT_EQ(nr_locked(), 2);
    OK(munmap(p, 2 * page));
    EXPECT_EQ(nr_locked(), 1);
    OK(munlock(p + 2 * page, 6 * page));
    EXPECT_EQ(nr_locked(), 0);
    OK(mlock(p + 2 * page, 0));
    EXPECT_EQ(nr_locked(), 0);
}

/* Mlocked of the whole machine, in pages. */
static long nr_locked_by_all(void)
{
    char text[8192];

    read_file("/proc/meminfo", text, sizeof(text));
    const char *found = strstr(text, "Mlocked:");
    EXPECT(found != NULL);
    return strtol(found + 8, NULL, 10) * 1024 / (long)page_size();
}

/* Others may lock a few pages meanwhile, and Linux counts in batches. */
CASE(mlock, the_machine_counts_what_is_locked)
{
    const long nr = 1024, few = 128;
    size_t len = (size_t)nr * page_size();
    long before = nr_locked_by_all();
    pid_t pid;
    char *p;

    CHILD (pid) {
        p = map_small((int)nr);
        OK(mlock(p, len));
        long now = nr_locked_by_all() - before;
        EXPECT(now >= nr - few && now <= nr + few);
        OK(munlock(p, len / 2));
        now = nr_locked_by_all() - before;
        EXPECT(now >= nr / 2 - few && now <= nr / 2 + few);
    } /* what a process had locked ends with it */
    EXPECT_EXIT(pid, 0);
    EXPECT(labs(nr_locked_by_all() - before) <= few);
}

CASE(mlock, on_fault_waits_for_the_fault)
{
    size_t page = page_size();
    char *p = map_small(8);

    OK(mlock2_raw(p, 4 * page, MLOCK_ONFAULT));
    EXPECT_EQ(nr_locked(), 4);
    EXPECT_EQ(nr_resident(p, 8), 0);
    p[page] = 1;
    EXPECT_EQ(nr_resident(p, 8), 1);
    OK(mlock2_raw(p, 4 * page, 0));
    EXPECT_EQ(nr_resident(p, 8), 4);
    EXPECT_EQ(nr_locked(), 4);
    EXPECT_ERR(mlock2_raw(p, page, 2), EINVAL);
}

CASE(mlock, gaps_and_senseless_ranges_are_refused)
{
    size_t page = page_size();
    char *p = map_small(8);

    OK(munmap(p + 2 * page, page));
    EXPECT_ERR(mlock(p, 4 * page), ENOMEM);
    EXPECT_EQ(nr_locked(), 2); /* what lies before the gap */
    EXPECT_ERR(munlock(p, 4 * page), ENOMEM);
    EXPECT_EQ(nr_locked(), 0);
    EXPECT_ERR(mlock(p + 2 * page, page), ENOMEM);
    EXPECT_ERR(munlock(p + page, (size_t)0 - 4 * page), EINVAL);
    OK(mprotect(p, page, PROT_NONE));
    EXPECT_ERR(mlock(p, page), ENOMEM); /* cannot be brought in, and yet: */
    EXPECT_EQ(nr_locked(), 1);
}

CASE(mlock, the_limit_is_kept)
{
    size_t page = page_size();
    struct rlimit limit = {4 * page, 4 * page};
    struct rlimit none = {0, 0};
    pid_t pid;

    NEED_ROOT();
    CHILD (pid) {
        char *p = map_small(16);
        OK(setrlimit(RLIMIT_MEMLOCK, &limit));
        OK(mlock(p, 8 * page)); /* the superuser is not asked */
        OK(munlock(p, 8 * page));
        become_user(TEST_UID, TEST_GID);
        EXPECT_ERR(mlock(p, 5 * page), ENOMEM);
        OK(mlock(p, 3 * page));
        OK(mlock(p, 4 * page)); /* three of them are locked already */
        EXPECT_ERR(mlock(p + 4 * page, page), ENOMEM);
        EXPECT_ERR(mmap(NULL, page, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0), EAGAIN);
        EXPECT_ERR(mremap(p, 4 * page, 20 * page, MREMAP_MAYMOVE), EAGAIN);
        EXPECT_ERR(mlockall(MCL_CURRENT), ENOMEM);
        OK(mlockall(MCL_FUTURE));
        EXPECT_ERR(mmap(NULL, page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EAGAIN);
        OK(munlockall());
        EXPECT_EQ(nr_locked(), 0);
        OK(munmap(map_small(1), page));
        OK(setrlimit(RLIMIT_MEMLOCK, &none));
        EXPECT_ERR(mlock(p, page), EPERM);
        EXPECT_ERR(mlockall(MCL_CURRENT), EPERM);
        EXPECT_ERR(mmap(NULL, page, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0), EPERM);
        OK(munlock(p, page));
        OK(munlockall());
    }
    EXPECT_EXIT(pid, 0);
}

CASE(mlock, all_means_what_is_there_and_what_will_be)
{
    size_t page = page_size();
    char *p = map_small(4);

    EXPECT_ERR(mlockall(0), EINVAL);
    EXPECT_ERR(mlockall(MCL_ON_FAULT), EINVAL);
    EXPECT_ERR(mlockall(8), EINVAL);
    NEED_ROOT();
    OK(mlockall(MCL_FUTURE));
    EXPECT_EQ(nr_locked(), 0);
    char *later = map_anon(4 * page, RW, MAP_PRIVATE);
    EXPECT_EQ(nr_locked(), 4);
    EXPECT_EQ(nr_resident(later, 4), 4);
    char *grown = mremap(later, 4 * page, 6 * page, MREMAP_MAYMOVE);
    EXPECT(grown != MAP_FAILED);
    EXPECT_EQ(nr_resident(grown, 6), 6);
    OK(mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ON_FAULT));
    EXPECT(nr_locked() > 20);
    EXPECT_EQ(nr_resident(p, 4), 0);
    later = map_anon(4 * page, RW, MAP_PRIVATE);
    EXPECT_EQ(nr_resident(later, 4), 0);
    OK(munlockall());
    EXPECT_EQ(nr_locked(), 0);
}

CASE(mlock, a_child_and_a_new_program_begin_without)
{
    size_t page = page_size();
    char *p = map_small(4);
    pid_t pid;

    OK(mlock(p, 4 * page));
    CHILD (pid) {
        EXPECT_EQ(nr_locked(), 0);
        OK(mlock(p, page));
        EXPECT_EQ(nr_locked(), 1);
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(nr_locked(), 4);
}

CASE(mlock, locked_pages_are_not_dropped)
{
    size_t page = page_size();
    char *p = map_small(4);

    OK(mlock(p, 4 * page));
    p[0] = 5;
    EXPECT_ERR(madvise(p, 4 * page, MADV_DONTNEED), EINVAL);
    EXPECT_ERR(madvise(p, 4 * page, MADV_FREE), EINVAL);
    EXPECT_ERR(msync(p, 4 * page, MS_INVALIDATE), EBUSY);
    EXPECT_EQ(p[0], 5);
    EXPECT_EQ(nr_resident(p, 4), 4);
    OK(munlock(p, 4 * page));
    OK(madvise(p, 4 * page, MADV_DONTNEED));
    EXPECT_EQ(p[0], 0);
}

CASE(mlock, map_locked_is_locked_and_there)
{
    size_t page = page_size();
    char *p = map_anon(4 * page, RW, MAP_PRIVATE | MAP_LOCKED);

    EXPECT_EQ(nr_locked(), 4);
    EXPECT_EQ(nr_resident(p, 4), 4);
    EXPECT_EQ(smaps_kib(p, "Locked:"), 4 * (long)page / 1024);
}
