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
#include "picture.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WARM_UPS = 2 };

static struct picture_slack slack = {.memory_kb = 256, .objects = 16};

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
            picture_take(&before);
        printf("leakcheck: %s %d\n", i < WARM_UPS ? "warm-up" : "run",
               i < WARM_UPS ? i + 1 : i - WARM_UPS + 1);
        fflush(stdout);
        if (!run_command(command)) {
            fprintf(stderr, "leakcheck: the command failed\n");
            return 3;
        }
    }
    leaks = picture_settle(&before, &after, &slack, "leakcheck", &checks);
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
            slack.memory_kb = value;
        else if (!strcmp(argv[i], "--objects"))
            slack.objects = value;
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
