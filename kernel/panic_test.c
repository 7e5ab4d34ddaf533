// SPDX-License-Identifier: MIT
/* Panics on demand. Each case goes wrong in one way that the panic path must survive and name. */
#include "kernel/panic_test.h"

#include "drivers/fdt.h"
#include "kernel/base/assert.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"

static void call(void)
{
    panic("asked for by the kernel argument panic_test");
}

static void write_null(void)
{
    volatile uint64_t *volatile nowhere = NULL;

    *nowhere = 1;
}

static void jump(void)
{
    void (*volatile nowhere)(void) = (void (*)(void))0x1000;

    nowhere();
}

static volatile unsigned stop_depth = UINT32_MAX;

static unsigned recurse(unsigned depth)
{
    volatile unsigned room[16] = {depth};

    return depth == stop_depth ? 0 : recurse(depth + 1) + room[depth % 16];
}

static void overflow_stack(void)
{
    (void)recurse(0);
}

static void write_text(void)
{
    volatile uint32_t *volatile code = (volatile uint32_t *)(uintptr_t)call;

    *code = 0;
}

static void trap(void)
{
    __asm__ volatile(".word 0");
}

static void panic_without_interrupts(void)
{
    (void)port_irq_save();
    port_thread()->in_irq++;
    call();
}

void panic_test_run(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {
        {"", call},
        {"call", call},
        {"null", write_null},
        {"jump", jump},
        {"stack", overflow_stack},
        {"text", write_text},
        {"trap", trap},
        {"irq", panic_without_interrupts},
    };
    char name[16];

    if (!bootarg_get("panic_test", name, sizeof(name))) {
        return;
    }
    for (unsigned i = 0; i < array_size(cases); i++) {
        if (strcmp(cases[i].name, name) == 0) {
            cases[i].run();
        }
    }
    panic("panic_test: no case is called \"%s\"", name);
}
