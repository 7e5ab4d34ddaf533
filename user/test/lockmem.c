// SPDX-License-Identifier: MIT
/* lockmem: locked pages stay in memory while others are swapped out.
 *
 * Two buffers and two maps of a file are filled and then left alone while another program uses more
 * memory than there is; one of each is locked. Reading them afterwards must cost no major fault where
 * they were locked, and some where they were not: else the machine was never short, and nothing is
 * proved. Four ways of locking are tried. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NR_PAGES = 256, PAGE = 4096, ON_FAULT = 1 };
#define LEN   ((size_t)NR_PAGES * PAGE)
#define FILE1 "/root/lockmem1"
#define FILE2 "/root/lockmem2"

enum way { BY_MLOCK, BY_MAP_LOCKED, ON_FAULT_ONLY, ALL_TO_COME, NR_WAYS };
static const char *const names[] = {"mlock", "MAP_LOCKED", "MLOCK_ONFAULT", "MCL_FUTURE"};

static void need(int is_so, const char *what)
{
    if (!is_so) {
        fprintf(stderr, "lockmem: %s: %s\n", what, strerror(errno));
        exit(2);
    }
}

static void make_file(const char *path)
{
    static char page[PAGE];
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

    need(fd >= 0, path);
    for (int i = 0; i < NR_PAGES; i++) {
        memset(page, i, sizeof(page));
        need(write(fd, page, sizeof(page)) == PAGE, path);
    }
    need(fsync(fd) == 0 && close(fd) == 0, path);
}

/* A buffer, or the map of a file: every page i begins with the byte i. */
static unsigned char *make(const char *path, int flags)
{
    int fd = path ? open(path, O_RDONLY) : -1;
    unsigned char *start = mmap(NULL, LEN, path ? PROT_READ : PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | (path ? 0 : MAP_ANONYMOUS) | flags, fd, 0);

    need(start != MAP_FAILED, "mmap");
    if (path)
        close(fd);
    return start;
}

static void fill(unsigned char *start)
{
    for (int i = 0; i < NR_PAGES; i++)
        start[(size_t)i * PAGE] = (unsigned char)i;
}

static int read_all(const volatile unsigned char *start)
{
    int nr_wrong = 0;

    for (int i = 0; i < NR_PAGES; i++)
        nr_wrong += start[(size_t)i * PAGE] != (unsigned char)i;
    return nr_wrong;
}

static long nr_major(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_majflt;
}

static void use_memory(const char *mib)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        int fd = open("/dev/null", O_WRONLY);

        dup2(fd, 1);
        dup2(fd, 2);
        execl("/tests/touchmem", "touchmem", mib, "1", NULL);
        _exit(1);
    }
    need(waitpid(pid, &status, 0) == pid && status == 0, "touchmem");
}

static void lock(enum way way, unsigned char *start)
{
    if (way == BY_MLOCK)
        need(mlock(start, LEN) == 0, "mlock");
    if (way == ON_FAULT_ONLY)
        need(syscall(SYS_mlock2, start, LEN, ON_FAULT) == 0, "mlock2");
}

/* Major faults and wrong bytes of reading both. */
static long cost(const unsigned char *buffer, const unsigned char *map, int *nr_wrong)
{
    long before = nr_major();

    *nr_wrong += read_all(buffer) + read_all(map);
    return nr_major() - before;
}

static int try_way(enum way way, const char *mib)
{
    int flags = way == BY_MAP_LOCKED ? MAP_LOCKED : 0;
    unsigned char *loose = make(NULL, 0), *loose_map = make(FILE1, 0), *locked, *locked_map;
    int nr_wrong = 0;
    long for_locked, for_loose;

    if (way == ALL_TO_COME)
        need(mlockall(MCL_FUTURE) == 0, "mlockall");
    locked = make(NULL, flags);
    locked_map = make(FILE2, flags);
    lock(way, locked);
    lock(way, locked_map);
    fill(locked);
    fill(loose);
    (void)!cost(loose, loose_map, &nr_wrong);
    (void)!cost(locked, locked_map, &nr_wrong); /* on fault: here they come in */
    use_memory(mib);
    for_locked = cost(locked, locked_map, &nr_wrong);
    for_loose = cost(loose, loose_map, &nr_wrong);
    printf("lockmem: %s: %s, %s, %d wrong\n", names[way],
           for_locked == 0 ? "locked pages stayed" : "LOCKED PAGES WENT",
           for_loose > 0 ? "others went" : "OTHERS STAYED", nr_wrong);
    munlockall();
    munmap(locked, LEN);
    munmap(locked_map, LEN);
    munmap(loose, LEN);
    munmap(loose_map, LEN);
    return for_locked == 0 && for_loose > 0 && nr_wrong == 0;
}

int main(int argc, char **argv)
{
    int nr_right = 0;

    if (argc != 2 || !strcmp(argv[1], "--help")) {
        printf(
            "usage: %s MiB\nLock memory while touchmem uses MiB (a power of two), and look what went.\n",
            argv[0]);
        return argc == 2 ? 0 : 2;
    }
    make_file(FILE1);
    make_file(FILE2);
    for (enum way way = 0; way < NR_WAYS; way++)
        nr_right += try_way(way, argv[1]);
    unlink(FILE1);
    unlink(FILE2);
    return nr_right != NR_WAYS;
}
