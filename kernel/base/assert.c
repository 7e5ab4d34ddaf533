// SPDX-License-Identifier: MIT
/* panic(): put the cause into words, and leave the rest to the port.
 *
 * The text is built in a static buffer, one for each hart, because a panic may come on a stack that is nearly used
 * up, and on several harts at once. Interrupts go off first and stay off: the hart is ours until the end. */
#include "kernel/base/assert.h"
#include "kernel/base/klog.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"

enum { MESSAGE_BYTES = 384 };

void panic(const char *format, ...)
{
    static char messages[MAX_HARTS][MESSAGE_BYTES];
    va_list args;

    (void)port_irq_save();
    char *message = messages[port_hart_id() % MAX_HARTS];
    va_start(args, format);
    kvsnprintf(message, MESSAGE_BYTES, format, args);
    va_end(args);
    klog_flush_for_panic();
    port_panic(message);
}
