// SPDX-License-Identifier: MIT
/* bench mm: what the memory subsystem costs, seen from both sides.
 *
 * Pairs of allocating and freeing happen inside the kernel, where no program can put a clock around
 * them; Cairn measures them itself when /proc/pair_cost is read, and on other kernels they are
 * missing. The same file has the cost of filling and of copying a page, which is the larger part of
 * some faults; so a fault's figure comes a second time without it. */
#include "user/bench/mm.h"
#include "user/bench/bench.h"

#include <stdio.h>
#include <string.h>

static const char *const fault_figures[][2] = {
    /* operation, what to take off */
    {"fault_anon", "zero_page"}, {"fault_zero", NULL},        {"fault_cow", "copy_page"},
    {"fault_reuse", NULL},       {"fault_file", NULL},        {"fault_file_private", "copy_page"},
    {"mmap_munmap", NULL},       {"mmap_touch_munmap", NULL}, {"munmap_4m", NULL},
    {"mprotect_page", NULL},     {"mremap_grow", NULL},       {"brk", NULL},
};

static struct pair_cost {
    char name[32];
    double cost;
} pairs[16];
static unsigned nr_pairs;

static bool read_pairs(void)
{
    FILE *file = fopen("/proc/pair_cost", "r");

    if (!file)
        return false;
    while (nr_pairs < sizeof(pairs) / sizeof(pairs[0]) &&
           fscanf(file, "%31s %lf", pairs[nr_pairs].name, &pairs[nr_pairs].cost) == 2)
        nr_pairs++;
    fclose(file);
    return nr_pairs > 0;
}

static double pair_cost(const char *name)
{
    for (unsigned i = 0; i < nr_pairs; i++) {
        if (!strcmp(pairs[i].name, name))
            return pairs[i].cost;
    }
    return 0;
}

static bool print_figure(const char *family, const char *name, const char *less)
{
    double figure;

    if (!bench_print(bench_find(family, name), &figure))
        return false;
    if (less && pair_cost(less) > 0)
        printf("%s.%s.net\t%.0f\tthe same without %s\n", family, name, figure - pair_cost(less),
               less);
    return true;
}

int bench_mm(void)
{
    bool good = true;

    if (!read_pairs())
        fprintf(stderr, "bench: no /proc/pair_cost here: the kernel's own pairs are left out\n");
    for (unsigned i = 0; i < nr_pairs; i++)
        printf("kernel.%s\t%.0f\tinside the kernel\n", pairs[i].name, pairs[i].cost);
    for (unsigned i = 0; i < sizeof(fault_figures) / sizeof(fault_figures[0]); i++)
        good = print_figure("memory", fault_figures[i][0], fault_figures[i][1]) && good;
    good = print_figure("process", "fork_100m", NULL) && good;
    good = print_figure("process", "fork_100m_default", NULL) && good;
    return !good;
}
