// SPDX-License-Identifier: MIT
/* promise: what the machine promises, and that it keeps its books.
 *
 * Goes through the modes of /proc/sys/vm/overcommit_memory and through all calls that promise memory,
 * and looks at their errors and at Committed_AS after each. It changes the rules of the whole machine
 * while it runs, and expects nobody else to ask for memory: so it is no ABI case. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB  (1l << 20)
#define RW   (PROT_READ | PROT_WRITE)
#define VM   "/proc/sys/vm/"
#define ROOM 16 /* MiB that mode 2 shall have left when a part begins */

static int nr_checks, nr_wrong;

static void check(int is_right, const char *text, int line)
{
    nr_checks++;
    if (!is_right) {
        nr_wrong++;
        printf("promise: line %d: %s: not so (%s)\n", line, text, strerror(errno));
    }
}
#define CHECK(condition) check((condition), #condition, __LINE__)
#define CHECK_FAILS(call, err) \
    (errno = 0, check((long)(call) == -1 && errno == (err), #call, __LINE__))

/* ---- The machine's figures --------------------------------------------------------------------- */

static long meminfo_kib(const char *name)
{
    char text[4096];
    int fd = open("/proc/meminfo", O_RDONLY);
    ssize_t len = read(fd, text, sizeof(text) - 1);
    const char *found;

    close(fd);
    text[len > 0 ? len : 0] = '\0';
    found = strstr(text, name);
    return found ? strtol(found + strlen(name), NULL, 10) : -1;
}

static long committed(void)
{
    return meminfo_kib("Committed_AS:");
}

static int set(const char *path, long value)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%ld\n", value);
    int fd = open(path, O_WRONLY);
    int got = fd < 0 ? -1 : (int)write(fd, text, (size_t)len);
    int err = errno;

    close(fd);
    errno = err;
    return got == len ? 0 : -1;
}

static long get(const char *path)
{
    char text[32] = "";
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, text, sizeof(text) - 1);

    close(fd);
    return len > 0 ? strtol(text, NULL, 10) : -1;
}

/* Mode 2, with `mib` MiB left to be promised. */
static void leave_room(long mib)
{
    CHECK(set(VM "overcommit_memory", 2) == 0);
    CHECK(set(VM "overcommit_kbytes", committed() + mib * 1024 - meminfo_kib("SwapTotal:")) == 0);
}

static void *map(long mib, int prot, int flags)
{
    return mmap(NULL, (size_t)(mib * MIB), prot, flags | MAP_ANONYMOUS, -1, 0);
}

static void unmap(void *start, long mib)
{
    CHECK(munmap(start, (size_t)(mib * MIB)) == 0);
}

/* ---- Mode 2 ------------------------------------------------------------------------------------ */

static void mappings(void)
{
    long before = committed();
    char *read_only, *data, *shared;

    leave_room(ROOM);
    CHECK(meminfo_kib("CommitLimit:") == before + ROOM * 1024);
    CHECK(get(VM "overcommit_ratio") == 0);
    CHECK_FAILS(map(ROOM, RW, MAP_PRIVATE), ENOMEM);
    CHECK_FAILS(map(ROOM, RW, MAP_PRIVATE | MAP_NORESERVE), ENOMEM);
    CHECK_FAILS(map(ROOM, RW, MAP_SHARED), ENOMEM);
    CHECK(committed() == before);
    read_only = map(64, PROT_READ, MAP_PRIVATE);
    CHECK(read_only != MAP_FAILED && committed() == before);
    CHECK_FAILS(mprotect(read_only, 64 * MIB, RW), ENOMEM);
    CHECK(mprotect(read_only + 8 * MIB, 2 * MIB, RW) == 0 && committed() == before + 2048);
    read_only[9 * MIB] = 1;
    CHECK(mprotect(read_only, 16 * MIB, PROT_NONE) == 0 && committed() == before + 2048);
    CHECK(munmap(read_only + 9 * MIB, MIB) == 0 && committed() == before + 1024);
    unmap(read_only, 64);
    CHECK(committed() == before);
    data = map(8, RW, MAP_PRIVATE);
    CHECK(data != MAP_FAILED && committed() == before + 8192);
    data[5] = 5;
    CHECK_FAILS(mremap(data, 8 * MIB, 17 * MIB, MREMAP_MAYMOVE), ENOMEM);
    CHECK(data[5] == 5 && committed() == before + 8192);
    data = mremap(data, 8 * MIB, 12 * MIB, MREMAP_MAYMOVE);
    CHECK(data != MAP_FAILED && committed() == before + 12288);
    data = mremap(data, 12 * MIB, MIB, 0);
    CHECK(data != MAP_FAILED && committed() == before + 1024);
    shared = map(4, RW, MAP_SHARED);
    CHECK(shared != MAP_FAILED && committed() == before + 5120);
    memset(shared, 1, 4 * MIB);
    CHECK(committed() == before + 5120);
    unmap(shared, 4);
    unmap(data, 1);
    CHECK(committed() == before);
}

