// SPDX-License-Identifier: MIT
// free: memory, as /proc/meminfo has it.
#include "user/lib/number.h"
#include "user/lib/tool.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct tool tool = {"free", "[-bkmh]", "Print how much memory is used and free.", 0};

enum { TOTAL, FREE, AVAILABLE, BUFFERS, CACHED, SHARED, SWAP_TOTAL, SWAP_FREE, NR_VALUES };

static const char *const names[NR_VALUES] = {"MemTotal", "MemFree", "MemAvailable", "Buffers",
                                             "Cached",   "Shmem",   "SwapTotal",    "SwapFree"};

static void read_values(unsigned long long kib[NR_VALUES])
{
    FILE *file = fopen("/proc/meminfo", "re");
    char name[32], line[128];
    unsigned long long value;

    if (!file)
        die_errno("/proc/meminfo");
    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, "%31[^:]: %llu", name, &value) != 2)
            continue;
        for (int i = 0; i < NR_VALUES; i++)
            if (strcmp(names[i], name) == 0)
                kib[i] = value;
    }
    fclose(file);
}

static void put_amount(unsigned long long kib, char unit)
{
    char text[HUMAN_LEN];

    if (unit == 'h')
        human_size(kib * 1024, text);
    else
        snprintf(text, sizeof(text), "%llu",
                 unit == 'b'   ? kib * 1024
                 : unit == 'm' ? kib / 1024
                               : kib);
    printf(" %11s", text);
}

int main(int argc, char **argv)
{
    unsigned long long kib[NR_VALUES] = {0}, cache, used;
    char unit = 'k';
    int option;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "bkmh")) != -1)
        unit = (char)option;
    read_values(kib);
    cache = kib[BUFFERS] + kib[CACHED];
    used = kib[TOTAL] - kib[FREE] - cache;
    if (kib[FREE] + cache > kib[TOTAL])
        used = kib[TOTAL] - kib[FREE];
    printf("%-5s %11s %11s %11s %11s %11s %11s\n", "", "total", "used", "free", "shared",
           "buff/cache", "available");
    printf("%-5s", "Mem:");
    put_amount(kib[TOTAL], unit);
    put_amount(used, unit);
    put_amount(kib[FREE], unit);
    put_amount(kib[SHARED], unit);
    put_amount(cache, unit);
    put_amount(kib[AVAILABLE], unit);
    printf("\n%-5s", "Swap:");
    put_amount(kib[SWAP_TOTAL], unit);
    put_amount(kib[SWAP_TOTAL] - kib[SWAP_FREE], unit);
    put_amount(kib[SWAP_FREE], unit);
    putchar('\n');
    return tool_end(0);
}
