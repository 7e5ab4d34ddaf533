// SPDX-License-Identifier: MIT
/* touchmem: use more memory than a small machine has, and check every word of it.
 *
 * Each pass walks over all of it in a scrambled order, compares every page with what the pass before
 * left there, and writes something new; the checksum of what was read is printed at the end, and can
 * be predicted without the memory: so a page that was lost, mixed up or read back stale shows. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { WORDS_PER_PAGE = 4096 / sizeof(uint64_t) };

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    return x ^ x >> 32;
}

static uint64_t word(uint64_t pass, uint64_t page, uint64_t i)
{
    return pass == 0 ? 0 : mix(pass << 48 ^ page << 16 ^ i);
}

/* A permutation of [0, count) for a power of two. */
static uint64_t scramble(uint64_t i, uint64_t count, uint64_t pass)
{
    return (i * 0x9e3779b1u + pass * 12345) & (count - 1);
}

static int usage(const char *name, int status)
{
    fprintf(
        status == 0 ? stdout : stderr,
        "usage: %s [MiB [PASSES]]\n"
        "Touch MiB (a power of two; 64) of memory in PASSES (3) and check what it holds.\n"
        "Prints the checksum; status 1 when a word is wrong, 2 when there is no memory.\n"
        "%s --tables: only read a byte in each 2 MiB of 128 GiB, which takes nothing but page tables.\n",
        name, name);
    return status;
}

static int take_tables(void)
{
    const uint64_t step = 2 << 20, end = (uint64_t)128 << 30;
    const volatile char *memory = mmap(NULL, end, PROT_READ,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int sum = 0;

    if (memory == MAP_FAILED) {
        perror("touchmem: mmap");
        return 2;
    }
    for (uint64_t at = 0; at < end; at += step)
        sum += memory[at];
    return sum;
}

int main(int argc, char **argv)
{
    uint64_t mib = argc > 1 ? strtoull(argv[1], NULL, 10) : 64;
    uint64_t passes = argc > 2 ? strtoull(argv[2], NULL, 10) : 3;
    uint64_t pages = mib << 8, sum = 0, expected = 0;
    uint64_t *memory;

    if (argc > 1 && !strcmp(argv[1], "--help"))
        return usage(argv[0], 0);
    if (argc == 2 && !strcmp(argv[1], "--tables"))
        return take_tables();
    if (argc > 3 || mib == 0 || mib > 1 << 16 || (mib & (mib - 1)) || passes == 0)
        return usage(argv[0], 2);
    // It may be more than there is: that is to show when it is touched, and not here.
    memory = mmap(NULL, pages << 12, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("touchmem: mmap");
        return 2;
    }
    for (uint64_t pass = 0; pass <= passes; pass++) {
        for (uint64_t n = 0; n < pages; n++) {
            uint64_t page = scramble(n, pages, pass);
            uint64_t *words = memory + page * WORDS_PER_PAGE;
            for (uint64_t i = 0; i < WORDS_PER_PAGE; i += pass == passes ? 1 : 8) {
                if (pass == passes) {
                    sum += words[i];
                    expected += i % 8 == 0 ? word(pass, page, i) : 0;
                }
                if (i % 8 == 0 && words[i] != word(pass, page, i)) {
                    fprintf(stderr, "touchmem: pass %llu, page %llu, word %llu: %#llx\n",
                            (unsigned long long)pass, (unsigned long long)page,
                            (unsigned long long)i, (unsigned long long)words[i]);
                    return 1;
                }
                if (pass < passes)
                    words[i] = word(pass + 1, page, i);
            }
        }
        fprintf(stderr, "touchmem: pass %llu of %llu\n", (unsigned long long)pass,
                (unsigned long long)passes);
    }
    printf("touchmem: checksum %#llx, %s\n", (unsigned long long)sum,
           sum == expected ? "right" : "WRONG");
    return sum != expected;
}
