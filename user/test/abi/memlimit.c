// SPDX-License-Identifier: MIT
/* Who may have how much memory, and who is to go first when there is none. */
#include "abi.h"

#include <sys/prctl.h>
#include <sys/resource.h>

static long read_number(const char *path)
{
    char text[64];

    read_file(path, text, sizeof(text));
    return strtol(text, NULL, 10);
}

/* Write a number to a file of /proc, in one call; the call's result. */
static long put_number(const char *path, const char *number)
{
    int fd = (int)OK(open(path, O_WRONLY));
    long got = write(fd, number, strlen(number));
    int err = errno;

    OK(close(fd));
    errno = err;
    return got;
}

/* ---- The out-of-memory killer ---------------------------------------------------------------- */

#define ADJ "/proc/self/oom_score_adj"

CASE(memlimit, oom_score_adj_is_kept_and_inherited)
{
    pid_t pid;

    OK(put_number(ADJ, "321\n"));
    EXPECT_EQ(read_number(ADJ), 321);
    EXPECT_EQ(read_number("/proc/self/oom_adj"), 321 * 17 / 1000);
    CHILD (pid) {
        EXPECT_EQ(read_number(ADJ), 321);
        OK(put_number(ADJ, "999"));
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(read_number(ADJ), 321);
}

CASE(memlimit, oom_score_adj_takes_only_its_range)
{
    EXPECT_ERR(put_number(ADJ, "1001"), EINVAL);
    EXPECT_ERR(put_number(ADJ, "-1001"), EINVAL);
    EXPECT_ERR(put_number(ADJ, "many"), EINVAL);
    EXPECT_ERR(put_number("/proc/self/oom_adj", "16"), EINVAL);
    OK(put_number(ADJ, "+1000"));
    EXPECT_EQ(read_number("/proc/self/oom_adj"), 15);
}

CASE(memlimit, oom_score_follows_the_adjustment)
{
    long before = read_number("/proc/self/oom_score");

    OK(put_number(ADJ, "600"));
    EXPECT(read_number("/proc/self/oom_score") >= before + 300);
}

CASE(memlimit, a_user_may_not_spare_himself)
{
    pid_t pid;

    NEED_ROOT();
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        OK(prctl(PR_SET_DUMPABLE, 1));
        OK(put_number(ADJ, "500"));
        EXPECT_ERR(put_number(ADJ, "-500"), EACCES);
        EXPECT_EQ(read_number(ADJ), 500);
    }
    EXPECT_EXIT(pid, 0);
}

/* ---- Promises ---------------------------------------------------------------------------------
 *
 * What depends on the rules of the whole machine is checked by /tests/promise; here is what is so on any
 * machine that guesses, whoever else is at work on it. */

#define RW (PROT_READ | PROT_WRITE)

static void need_guessing(void)
{
    if (read_number("/proc/sys/vm/overcommit_memory") != 0)
        SKIP("overcommit_memory is not 0");
}

static long meminfo_kib(const char *name)
{
    char text[8192];

    read_file("/proc/meminfo", text, sizeof(text));
    const char *found = strstr(text, name);
    EXPECT(found != NULL);
    return strtol(found + strlen(name), NULL, 10);
}

/* More than RAM and swap together. */
static size_t too_much(void)
{
    size_t kib = (size_t)(meminfo_kib("MemTotal:") + meminfo_kib("SwapTotal:"));

    return (kib / 2048 + 2) * 2048 * 1024;
}

