// SPDX-License-Identifier: MIT
/* Random numbers: repeatable ones for tests, and the system's for the port. */
#include "tools/host/host_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "kernel/base/hash.h"
#include "kernel/base/port.h"

void port_random_bytes(void *buffer, size_t len_bytes)
{
    char *at = buffer;

    while (len_bytes > 0) {
        ssize_t got_bytes = getrandom(at, len_bytes, 0);
        if (got_bytes > 0) {
            at += got_bytes;
            len_bytes -= (size_t)got_bytes;
        }
    }
}

void host_random_init(struct host_random *random)
{
    const char *seed = getenv("SEED");
    struct timespec now;

    if (seed != NULL && *seed != '\0') {
        random->state = strtoull(seed, NULL, 0);
    } else {
        clock_gettime(CLOCK_REALTIME, &now);
        random->state = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    }
    fprintf(stderr, "SEED=%llu\n", (unsigned long long)random->state);
}

/* SplitMix64: a counter, hashed. */
uint64_t host_random_next(struct host_random *random)
{
    random->state += 0x9e3779b97f4a7c15ull;
    return hash_u64(random->state);
}

uint64_t host_random_below(struct host_random *random, uint64_t bound)
{
    return host_random_next(random) % bound;
}
