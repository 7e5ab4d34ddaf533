// SPDX-License-Identifier: MIT
/* thrash: ask for more memory than there is, in several ways. A child may be refused (ENOMEM, EAGAIN) or
 * killed by the kernel (SIGKILL); nothing else may happen to it, nothing at all to this process, and
 * afterwards the memory must be there again. With --limit MiB each child is limited to so much address
 * space: that is how it runs on a host that others use.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 << 10, PAGE = 4096, MAX_CHILDREN = 8, REFUSED = 10, BROKEN = 11 };

static volatile long *taken; /* chunks, per child; shared */
static long limit_mb;
static int failures, phases;

static long meminfo(const char *key)
{
    char line[256];
    long value = -1;
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && fgets(line, sizeof(line), f)) {
        if (!strncmp(line, key, strlen(key)))
            value = atol(line + strlen(key));
    }
    if (f)
        fclose(f);
    return value;
}

static char *take_chunk(int number)
{
    char *p = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    for (size_t i = 0; i < CHUNK; i += PAGE) {
        if (p[i] != 0)
            _exit(BROKEN);
        p[i] = (char)(number + 1);
    }
    taken[number]++;
    return p;
}

/* Takes chunks until there are no more. */
_Noreturn static void eat_all(int number)
{
    char *first = NULL, *p;
    while ((p = take_chunk(number)) != NULL) {
        if (!first)
            first = p;
        if (first[0] != (char)(number + 1))
            _exit(BROKEN);
    }
    _exit(errno == ENOMEM ? REFUSED : BROKEN);
}

/* Takes half of all memory, then forks and writes to every page in the child: copies run out. */
_Noreturn static void copy_on_write(int number)
{
    long half_kb = limit_mb ? limit_mb * 1024 / 2 : meminfo("MemTotal:") / 2;
    size_t len = (size_t)half_kb * 1024;
    char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int status;
    if (p == MAP_FAILED)
        _exit(REFUSED);
    for (size_t i = 0; i < len; i += PAGE)
        p[i] = 1;
    taken[number] = (long)(len / CHUNK);
    pid_t pid = fork();
    if (pid < 0)
        _exit(errno == ENOMEM || errno == EAGAIN ? REFUSED : BROKEN);
    if (pid == 0) {
        for (size_t i = 0; i < len; i += PAGE)
            p[i] = 2;
        _exit(0);
    }
    if (waitpid(pid, &status, 0) != pid)
        _exit(BROKEN);
    if (WIFSIGNALED(status) ? WTERMSIG(status) != SIGKILL : WEXITSTATUS(status) != 0)
        _exit(BROKEN);
    for (size_t i = 0; i < len; i += PAGE) {
        if (p[i] != 1)
            _exit(BROKEN);
    }
    _exit(0);
}

/* Forks until it may not. The forked wait for its end, which closes the pipe. */
_Noreturn static void fork_many(int number)
{
    int fd[2];
    char c;
    if (pipe(fd) != 0)
        _exit(BROKEN);
    for (int i = 0; i < 2000; i++) {
        pid_t pid = fork();
        if (pid < 0)
            _exit(errno == EAGAIN || errno == ENOMEM ? REFUSED : BROKEN);
        if (pid == 0) {
            close(fd[1]);
            memset(alloca(64 << 10), 1, 64 << 10);
            _exit(read(fd[0], &c, 1) == 0 ? 0 : 1);
        }
        taken[number]++;
    }
    _exit(0);
}

static void run_phase(const char *name, void (*body)(int), int children)
{
    pid_t pids[MAX_CHILDREN];
    phases++;
    for (int i = 0; i < children; i++) {
        taken[i] = 0;
        pids[i] = fork();
        if (pids[i] == 0) {
            struct rlimit rl = {(rlim_t)limit_mb << 20, (rlim_t)limit_mb << 20};
            if (limit_mb && setrlimit(RLIMIT_AS, &rl) != 0)
                _exit(BROKEN);
            body(i);
        }
        if (pids[i] < 0) {
            failures++;
            printf("thrash: FAIL %s: fork: %s\n", name, strerror(errno));
        }
    }
    for (int i = 0; i < children; i++) {
        int status = 0;
        if (pids[i] < 0)
            continue;
        if (waitpid(pids[i], &status, 0) != pids[i]) {
            failures++;
            printf("thrash: FAIL %s: child %d is lost\n", name, i);
            continue;
        }
        bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        bool fine = WIFEXITED(status) &&
                    (WEXITSTATUS(status) == REFUSED || WEXITSTATUS(status) == 0);
        failures += !killed && !fine;
        printf("thrash: %s %s: child %d took %ld, then %s (status %#x)\n",
               killed || fine ? "ok  " : "FAIL", name, i, taken[i],
               killed ? "was killed"
               : fine ? "was refused or content"
                      : "broke",
               status);
    }
    fflush(stdout);
}

/* After all that: is the memory there again, and does the system still work? */
static void check_recovery(long free_before)
{
    long now = -1;
    phases++;
    for (int i = 0; i < 100; i++) {
        struct timespec ts = {0, 100000000};
        now = meminfo("MemFree:");
        if (now >= free_before - free_before / 10)
            break;
        nanosleep(&ts, NULL);
    }
    if (now < free_before - free_before / 10) {
        failures++;
        printf("thrash: FAIL recovery: %ld KiB free before, %ld now\n", free_before, now);
        return;
    }
    printf("thrash: ok   recovery: %ld KiB free before, %ld now\n", free_before, now);
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "--limit"))
        limit_mb = atol(argv[2]);
    if ((argc != 1 && argc != 3) || (argc == 3 && limit_mb < 1)) {
        fprintf(stderr, "usage: thrash [--limit MiB]\n");
        return 2;
    }
    taken = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (taken == MAP_FAILED) {
        perror("thrash: mmap");
        return 2;
    }
    long free_before = meminfo("MemFree:");
    run_phase("one eater", eat_all, 1);
    run_phase("one eater again", eat_all, 1);
    run_phase("four eaters", eat_all, 4);
    run_phase("copy on write", copy_on_write, 1);
    if (!limit_mb)
        run_phase("many forks", fork_many, 1);
    check_recovery(free_before);
    printf("thrash: %d phases, %d failures\n", phases, failures);
    return failures ? 1 : 0;
}
