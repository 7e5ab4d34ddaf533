// SPDX-License-Identifier: MIT
/* Time on the host: the monotonic clock, or one that stands still until a test moves it. */
#include "tools/host/host_internal.h"

#include <stdatomic.h>
#include <time.h>

#include "kernel/base/port.h"

static _Atomic bool is_fake;
static _Atomic uint64_t fake_ns;

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t port_clock_ns(void)
{
    return atomic_load(&is_fake) ? atomic_load(&fake_ns) : read_clock(CLOCK_MONOTONIC);
}

/* A fake clock's day is fixed, so that time stamps in tests are too. */
uint64_t port_realtime_ns(void)
{
    enum { FAKE_EPOCH_S = 1000000000 };

    return atomic_load(&is_fake) ? FAKE_EPOCH_S * 1000000000ull + atomic_load(&fake_ns)
                                 : read_clock(CLOCK_REALTIME);
}

uint64_t host_cycles(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

bool host_clock_is_fake(void)
{
    return atomic_load(&is_fake);
}

void host_clock_fake(uint64_t start_ns)
{
    atomic_store(&fake_ns, start_ns);
    atomic_store(&is_fake, true);
}

void host_clock_advance(uint64_t step_ns)
{
    atomic_fetch_add(&fake_ns, step_ns);
}

void host_clock_real(void)
{
    atomic_store(&is_fake, false);
}
