// SPDX-License-Identifier: MIT
/* The terminal on the serial line: where the UART meets the tty. */
#include "kernel/console_tty.h"

#include "drivers/tty.h"
#include "drivers/uart.h"

#define TTYS0_DEV   ((4u << 8) | 64)
#define CONSOLE_DEV ((5u << 8) | 1)

static size_t line_write(struct tty_line *line, const uint8_t *bytes, size_t len_bytes)
{
    return uart_write(bytes, len_bytes);
}

static size_t line_room(struct tty_line *line)
{
    return uart_room();
}

static struct tty_line uart_line = {.write = line_write, .room = line_room};
static struct tty *console;

static void receive(void *arg, const uint8_t *bytes, size_t len_bytes)
{
    tty_receive(console, bytes, len_bytes);
}

int console_tty_start(void)
{
    int error;

    uart_line.room_waitq = uart_room_waitq();
    error = tty_register("ttyS0", TTYS0_DEV, &uart_line, &console);
    if (error == 0) {
        error = tty_register_alias(console, "console", CONSOLE_DEV);
    }
    return error != 0 ? error : uart_start(receive, NULL);
}
