// SPDX-License-Identifier: MIT
/* The leak search in a running kernel: what is lost is found, what is held is not. With the search
 * off (no kmemleak=on) only that is checked; the QEMU test "kmemleak-selftest" boots with it on. */
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/selftest.h"
#include "mm/debug/leak.h"
#include "mm/debug/test/planted.h"
#include "mm/kmalloc.h"
#include "mm/vmalloc.h"

struct link {
    struct link *next;
    uint64_t rest[20];
};

static struct link *_Atomic held; /* a root */
static uint64_t lost[3];          /* addresses, complemented: no pointers */

/* In a thread of its own, whose stack and registers are gone when the search begins. The run is too long to be a
 * hot one: those were somebody's a moment ago, and where his pointer still lies around, the search takes it for one
 * to the new block. */
static void plant(void *arg)
{
    struct link *first = kmalloc(sizeof(*first), ALLOC_KERNEL | ALLOC_ZERO);
    void *large = kmalloc(80000, ALLOC_KERNEL | ALLOC_ZERO);
    void *area = vmalloc(3 * PAGE_SIZE, ALLOC_KERNEL);

    if (first != NULL && large != NULL && area != NULL) {
        /* Each holds the next, by an address in its middle; whoever loses the first loses all. */
        first->next = (struct link *)((char *)large + 70000) /* in the run's second block */;
        *(void **)((char *)large + 79992) = (char *)area + PAGE_SIZE;
        *(void **)area = NULL;
        lost[0] = ~(uint64_t)first;
        lost[1] = ~(uint64_t)large;
        lost[2] = ~(uint64_t)area;
    }
    (void)arg;
    store_release(&held, first);
}

static bool is_reported(uint64_t address, const char *name, uint64_t size_bytes)
{
    struct leak leak;

    for (unsigned i = 0; leak_get(i, &leak); i++) {
        if (leak.address == address) {
            return strcmp(leak.name, name) == 0 && leak.size_bytes == size_bytes &&
                   owner_call(&leak.owner, 0) != NULL && owner_age_ns(&leak.owner) < 60000000000ull;
        }
    }
    return false;
}

static bool plant_in_thread(void)
{
    held = NULL;
    lost[0] = 0;
    if (port_spawn("leaker", plant, NULL) == NULL) {
        return false;
    }
    for (unsigned i = 0; i < 1000 && load_acquire(&held) == NULL; i++) {
        port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
        CHECK(port_block(port_clock_ns() + 10000000) != 0); /* the time is over, nobody wakes us */
    }
    return held != NULL && lost[0] != 0;
}

SELFTEST(leak_search_finds_what_nobody_points_to)
{
    if (!leak_search_is_on) {
        CHECK(leak_scan() == -EOPNOTSUPP && leak_clear() == -EOPNOTSUPP);
        return;
    }
    CHECK(leak_scan() == 0);
    CHECK(plant_in_thread());
    CHECK(leak_scan() == 0); /* all three are held */
    held = NULL;
    planted_listen();
    CHECK(leak_scan() == 3);
    CHECK(planted_said("3 unreferenced, see /proc/kmemleak"));
    CHECK(is_reported(~lost[0], "kmalloc-192", 192));
    CHECK(is_reported(~lost[1], "kmalloc-large", 20 * PAGE_SIZE));
    CHECK(is_reported(~lost[2], "vmalloc", 3 * PAGE_SIZE));
    CHECK(leak_scan() == 3); /* two scans agree */
    CHECK(leak_clear() == 0);
    CHECK(leak_scan() == 0); /* told to forget them */
    kfree((void *)~lost[0]);
    kfree((void *)~lost[1]);
    vfree((void *)~lost[2]);
    CHECK(leak_scan() == 0);
}
