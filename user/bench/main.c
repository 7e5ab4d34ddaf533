// SPDX-License-Identifier: MIT
/* bench: what operations of the operating system cost, in guest instructions.
 *
 * Operations collect themselves in the linker section bench_ops (bench.h). Each runs in a forked
 * child, in an empty directory; the child sends its figure through a pipe. A line of output is the
 * operation's name, its figure and its title, separated by tabs; `-` is the figure of one that
 * failed, whose reason is on standard error. The program is plain POSIX and runs the same on Linux:
 * `make bench` compares the two. On a machine without a counter of instructions the figures are
 * nanoseconds, and noisy. */
#include "user/bench/bench.h"
#include "user/bench/mm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern const struct bench_op *const __start_bench_ops[];
extern const struct bench_op *const __stop_bench_ops[];

enum { MAX_OPS = 256 };

static const struct bench_op *ops[MAX_OPS];
static unsigned nr_ops;
static char self_path[PATH_MAX];
const char *bench_self = self_path;

static const char USAGE[] =
    "usage: bench [--dir DIR] [NAME…]  measure all operations, or those whose family.name contains a NAME\n"
    "       bench mm                   the memory subsystem's figures, the kernel's own pairs included\n"
    "       bench --list               print the operations\n"
    "       bench --help               print this\n"
    "Figures are nanoseconds; under `qemu -icount shift=0` that is guest instructions.\n"
    "DIR (default: the current directory) is where files are made.\n"
    "Exit status: 0 when every operation has a figure, 1 otherwise, 2 for wrong use.\n";

static int compare_ops(const void *a, const void *b)
{
    const struct bench_op *x = *(const struct bench_op *const *)a;
    const struct bench_op *y = *(const struct bench_op *const *)b;
    int order = strcmp(x->file, y->file);
    return order ? order : x->line - y->line;
}

static void collect_ops(void)
{
    for (const struct bench_op *const *op = __start_bench_ops; op < __stop_bench_ops; op++) {
        if (nr_ops < MAX_OPS)
            ops[nr_ops++] = *op;
    }
    qsort(ops, nr_ops, sizeof(ops[0]), compare_ops);
}

/* Remove a directory and all below it. */
static void remove_tree(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (unlinkat(fd, entry->d_name, 0) != 0)
            remove_tree(fd, entry->d_name);
    }
    if (dir)
        closedir(dir);
    unlinkat(parent, name, AT_REMOVEDIR);
}

_Noreturn static void run_child(const struct bench_op *op, const char *dir, int result)
{
    struct bench b = {0};

    if (chdir(dir) != 0)
        bench_fail(__FILE__, __LINE__, dir);
    op->run(&b);
    if (b.nr_done == 0 || write(result, &b.best, sizeof(b.best)) != (ssize_t)sizeof(b.best))
        _exit(1);
    _exit(0);
}

/* Run one operation in a process group of its own, so that whatever it leaves behind ends with it. */
static bool run_op(const struct bench_op *op, double *figure)
{
    static const char DIR_NAME[] = "bench.tmp";
    int fds[2];
    pid_t pid;
    bool good;

    remove_tree(AT_FDCWD, DIR_NAME);
    if (mkdir(DIR_NAME, 0755) != 0 || pipe2(fds, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
        fprintf(stderr, "bench: %s: %s\n", DIR_NAME, strerror(errno));
        exit(1);
    }
    if (pid == 0) {
        setpgid(0, 0);
        run_child(op, DIR_NAME, fds[1]);
    }
    setpgid(pid, pid);
    close(fds[1]);
    waitpid(pid, NULL, 0);
    kill(-pid, SIGKILL);
    good = read(fds[0], figure, sizeof(*figure)) == (ssize_t)sizeof(*figure);
    close(fds[0]);
    remove_tree(AT_FDCWD, DIR_NAME);
    return good;
}

bool bench_print(const struct bench_op *op, double *figure)
{
    bool good = run_op(op, figure);

    if (good)
        printf("%s.%s\t%.0f\t%s\n", op->family, op->name, *figure, op->title);
    else
        printf("%s.%s\t-\t%s\n", op->family, op->name, op->title);
    fflush(stdout);
    return good;
}

const struct bench_op *bench_find(const char *family, const char *name)
{
    for (unsigned i = 0; i < nr_ops; i++) {
        if (!strcmp(ops[i]->family, family) && !strcmp(ops[i]->name, name))
            return ops[i];
    }
    return NULL;
}

static bool selected(const struct bench_op *op, int argc, char **argv)
{
    char name[128];

    snprintf(name, sizeof(name), "%s.%s", op->family, op->name);
    for (int i = 0; i < argc; i++) {
        if (strstr(name, argv[i]))
            return true;
    }
    return argc == 0;
}

static int run_selected(int argc, char **argv, bool list)
{
    unsigned nr_selected = 0, nr_failed = 0;
    double figure;

    for (unsigned i = 0; i < nr_ops; i++) {
        if (!selected(ops[i], argc, argv))
            continue;
        nr_selected++;
        if (list)
            printf("%s.%s\t%s\n", ops[i]->family, ops[i]->name, ops[i]->title);
        else if (!bench_print(ops[i], &figure))
            nr_failed++;
    }
    if (nr_selected == 0)
        fprintf(stderr, "bench: no operation's name contains any of the words given\n");
    return nr_selected == 0 || nr_failed > 0;
}

int main(int argc, char **argv)
{
    bool list = false;

    if (argc > 1 && !strcmp(argv[1], "@nothing")) /* what fork_exec executes */
        return 0;
    if (!realpath("/proc/self/exe", self_path))
        snprintf(self_path, sizeof(self_path), "%s", argv[0]);
    collect_ops();
    argc--, argv++;
    for (; argc > 0 && argv[0][0] == '-'; argc--, argv++) {
        if (!strcmp(argv[0], "--help")) {
            fputs(USAGE, stdout);
            return 0;
        }
        if (!strcmp(argv[0], "--list")) {
            list = true;
        } else if (!strcmp(argv[0], "--dir") && argc > 1) {
            argc--, argv++;
            if (chdir(argv[0]) != 0) {
                fprintf(stderr, "bench: %s: %s\n", argv[0], strerror(errno));
                return 2;
            }
        } else {
            fputs(USAGE, stderr);
            return 2;
        }
    }
    if (argc == 1 && !strcmp(argv[0], "mm"))
        return bench_mm();
    return run_selected(argc, argv, list);
}
