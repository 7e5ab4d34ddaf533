// SPDX-License-Identifier: MIT
/* The clock runs forward on every hart, and deadlines are met: not early, and not absurdly late. */
#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/hart.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/port.h"
#include "kernel/base/selftest.h"

#define MS 1000000ull

SELFTEST(clock_never_runs_backward)
{
    uint64_t last_ns = port_clock_ns();

    for (int i = 0; i < 20000; i++) {
        uint64_t now_ns = port_clock_ns();

        if (now_ns < last_ns) {
            CHECK(!"the clock ran backward");
            return;
        }
        last_ns = now_ns;
        if (i % 100 == 0) {
            port_yield(); /* perhaps to another hart */
        }
    }
}

SELFTEST(deadlines_are_met)
{
    static const uint64_t delays_ns[] = {0, 1, 1000, 100000, 3 * MS, 20 * MS};

    for (unsigned i = 0; i < array_size(delays_ns); i++) {
        uint64_t deadline_ns = port_clock_ns() + delays_ns[i];
        int error;

        port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
        error = port_block(deadline_ns);
        port_block_cancel();
        CHECK(error == -ETIMEDOUT);
        CHECK(port_clock_ns() >= deadline_ns);
        CHECK(port_clock_ns() < deadline_ns + 5000 * MS);
    }
}

SELFTEST(wall_clock_stands_in_this_century)
{
    uint64_t first_ns = port_realtime_ns();

    CHECK(first_ns / 1000000000 > 1600000000);
    CHECK(port_realtime_ns() >= first_ns);
}

SELFTEST(hart_numbers_and_ids_agree)
{
    unsigned hart;

    CHECK(port_hart_id() < port_nr_harts());
    for (unsigned i = 0; i < hart_nr_known(); i++) {
        CHECK(hart_find(hart_id_of(i), &hart) && hart == i);
    }
    CHECK(!hart_find(UINT64_MAX, &hart));
    /* A message to everyone, oneself included, does no harm. */
    for (unsigned i = 0; i < port_nr_harts(); i++) {
        trap_send_ipi(i);
    }
}