static void heap(void)
{
    long before = committed();

    leave_room(ROOM);
    CHECK_FAILS(sbrk(ROOM * MIB), ENOMEM);
    CHECK(sbrk(MIB) != (void *)-1 && committed() == before + 1024);
    CHECK(sbrk(-MIB) != (void *)-1 && committed() == before);
}

static int wait_for(pid_t pid)
{
    int status = -1;

    waitpid(pid, &status, 0);
    return status;
}

static void processes(void)
{
    long before = committed();
    char *data;
    pid_t pid;

    leave_room(ROOM);
    data = map(12, RW, MAP_PRIVATE);
    CHECK(data != MAP_FAILED);
    CHECK_FAILS(fork(), ENOMEM);
    CHECK(committed() == before + 12288);
    unmap(data + 2 * MIB, 10);
    pid = fork();
    if (pid == 0) {
        _exit(committed() >= before + 4096 ? 0 : 1);
    }
    CHECK(pid > 0 && wait_for(pid) == 0);
    pid = fork();
    if (pid == 0) {
        execl("/bin/true", "true", NULL);
        _exit(1);
    }
    CHECK(pid > 0 && wait_for(pid) == 0);
    CHECK(committed() == before + 2048);
    unmap(data, 2);
    CHECK(committed() == before);
}

static int use_stack(long bytes)
{
    volatile char block[65536];

    block[0] = (char)bytes;
    return bytes <= 0 ? block[0] : use_stack(bytes - (long)sizeof(block)) + block[0];
}

static void stacks(void)
{
    struct rlimit limit = {64 * MIB, RLIM_INFINITY};
    long before = committed();
    pid_t pid = fork();

    if (pid == 0) {
        setrlimit(RLIMIT_STACK, &limit);
        leave_room(4);
        use_stack(2 * MIB);
        if (committed() < before + 2048) {
            _exit(1);
        }
        use_stack(8 * MIB);
        _exit(2);
    }
    CHECK((wait_for(pid) & 0x7f) == SIGSEGV);
    CHECK(committed() == before);
}

static void files(void)
{
    static char block[65536];
    long before = committed();
    int fd = open("/tmp/promise", O_CREAT | O_RDWR | O_TRUNC, 0600);
    long done = 0;
    ssize_t got;

    leave_room(4);
    memset(block, 1, sizeof(block));
    while ((got = write(fd, block, sizeof(block))) > 0 && done < 8 * MIB) {
        done += got;
    }
    CHECK(got == -1 && errno == ENOSPC);
    CHECK(done > 3 * MIB && done < 4 * MIB && committed() == before + done / 1024);
    close(fd);
    unlink("/tmp/promise");
    CHECK(committed() == before);
}

