// SPDX-License-Identifier: MIT
/* What /proc tells about memory, of a process and of the machine. */
#include "abi.h"

#include <sys/prctl.h>

static char text[1 << 17];

static const char *slurp(const char *path)
{
    read_file(path, text, sizeof(text));
    return text;
}

/* The number after `key` at the start of a line from `from` on. */
static long long value_after(const char *from, const char *key)
{
    for (const char *line = from; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, key, strlen(key)))
            return strtoll(line + strlen(key), NULL, 10);
    }
    FAIL("no line %s", key);
}

/* Where the entry of the area at an address begins in maps or smaps. */
static const char *entry_of(const void *address)
{
    char start[32];
    snprintf(start, sizeof(start), "\n%08lx-", (unsigned long)address);
    const char *found = strstr(text, start);
    if (!found)
        FAIL("no area begins at %p", address);
    return found + 1;
}

CASE(procmem, maps_lines_have_linuxs_columns)
{
    char *anon = map_anon(page_size(), PROT_READ, MAP_PRIVATE);
    char want[128];
    OK(mprotect(anon, page_size(), PROT_NONE)); /* joins with nothing */
    slurp("/proc/self/maps");
    snprintf(want, sizeof(want), "%08lx-%08lx ---p 00000000 00:00 0 \n", (unsigned long)anon,
             (unsigned long)anon + page_size());
    EXPECT(!strncmp(entry_of(anon), want, strlen(want)));
    const char *stack = strstr(text, "[stack]");
    EXPECT(stack != NULL);
    const char *line = stack;
    while (line > text && line[-1] != '\n')
        line--;
    EXPECT_EQ(stack - line, 73);
}