CASE(memlimit, an_obvious_excess_is_refused)
{
    size_t len = too_much();

    need_guessing();
    EXPECT_ERR(mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    EXPECT_ERR(mmap(NULL, len, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), ENOMEM);
    OK(mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    OK(mmap(NULL, len, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    OK(mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

CASE(memlimit, excess_by_mprotect_and_mremap_is_refused)
{
    size_t len = too_much();
    char *reserved = map_anon(len, PROT_NONE, MAP_PRIVATE);
    char *small = map_anon(page_size(), RW, MAP_PRIVATE);

    need_guessing();
    EXPECT_ERR(mprotect(reserved, len, RW), ENOMEM);
    OK(mprotect(reserved, len, PROT_READ));
    OK(mprotect(reserved + len / 2, page_size(), RW));
    EXPECT_ERR(mremap(small, page_size(), len, MREMAP_MAYMOVE), ENOMEM);
    *small = 1;
    char *exempt = map_anon(len, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE);
    OK(mprotect(exempt, len, RW));
}

/* Others may ask for memory meanwhile: so it is a lot, and the bounds are wide. */
CASE(memlimit, committed_as_counts_what_is_mapped)
{
    enum { NR = 128 };
    size_t len = (size_t)64 << 20;
    long total = NR * (64l << 10), before = meminfo_kib("Committed_AS:"), with, after;
    char *maps[NR];

    need_guessing();
    for (int i = 0; i < NR; i++)
        maps[i] = map_anon(len, RW, MAP_PRIVATE);
    with = meminfo_kib("Committed_AS:");
    for (int i = 0; i < NR; i++)
        OK(munmap(maps[i], len));
    after = meminfo_kib("Committed_AS:");
    EXPECT(with - before > total * 3 / 4 && with - before < total * 5 / 4);
    EXPECT(with - after > total * 3 / 4 && with - after < total * 5 / 4);
}

CASE(memlimit, the_rules_take_only_what_they_know)
{
    long mode = read_number("/proc/sys/vm/overcommit_memory");

    NEED_ROOT();
    EXPECT_ERR(put_number("/proc/sys/vm/overcommit_memory", "3"), EINVAL);
    EXPECT_ERR(put_number("/proc/sys/vm/overcommit_memory", "-1"), EINVAL);
    EXPECT_ERR(put_number("/proc/sys/vm/overcommit_memory", "two"), EINVAL);
    EXPECT_ERR(put_number("/proc/sys/vm/overcommit_ratio", "half"), EINVAL);
    EXPECT_ERR(put_number("/proc/sys/vm/overcommit_kbytes", "much"), EINVAL);
    EXPECT_EQ(read_number("/proc/sys/vm/overcommit_memory"), mode);
}

/* ---- RLIMIT_DATA, RLIMIT_AS --------------------------------------------------------------------- */

static void limit_to(int which, rlim_t bytes)
{
    struct rlimit limit = {bytes, RLIM_INFINITY};

    OK(setrlimit(which, &limit));
}

#define MIB ((size_t)1 << 20)

CASE(memlimit, data_bounds_private_writable_memory)
{
    char *read_only = map_anon(4 * MIB, PROT_READ, MAP_PRIVATE);

    limit_to(RLIMIT_DATA, 64 * MIB);
    EXPECT_ERR(mmap(NULL, 64 * MIB, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    char *data = map_anon(32 * MIB, RW, MAP_PRIVATE);
    EXPECT_ERR(mmap(NULL, 32 * MIB, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    EXPECT_ERR(mremap(data, 32 * MIB, 64 * MIB, MREMAP_MAYMOVE), ENOMEM);
    map_anon(256 * MIB, PROT_READ, MAP_PRIVATE);
    map_anon(32 * MIB, RW, MAP_SHARED);
    map_anon(32 * MIB, RW, MAP_PRIVATE | MAP_GROWSDOWN);
    limit_to(RLIMIT_DATA, 1 * MIB);
    EXPECT_ERR(mprotect(read_only, 4 * MIB, RW), ENOMEM);
    OK(mprotect(data, 32 * MIB, RW)); /* it is data already */
    OK(mprotect(data, 32 * MIB, PROT_READ));
    EXPECT_ERR(mprotect(data, 32 * MIB, RW), ENOMEM);
    EXPECT_ERR(sbrk(1 << 20), ENOMEM);
    limit_to(RLIMIT_DATA, RLIM_INFINITY);
    OK(mprotect(read_only, 4 * MIB, RW));
}

CASE(memlimit, what_is_replaced_does_not_count)
{
    char *data = map_anon(32 * MIB, RW, MAP_PRIVATE);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

    limit_to(RLIMIT_DATA, 48 * MIB);
    limit_to(RLIMIT_AS, (rlim_t)read_number("/proc/self/statm") * page_size() + 8 * MIB);
    EXPECT_ERR(mmap(NULL, 16 * MIB, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    OK(mmap(data, 32 * MIB, RW, flags, -1, 0));
    OK(mmap(data, 32 * MIB, RW, flags, -1, 0));
}

CASE(memlimit, address_space_bounds_everything)
{
    char *data = map_anon(MIB, RW, MAP_PRIVATE);
    rlim_t size = (rlim_t)read_number("/proc/self/statm") * page_size();

    limit_to(RLIMIT_AS, size + 8 * MIB);
    EXPECT_ERR(mmap(NULL, 16 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    EXPECT_ERR(mmap(NULL, 16 * MIB, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), ENOMEM);
    EXPECT_ERR(mremap(data, MIB, 16 * MIB, MREMAP_MAYMOVE), ENOMEM);
    EXPECT_ERR(sbrk(16 << 20), ENOMEM);
    OK(mprotect(data, MIB, PROT_READ)); /* needs none */
    pid_t pid;
    CHILD (pid) {
        limit_to(RLIMIT_AS, 4096); /* fork is not asked, and the child lives with what it has */
        pid_t inner;
        CHILD (inner) {
        }
        EXPECT_EXIT(inner, 0);
    }
    EXPECT_EXIT(pid, 0);
}

static int use_stack(long bytes)
{
    volatile char block[16384];

    block[0] = (char)bytes;
    return bytes <= 0 ? block[0] : use_stack(bytes - (long)sizeof(block)) + block[0];
}

CASE(memlimit, the_number_of_mappings_is_bounded)
{
    long limit = read_number("/proc/sys/vm/max_map_count");
    size_t page = page_size();
    size_t len = (size_t)limit * page;
    char *p =
        OK_MAP(mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    long i = 0;

    /* Each page that differs from its neighbours splits the mapping in two more. */
    while (i < limit && mprotect(p + (size_t)i * page, page, PROT_READ) == 0)
        i += 2;
    EXPECT_EQ(errno, ENOMEM);
    EXPECT(i < limit && i > limit - 100);
    EXPECT_ERR(munmap(p + len - 4 * page, page), ENOMEM);
    OK(munmap(p + len - page, page)); /* the last is no split */
    OK(munmap(p, len));
    OK(munmap(OK_MAP(mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), len));
}

CASE(memlimit, a_stack_that_may_not_grow_is_a_segfault)
{
    struct rlimit no_core = {0, 0};
    pid_t pid;

    OK(setrlimit(RLIMIT_CORE, &no_core));
    CHILD (pid) {
        limit_to(RLIMIT_STACK, MIB);
        use_stack(MIB / 2);
        use_stack(2 * MIB);
    }
    EXPECT_KILLED(pid, SIGSEGV);
    CHILD (pid) {
        limit_to(RLIMIT_AS, (rlim_t)read_number("/proc/self/statm") * page_size() + MIB / 2);
        use_stack(2 * MIB);
    }
    EXPECT_KILLED(pid, SIGSEGV);
    CHILD (pid) {
        limit_to(RLIMIT_DATA, MIB); /* a stack is no data */
        use_stack(4 * MIB);
    }
    EXPECT_EXIT(pid, 0);
}