/* What is kept for the superuser, and what each process leaves for the others. */
static void reserves(void)
{
    pid_t pid;
    char *huge;

    leave_room(ROOM);
    CHECK(set(VM "admin_reserve_kbytes", 8192) == 0);
    pid = fork();
    if (pid == 0) {
        if (setuid(1000) != 0 || map(12, RW, MAP_PRIVATE) != MAP_FAILED || errno != ENOMEM)
            _exit(1);
        _exit(map(4, RW, MAP_PRIVATE) == MAP_FAILED);
    }
    CHECK(wait_for(pid) == 0);
    huge = map(12, RW, MAP_PRIVATE);
    CHECK(huge != MAP_FAILED);
    unmap(huge, 12);
    CHECK(set(VM "admin_reserve_kbytes", 0) == 0);
    CHECK(set(VM "user_reserve_kbytes", 1 << 20) == 0);
    huge = map(256, PROT_NONE, MAP_PRIVATE); /* makes it large: it leaves 8 MiB */
    CHECK_FAILS(map(12, RW, MAP_PRIVATE), ENOMEM);
    unmap(huge, 256);
    CHECK(set(VM "user_reserve_kbytes", 0) == 0);
}

/* ---- Modes 0 and 1, and the rules themselves ---------------------------------------------------- */

static void guess_and_always(void)
{
    long all = (meminfo_kib("MemTotal:") + meminfo_kib("SwapTotal:")) / 1024 + 2; /* MiB */
    void *maps[8];
    void *reserved;

    CHECK(set(VM "overcommit_memory", 0) == 0);
    CHECK_FAILS(map(all, RW, MAP_PRIVATE), ENOMEM);
    CHECK_FAILS(map(all, RW, MAP_SHARED), ENOMEM);
    reserved = map(all, PROT_NONE, MAP_PRIVATE);
    CHECK(reserved != MAP_FAILED);
    CHECK_FAILS(mprotect(reserved, (size_t)(all * MIB), RW), ENOMEM);
    unmap(reserved, all);
    reserved = map(all, RW, MAP_PRIVATE | MAP_NORESERVE);
    CHECK(reserved != MAP_FAILED);
    unmap(reserved, all);
    for (int i = 0; i < 8; i++) {
        maps[i] = map(all / 2, RW, MAP_PRIVATE);
        CHECK(maps[i] != MAP_FAILED);
    }
    for (int i = 0; i < 8; i++) {
        unmap(maps[i], all / 2);
    }
    CHECK(set(VM "overcommit_memory", 1) == 0);
    reserved = map(all * 8, RW, MAP_PRIVATE);
    CHECK(reserved != MAP_FAILED);
    unmap(reserved, all * 8);
}

static void rules(void)
{
    CHECK_FAILS(set(VM "overcommit_memory", 3), EINVAL);
    CHECK_FAILS(set(VM "overcommit_memory", -1), EINVAL);
    CHECK(get(VM "overcommit_memory") == 1);
    CHECK(set(VM "overcommit_ratio", 80) == 0 && get(VM "overcommit_kbytes") == 0);
    CHECK(meminfo_kib("CommitLimit:") / 4 ==
          meminfo_kib("SwapTotal:") / 4 + meminfo_kib("MemTotal:") / 4 * 80 / 100);
    CHECK(set(VM "overcommit_ratio", 50) == 0);
}

int main(int argc, char **argv)
{
    long before;

    if (argc > 1) {
        printf(
            "usage: %s\nChange the rules about promised memory and check what becomes of it.\n"
            "For root, on a machine with nothing else to do. Status 1 when something is wrong.\n",
            argv[0]);
        return strcmp(argv[1], "--help") ? 2 : 0;
    }
    (void)!sbrk(1); /* the heap's first page */
    CHECK(set(VM "admin_reserve_kbytes", 0) == 0 && set(VM "user_reserve_kbytes", 0) == 0);
    before = committed();
    mappings();
    heap();
    processes();
    stacks();
    files();
    reserves();
    guess_and_always();
    rules();
    CHECK(set(VM "overcommit_memory", 0) == 0);
    CHECK(committed() == before);
    printf("promise: %d checks, %d wrong\n", nr_checks, nr_wrong);
    return nr_wrong != 0;
}
