// SPDX-License-Identifier: MIT
/* Panics on the host: abort, unless a test waits for one. */
#include "tools/host/host_internal.h"

#include <execinfo.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/base/port.h"
#include "kernel/base/symbols.h"
#include "kernel/sync/lock_rank_check.h"

static _Thread_local jmp_buf *catcher;
static _Thread_local char caught_message[512];

void port_panic(const char *message)
{
    if (catcher != NULL) {
        snprintf(caught_message, sizeof(caught_message), "%s", message);
        longjmp(*catcher, 1);
    }
    fprintf(stderr, "PANIC: %s\n", message);
    abort();
}

const char *host_catch_panic(void (*fn)(void *arg), void *arg)
{
    struct host_thread before = host_thread;
    struct lock_rank_mark held_before = lock_rank_mark();
    jmp_buf *outer = catcher;
    jmp_buf here;
    bool has_panicked = setjmp(here) != 0;

    if (!has_panicked) {
        catcher = &here;
        fn(arg);
    } else {
        lock_rank_rewind(&held_before);
        host_thread.preempt_count = before.preempt_count;
        host_thread.interrupt_count = before.interrupt_count;
        host_thread.nofault_count = before.nofault_count;
        host_thread.irqs_off = before.irqs_off;
    }
    catcher = outer;
    return has_panicked ? caught_message : NULL;
}

void host_expect_panic(void (*fn)(void *arg), void *arg, const char *part)
{
    const char *message = host_catch_panic(fn, arg);

    if (message == NULL || strstr(message, part) == NULL) {
        fprintf(stderr, "expected a panic with \"%s\", got %s\n", part,
                message == NULL ? "none" : message);
        abort();
    }
}

unsigned port_backtrace(const void **callers, unsigned max)
{
    void *all[32];
    int nr = backtrace(all, 32);
    unsigned taken = 0;

    for (int i = 1; i < nr && taken < max; i++) { /* 0 is this function */
        callers[taken++] = all[i];
    }
    return taken;
}

bool symbol_lookup(uint64_t address, const char **name, uint64_t *offset)
{
    return false;
}
