// SPDX-License-Identifier: MIT
/* A small machine for the tests of mm: RAM with the frame allocator on it, and an ear for the
 * log. */
#ifndef CAIRN_MM_TEST_MACHINE_H
#define CAIRN_MM_TEST_MACHINE_H

#include <string.h>

#include "kernel/base/assert.h"
#include "mm/frames.h"
#include "mm/space.h"
#include "tools/host/arena.h"
#include "tools/host/host.h"

static inline void machine_start(size_t ram_bytes)
{
    struct frame_range ram = {host_arena(ram_bytes), ram_bytes};

    if (frames_init(&ram, 1, NULL, 0) != 0) {
        panic("no memory for the test");
    }
}

/* Families of anonymous pages are never given back: make as many as a test may have at once before
 * it counts frames. */
static inline __attribute__((unused)) void machine_warm_families(void)
{
    struct space *space = space_create();
    uint8_t byte = 0;

    for (uint64_t i = 0; space != NULL && i < 256; i++) {
        struct space_map_request request = {
            .address = 0x10000000 + 2 * i * PAGE_SIZE,
            .len_bytes = PAGE_SIZE,
            .flags = AREA_READ | AREA_WRITE,
            .is_fixed = true,
        };
        uint64_t address;

        if (space_map(space, &request, &address) != 0 ||
            space_write(space, address, &byte, 1) != 1) {
            panic("no memory for the test");
        }
    }
    space_put(space);
}

/* The log since machine_listen(). */
static char machine_log[64 << 10] __attribute__((unused));

static inline void machine_hear(const char *text, size_t len_bytes)
{
    size_t used = strlen(machine_log);

    if (len_bytes >= sizeof(machine_log) - used) {
        len_bytes = sizeof(machine_log) - used - 1;
    }
    memcpy(machine_log + used, text, len_bytes);
    machine_log[used + len_bytes] = '\0';
}

static inline void machine_listen(void)
{
    machine_log[0] = '\0';
    host_set_console(machine_hear);
}

/* Whether the log has the text; listening ends. */
static inline bool machine_said(const char *text)
{
    host_set_console(NULL);
    return strstr(machine_log, text) != NULL;
}

#endif
