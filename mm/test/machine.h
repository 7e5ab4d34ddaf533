// SPDX-License-Identifier: MIT
/* A small machine for the tests of mm: RAM with the frame allocator on it, and an ear for the
 * log. */
#ifndef CAIRN_MM_TEST_MACHINE_H
#define CAIRN_MM_TEST_MACHINE_H

#include <string.h>

#include "kernel/base/assert.h"
#include "mm/frames.h"
#include "tools/host/arena.h"
#include "tools/host/host.h"

static inline void machine_start(size_t ram_bytes)
{
    struct frame_range ram = {host_arena(ram_bytes), ram_bytes};

    if (frames_init(&ram, 1, NULL, 0) != 0) {
        panic("no memory for the test");
    }
}

/* The log since machine_listen(). */
static char machine_log[4096] __attribute__((unused));

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
