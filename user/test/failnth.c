// SPDX-License-Identifier: MIT
/* failnth: every allocation of every operation fails once, and nothing breaks.
 *
 * For each operation: n = 1, 2, 3, … is written to /proc/self/fail-nth, the operation runs, and what
 * the file says then tells whether the n-th allocation was reached. If it was, the operation may have
 * worked all the same (an allocation that has another way) or have failed with an error number that
 * is right for it. Once it was not, all have failed once, and the operation must have worked.
 *
 * All of that is done once to fill what is filled once, and then several times between two pictures
 * of what the kernel has in use, so that what one failure leaks is seen several times over.
 *
 *     failnth [--passes N] [--mount DEVICE TYPE] [NAME…]     only operations with these names
 *
 * Exit status: 0 all right, 1 something is not, 2 wrong use, 77 this kernel has no fail-nth.
 */
#include "failnth.h"
#include "picture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_NTH = 3000, PASSES = 4 };

/* A site that loses one object a run loses PASSES of them. */
static const struct picture_slack slack = {.memory_kb = 64, .objects = PASSES - 1};

int current_nth;
static int fail_fd;

/* The write itself may be what fails, if it is armed already: then it is so no longer. */
static void arm(int fd, int nth)
{
    char text[16];
    int len = snprintf(text, sizeof(text), "%d", nth);
    if (pwrite(fd, text, (size_t)len, 0) != len && pwrite(fd, text, (size_t)len, 0) != len) {
        perror("failnth: fail-nth");
        exit(1);
    }
}

int failnth_arm_self(int nth)
{
    int fd = open("/proc/self/fail-nth", O_RDWR);
    if (fd >= 0)
        arm(fd, nth);
    return fd;
}

/* What is left of n. Disarms. */
static int disarm(void)
{
    char text[16] = "";
    memset(text, 0, sizeof(text)); /* here, so that the kernel need not fault it in */
    ssize_t len = pread(fail_fd, text, sizeof(text) - 1, 0);
    arm(fail_fd, 0);
    if (len <= 0) {
        perror("failnth: reading fail-nth");
        exit(1);
    }
    return atoi(text);
}

static const char *error_name(int error)
{
    const char *name = error == CHILD_INJECTED ? "injected"
                       : error == CHILD_KILLED ? "killed"
                                               : strerrorname_np(error);
    return name ? name : "?";
}

static bool is_allowed(const struct operation *op, int error)
{
    if (error == ENOMEM || error == CHILD_INJECTED)
        return true;
    for (size_t i = 0; i < sizeof(op->errors) / sizeof(op->errors[0]); i++)
        if (op->errors[i] == error)
            return true;
    return false;
}

/* All n once. Returns how many failures were injected, or -1 after saying what is wrong; sets *skipped
 * when this kernel has no such call. */
static int walk(const struct operation *op, bool *skipped)
{
    for (current_nth = 1; current_nth <= MAX_NTH; current_nth++) {
        if (op->prepare)
            op->prepare();
        if (!op->is_child_armed)
            arm(fail_fd, current_nth);
        int error = op->run();
        bool was_reached = op->is_child_armed ? error != 0 : disarm() == 0;
        if (op->undo)
            op->undo();
        if (error == ENOSYS) {
            *skipped = true;
            return 0;
        }
        if (error != 0 && !is_allowed(op, error)) {
            printf("failnth: FAIL %s: allocation %d: %s\n", op->name, current_nth,
                   error_name(error));
            return -1;
        }
        if (!was_reached && error == 0)
            return current_nth - 1;
        if (!was_reached) {
            printf("failnth: FAIL %s: %s without an injected failure\n", op->name,
                   error_name(error));
            return -1;
        }
    }
    printf("failnth: FAIL %s: no end after %d allocations\n", op->name, MAX_NTH);
    return -1;
}

static bool check(const struct operation *op, int passes)
{
    static struct picture before, after;
    bool skipped = false;
    int checks, nr = walk(op, &skipped);

    if (skipped) {
        printf("failnth: skip %s: no such call\n", op->name);
        return true;
    }
    if (nr >= 0)
        nr = walk(op, &skipped);
    if (nr < 0)
        return false;
    picture_take(&before);
    for (int pass = 0; pass < passes; pass++) {
        if (walk(op, &skipped) < 0)
            return false;
    }
    if (picture_settle(&before, &after, &slack, op->name, &checks) != 0) {
        printf("failnth: FAIL %s: memory is lost\n", op->name);
        return false;
    }
    printf("failnth: ok %s: %d allocations\n", op->name, nr);
    return true;
}

static bool is_wanted(const struct operation *op, char **names)
{
    if (!*names)
        return true;
    for (; *names; names++)
        if (!strcmp(*names, op->name))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    int passes = PASSES, i = 1, passed = 0, failed = 0;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (!strcmp(argv[i], "--passes") && i + 1 < argc) {
            passes = atoi(argv[++i]);
        } else if (!strcmp(argv[i], "--mount") && i + 2 < argc) {
            mount_device = argv[++i];
            mount_type = argv[++i];
        } else {
            fprintf(stderr, "usage: failnth [--passes N] [--mount DEVICE TYPE] [NAME…]\n");
            return 2;
        }
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    fail_fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
    if (fail_fd < 0) {
        fprintf(stderr, "failnth: no /proc/self/fail-nth: boot the kernel cairn-faults\n");
        return 77;
    }
    mkdir("/tmp/failnth", 0755);
    if (chdir("/tmp/failnth") != 0 && chdir("/tmp") != 0)
        return 2;
    for (size_t k = 0; k < nr_operations; k++) {
        if (is_wanted(&operations[k], argv + i))
            *(check(&operations[k], passes) ? &passed : &failed) += 1;
    }
    printf("failnth: %d passed, %d failed\n", passed, failed);
    return failed ? 1 : 0;
}
