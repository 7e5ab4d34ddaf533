// SPDX-License-Identifier: MIT
/* The console on the host: whatever a test says, standard error with CAIRN_LOG, otherwise nothing. */
#include "tools/host/host_internal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/base/port.h"

static void (*_Atomic console_hook)(const char *text, size_t len_bytes);

void host_set_console(void (*write)(const char *text, size_t len_bytes))
{
    atomic_store(&console_hook, write);
}

void port_console_write(const char *text, size_t len_bytes)
{
    void (*hook)(const char *text, size_t len_bytes) = atomic_load(&console_hook);

    if (hook != NULL) {
        hook(text, len_bytes);
    } else if (getenv("CAIRN_LOG") != NULL) {
        fwrite(text, 1, len_bytes, stderr);
    }
}