CASE(procmem, smaps_counts_what_is_touched)
{
    size_t page = page_size();
    char *p = map_anon(16 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    OK(mprotect(p, page, PROT_READ)); /* areas of their own */
    OK(madvise(p, 16 * page, MADV_NOHUGEPAGE) == 0 || errno == EINVAL ? 0 : -1);
    for (int i = 1; i < 6; i++)
        p[i * (long)page] = 1;
    long long kb = (long long)page / 1024;
    slurp("/proc/self/smaps");
    const char *area = entry_of(p + page);
    EXPECT_EQ(value_after(area, "Size:"), 15 * kb);
    EXPECT_EQ(value_after(area, "Rss:"), 5 * kb);
    EXPECT_EQ(value_after(area, "Pss:"), 5 * kb);
    EXPECT_EQ(value_after(area, "Private_Dirty:"), 5 * kb);
    EXPECT_EQ(value_after(area, "Shared_Clean:") + value_after(area, "Shared_Dirty:") +
                  value_after(area, "Private_Clean:"),
              0);
    EXPECT_EQ(value_after(area, "Anonymous:"), 5 * kb);
    EXPECT_EQ(value_after(area, "Swap:"), 0);
    EXPECT_EQ(value_after(entry_of(p), "Rss:"), 0);
}

CASE(procmem, smaps_shares_pages_among_those_who_map_them)
{
    size_t page = page_size();
    long long kb = (long long)page / 1024;
    char *p = map_anon(8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    struct gate g, ready;
    pid_t pid;
    memset(p, 1, 8 * page);
    gate_init(&g);
    gate_init(&ready);
    CHILD (pid) {
        p[0] = 2; /* its own copy */
        gate_open(&ready);
        gate_wait(&g);
    }
    gate_wait(&ready);
    OK(mprotect(p + 7 * page, page, PROT_NONE)); /* an end */
    slurp("/proc/self/smaps");
    const char *area = entry_of(p);
    EXPECT_EQ(value_after(area, "Rss:"), 7 * kb);
    EXPECT_EQ(value_after(area, "Pss:"), (1 * kb * 2 + 6 * kb) / 2);
    EXPECT_EQ(value_after(area, "Shared_Dirty:"), 6 * kb);
    EXPECT_EQ(value_after(area, "Private_Dirty:"), 1 * kb);
    gate_open(&g);
    EXPECT_EXIT(pid, 0);
}

/* Rss and Anonymous over all areas. */
static void sum_smaps(long long *rss, long long *anon)
{
    *rss = *anon = 0;
    slurp("/proc/self/smaps");
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        *rss += strncmp(line, "Rss:", 4) ? 0 : strtoll(line + 4, NULL, 10);
        *anon += strncmp(line, "Anonymous:", 10) ? 0 : strtoll(line + 10, NULL, 10);
    }
}

CASE(procmem, smaps_rollup_is_the_sum)
{
    long long rss, anon;
    for (int i = 0; i < 2; i++) { /* the first time, reading itself touches pages */
        sum_smaps(&rss, &anon);
        slurp("/proc/self/smaps_rollup");
    }
    EXPECT(strstr(text, " ---p 00000000 00:00 0 ") != NULL);
    EXPECT(strstr(text, " [rollup]\nRss: ") != NULL);
    EXPECT_EQ(value_after(text, "Anonymous:"), anon);
    EXPECT_EQ(value_after(text, "Rss:"), rss);
    EXPECT(value_after(text, "Pss:") <= value_after(text, "Rss:"));
    EXPECT(llabs(value_after(text, "Pss_Anon:") + value_after(text, "Pss_File:") +
                 value_after(text, "Pss_Shmem:") - value_after(text, "Pss:")) <= 2);
}

#define PRESENT   (1ull << 63)
#define FILE_PAGE (1ull << 61)
#define EXCLUSIVE (1ull << 56)
#define FRAME     ((1ull << 55) - 1)

static uint64_t pagemap_of(int fd, const void *address)
{
    uint64_t entry = 0;
    EXPECT_EQ(pread(fd, &entry, 8, (off_t)((uintptr_t)address / page_size() * 8)), 8);
    return entry;
}

CASE(procmem, pagemap_tells_what_is_there)
{
    size_t page = page_size();
    char *p = map_anon(4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    char *file;
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(ftruncate(fd, (off_t)page));
    file = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT(file != MAP_FAILED);
    p[0] = p[2 * page] = file[0] = 1;
    int map = (int)OK(open("/proc/self/pagemap", O_RDONLY));
    uint64_t first = pagemap_of(map, p), third = pagemap_of(map, p + 2 * page);
    EXPECT((first & PRESENT) && (third & PRESENT));
    EXPECT((first & EXCLUSIVE) && !(first & FILE_PAGE));
    EXPECT(!(pagemap_of(map, p + page) & PRESENT));
    EXPECT_EQ(pagemap_of(map, p + page), 0);
    EXPECT((pagemap_of(map, file) & (PRESENT | FILE_PAGE)) == (PRESENT | FILE_PAGE));
    if (geteuid() == 0)
        EXPECT((first & FRAME) != 0 && (first & FRAME) != (third & FRAME));
    uint64_t all[4];
    EXPECT_EQ(pread(map, all, sizeof(all), (off_t)((uintptr_t)p / page * 8)), 32);
    EXPECT(all[0] == first && all[1] == 0 && all[2] == third);
    OK(close(fd));
}

CASE(procmem, pagemap_has_words_only)
{
    char buf[16];
    void *volatile nowhere = (void *)8;
    int fd = (int)OK(open("/proc/self/pagemap", O_RDONLY));
    EXPECT_ERR(pread(fd, buf, 7, 0), EINVAL);
    EXPECT_ERR(pread(fd, buf, 8, 4), EINVAL);
    EXPECT_EQ(pread(fd, buf, 8, 1ll << 56), 0); /* behind the last page */
    EXPECT_EQ(pread(fd, buf, 16, 0), 16);
    EXPECT_ERR(pread(fd, nowhere, 8, 0), EFAULT);
}

CASE(procmem, pagemap_hides_frames_from_others_than_root)
{
    pid_t pid;
    NEED_ROOT();
    CHILD (pid) {
        char *p = map_anon(page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE);
        become_user(TEST_UID, TEST_GID);
        OK(prctl(PR_SET_DUMPABLE, 1));
        p[0] = 1;
        int fd = (int)OK(open("/proc/self/pagemap", O_RDONLY));
        EXPECT(pagemap_of(fd, p) & PRESENT);
        EXPECT_EQ(pagemap_of(fd, p) & FRAME, 0);
    }
    EXPECT_EXIT(pid, 0);
}

CASE(procmem, another_users_memory_is_guarded)
{
    static const char *const names[] = {"maps", "smaps", "smaps_rollup", "pagemap"};
    pid_t pid, parent = getpid();
    NEED_ROOT();
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            char path[64];
            snprintf(path, sizeof(path), "/proc/%d/%s", parent, names[i]);
            EXPECT_ERR(open(path, O_RDONLY), EACCES);
        }
    }
    EXPECT_EXIT(pid, 0);
}

