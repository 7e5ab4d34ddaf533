// SPDX-License-Identifier: MIT
/* leakcheck: run a command several times and see whether the kernel gives all its memory back.
 *
 * Two warm-up runs fill what is filled once (caches of names, per-hart magazines, lazily made globals).
 * Then, with dirty data written and the caches dropped, it notes the free memory and the number of live
 * objects of every slab cache; after the runs it does the same again. Freeing may lag behind the
 * exit of a process, so the second look is repeated until all is back or patience ends.
 *
 * What may be missing: --memory KiB (default 256) in all, --objects N (default 16) in any one cache.
 * Exit status: 0 nothing leaked, 1 something did, 2 wrong use, 3 the command failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CACHES = 512, NAME = 48, WARM_UPS = 2, LOOKS = 50, LOOK_MS = 100 };

struct cache {
    char name[NAME];
    long live;
};

struct picture {
    long free_kb;     /* MemFree + Buffers + Cached: what remains of clean cache is not leaked */
    long buddy_pages; /* -1 without /proc/buddyinfo */
    int nr_caches;
    struct cache caches[MAX_CACHES];
};

static long memory_slack_kb = 256;
static long object_slack = 16;

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
    while (fgets(line, sizeof(line), f) && p->nr_caches < MAX_CACHES) {
        struct cache *c = &p->caches[p->nr_caches];
        if (line[0] != '#' && strncmp(line, "slabinfo", 8) != 0 &&
            sscanf(line, "%47s %ld", c->name, &c->live) == 2)
            p->nr_caches++;
    }
    fclose(f);
}

static void take_picture(struct picture *p)
{
    settle();
    if (!read_meminfo(p)) {
        fprintf(stderr, "leakcheck: cannot read /proc/meminfo\n");
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

/* Compare; with `tell`, say what is wrong. Returns the number of leaks, and of checks in *checks. */
static int compare(const struct picture *a, const struct picture *b, bool tell, int *checks)
{
    int leaks = 0;
    *checks = 1;
    if (a->free_kb - b->free_kb > memory_slack_kb) {
        leaks++;
        if (tell)
            printf("leakcheck: FAIL memory: %ld KiB free before, %ld after: %ld KiB lost "
                   "(tolerance %ld)\n",
                   a->free_kb, b->free_kb, a->free_kb - b->free_kb, memory_slack_kb);
    }
    for (int i = 0; i < b->nr_caches; i++) {
        long before = live_before(a, b->caches[i].name), after = b->caches[i].live;
        ++*checks;
        if (after - before <= object_slack)
            continue;
        leaks++;
        if (tell)
            printf("leakcheck: FAIL cache %s: %ld live objects before, %ld after (tolerance %ld)\n",
                   b->caches[i].name, before, after, object_slack);
    }
    return leaks;
}

static bool run_command(char **argv)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[0], argv);
        fprintf(stderr, "leakcheck: %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int check(int runs, char **command)
{
    static struct picture before, after;
    int leaks = 0, checks = 0;

    for (int i = 0; i < WARM_UPS + runs; i++) {
        if (i == WARM_UPS)
            take_picture(&before);
        printf("leakcheck: %s %d\n", i < WARM_UPS ? "warm-up" : "run",
               i < WARM_UPS ? i + 1 : i - WARM_UPS + 1);
        fflush(stdout);
        if (!run_command(command)) {
            fprintf(stderr, "leakcheck: the command failed\n");
            return 3;
        }
    }
    for (int look = 0; look < LOOKS; look++) {
        struct timespec pause = {0, LOOK_MS * 1000000L};
        take_picture(&after);
        leaks = compare(&before, &after, false, &checks);
        if (!leaks)
            break;
        nanosleep(&pause, NULL);
    }
    leaks = compare(&before, &after, true, &checks);
    printf("leakcheck: %ld KiB free before, %ld after", before.free_kb, after.free_kb);
    if (before.buddy_pages >= 0)
        printf("; %ld pages in the buddy before, %ld after", before.buddy_pages, after.buddy_pages);
    printf("; %d caches\nleakcheck: %d checks, %d failed\n", after.nr_caches, checks, leaks);
    return leaks ? 1 : 0;
}

int main(int argc, char **argv)
{
    int runs = 3, i = 1;
    for (; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2) {
        long value = atol(argv[i + 1]);
        if (!strcmp(argv[i], "--runs"))
            runs = (int)value;
        else if (!strcmp(argv[i], "--memory"))
            memory_slack_kb = value;
        else if (!strcmp(argv[i], "--objects"))
            object_slack = value;
        else
            break;
    }
    if (i >= argc || argv[i][0] == '-' || runs < 1) {
        fprintf(stderr, "usage: leakcheck [--runs 3] [--memory KiB] [--objects N] COMMAND "
                        "[ARGUMENT…]\n");
        return 2;
    }
    return check(runs, argv + i);
}
