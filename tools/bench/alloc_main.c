// SPDX-License-Identifier: MIT
/* The program that measures one allocator: bench-cairn, bench-malloc, bench-void. */
#define _GNU_SOURCE
#include "tools/bench/bench.h"
#include "tools/bench/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *bench_map_memory(size_t len_bytes)
{
    void *memory = mmap(NULL, len_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                        0);

    if (memory == MAP_FAILED) {
        bench_fail("bench: no memory for the slots");
    }
    return memset(memory, 0, len_bytes);
}

static void usage(FILE *out)
{
    fputs("usage: load W1|W2 THREADS SEED [turns] | pairs | checkerboard\n"
          "Measures an allocator once and prints lines `name<TAB>value`. make bench-mm runs it.\n"
          "turns: print `turn` from time to time, and wait for a character before going on.\n",
          out);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "--help") == 0) {
        usage(stdout);
        return 0;
    }
    if (strcmp(what, "load") == 0 && (argc == 5 || (argc == 6 && strcmp(argv[5], "turns") == 0))) {
        unsigned nr_threads = (unsigned)strtoul(argv[3], NULL, 10);
        if (nr_threads < 1 || nr_threads > 8) {
            bench_fail("bench: 1 to 8 threads");
        }
        if (nr_threads == 1) {
            bench_pin(0);
        }
        if (argc == 6) {
            bench_take_turns();
        }
        run_load(argv[2], nr_threads, strtoull(argv[4], NULL, 10));
    } else if (strcmp(what, "pairs") == 0 && argc == 2) {
        bench_pin(0);
        run_pairs();
    } else if (strcmp(what, "checkerboard") == 0 && argc == 2) {
        bench_pin(0);
        run_checkerboard();
    } else {
        usage(stderr);
        return 2;
    }
    return 0;
}