CASE(procmem, statm_is_in_pages)
{
    long size, resident, shared;
    size_t page = page_size();
    EXPECT_EQ(sscanf(slurp("/proc/self/statm"), "%ld %ld %ld", &size, &resident, &shared), 3);
    EXPECT(size >= resident && resident >= shared && shared > 0);
    int fields = 0;
    for (const char *p = text; *p; p++)
        fields += *p == ' ' || *p == '\n';
    EXPECT_EQ(fields, 7);
    char *p = map_anon(64 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    memset(p, 1, 64 * page);
    long size_after, resident_after;
    EXPECT_EQ(sscanf(slurp("/proc/self/statm"), "%ld %ld", &size_after, &resident_after), 2);
    EXPECT_EQ(size_after - size, 64);
    EXPECT(resident_after - resident >= 32); /* Linux counts in batches */
}

CASE(procmem, meminfo_and_vmstat_have_the_names_of_tools)
{
    static const char *const kib[] = {
        "MemTotal:",     "MemFree:",      "MemAvailable:", "Buffers:",     "Cached:",
        "SwapCached:",   "Active:",       "Inactive:",     "SwapTotal:",   "SwapFree:",
        "Dirty:",        "Writeback:",    "AnonPages:",    "Mapped:",      "Shmem:",
        "Slab:",         "SReclaimable:", "SUnreclaim:",   "KernelStack:", "PageTables:",
        "VmallocTotal:", "VmallocUsed:"};
    static const char *const counts[] = {
        "nr_free_pages ",   "nr_anon_pages ", "nr_mapped ",      "nr_file_pages ",
        "nr_dirty ",        "nr_writeback ",  "nr_shmem ",       "nr_page_table_pages ",
        "nr_kernel_stack ", "pgpgin ",        "pgpgout ",        "pgfault ",
        "pgmajfault ",      "pgscan_direct ", "pgsteal_direct ", "oom_kill "};
    slurp("/proc/meminfo");
    for (size_t i = 0; i < sizeof(kib) / sizeof(kib[0]); i++)
        EXPECT(value_after(text, kib[i]) >= 0);
    slurp("/proc/vmstat");
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        EXPECT(value_after(text, counts[i]) >= 0);
    long long before = value_after(text, "pgfault ");
    size_t page = page_size();
    char *p = map_anon(1000 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    (void)madvise(p, 1000 * page, MADV_NOHUGEPAGE);
    for (int i = 0; i < 1000; i++)
        p[i * (long)page] = 1;
    slurp("/proc/vmstat");
    EXPECT(value_after(text, "pgfault ") - before >= 1000);
}

CASE(procmem, slabinfo_is_roots_and_of_version_2_1)
{
    char name[64];
    unsigned long active, total, size, per_slab, pages, slabs, all_slabs;
    NEED_ROOT();
    if (access("/proc/slabinfo", F_OK) != 0)
        SKIP("no /proc/slabinfo");
    slurp("/proc/slabinfo");
    EXPECT(!strncmp(text, "slabinfo - version: 2.1\n# name            <active_objs> ", 54));
    const char *line = strchr(strchr(text, '\n') + 1, '\n') + 1;
    unsigned nr = 0;
    for (; *line; line = strchr(line, '\n') + 1) {
        EXPECT_EQ(sscanf(line, "%63s %lu %lu %lu %lu %lu : tunables %*u %*u %*u : slabdata %lu %lu",
                         name, &active, &total, &size, &per_slab, &pages, &slabs, &all_slabs),
                  8);
        EXPECT(active <= total && size > 0);
        nr++;
    }
    EXPECT(nr > 5);
    struct stat st;
    OK(stat("/proc/slabinfo", &st));
    EXPECT_EQ(st.st_mode & 0777, 0400);
}

/* A line of status, in KiB. */
static long status_kib(const char *name)
{
    slurp("/proc/self/status");
    const char *found = strstr(text, name);
    EXPECT(found != NULL);
    return strtol(found + strlen(name), NULL, 10);
}

CASE(procmem, status_remembers_the_peaks)
{
    size_t len = (size_t)8 << 20;
    long size = status_kib("\nVmSize:"), resident = status_kib("\nVmRSS:");
    char *p = map_anon(len, PROT_READ | PROT_WRITE, MAP_PRIVATE);

    memset(p, 1, len);
    OK(munmap(p, len));
    EXPECT(status_kib("\nVmPeak:") >= size + 8192);
    EXPECT(status_kib("\nVmHWM:") >= resident + 8192 - 512); /* Linux counts in batches */
    EXPECT(status_kib("\nVmSize:") < size + 4096);
    EXPECT(status_kib("\nVmRSS:") < resident + 4096);
}

CASE(procmem, shared_memory_is_told_from_files)
{
    size_t len = (size_t)4 << 20;
    char *p = map_anon(len, PROT_READ | PROT_WRITE, MAP_SHARED);

    memset(p, 1, len);
    EXPECT(status_kib("\nRssShmem:") >= 4096 - 512 && status_kib("\nRssShmem:") <= 4096 + 512);
    EXPECT(status_kib("\nRssFile:") + status_kib("\nRssAnon:") + status_kib("\nRssShmem:") <=
           status_kib("\nVmRSS:") + 512);
    slurp("/proc/self/smaps_rollup");
    const char *found = strstr(text, "Pss_Shmem:");
    EXPECT(found != NULL);
    EXPECT(strtol(found + 10, NULL, 10) >= 4096);
}

CASE(procmem, data_and_stack_are_told_apart)
{
    size_t len = (size_t)16 << 20;
    long data = status_kib("\nVmData:"), stack = status_kib("\nVmStk:");

    map_anon(len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    map_anon(len, PROT_READ, MAP_PRIVATE);
    map_anon(len, PROT_READ | PROT_WRITE, MAP_SHARED);
    EXPECT_EQ(status_kib("\nVmData:"), data + 16384);
    EXPECT_EQ(status_kib("\nVmStk:"), stack);
    map_anon(len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_GROWSDOWN);
    EXPECT_EQ(status_kib("\nVmData:"), data + 16384);
    EXPECT_EQ(status_kib("\nVmStk:"), stack + 16384);
}
