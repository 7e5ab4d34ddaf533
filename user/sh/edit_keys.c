// SPDX-License-Identifier: MIT
// Keys: bytes from the terminal, with the escape sequences of the cursor keys put together.
#include "user/sh/edit_internal.h"
#include "user/sh/shell.h"
#include "user/sh/trap.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_byte(void)
{
    unsigned char byte;
    ssize_t len;

    while ((len = read(STDIN_FILENO, &byte, 1)) < 0 && errno == EINTR) {
        if (trap_take_interrupt())
            return CTRL_C;
        if (trap_pending())
            trap_run_pending();
        if (shell.unwind)
            return KEY_CLOSED;
    }
    return len == 1 ? byte : KEY_CLOSED;
}

// The rest of an escape sequence comes at once; a lone ESC has nothing behind it.
static bool more_follows(void)
{
    struct pollfd poll_fd = {.fd = STDIN_FILENO, .events = POLLIN};

    return poll(&poll_fd, 1, 50) > 0;
}

static int decode_sequence(const char *parameters, int final)
{
    bool with_ctrl = strstr(parameters, ";5") != NULL;

    switch (final) {
    case 'A': return KEY_UP;
    case 'B': return KEY_DOWN;
    case 'C': return with_ctrl ? KEY_WORD_RIGHT : KEY_RIGHT;
    case 'D': return with_ctrl ? KEY_WORD_LEFT : KEY_LEFT;
    case 'H': return KEY_HOME;
    case 'F': return KEY_END;
    case '~':
        switch (atoi(parameters)) {
        case 1:
        case 7: return KEY_HOME;
        case 3: return KEY_DELETE;
        case 4:
        case 8: return KEY_END;
        default: return KEY_NONE;
        }
    default: return KEY_NONE;
    }
}

static int read_escape_key(void)
{
    char parameters[16];
    size_t len = 0;
    int byte;

    if (!more_follows())
        return KEY_NONE;
    byte = read_byte();
    if (byte == 'b')
        return KEY_WORD_LEFT;
    if (byte == 'f')
        return KEY_WORD_RIGHT;
    if (byte != '[' && byte != 'O')
        return byte == KEY_CLOSED ? KEY_CLOSED : KEY_NONE;
    while ((byte = read_byte()) < '@') // digits and semicolons, then a letter or ~
        if (len < sizeof(parameters) - 1)
            parameters[len++] = (char)byte;
    parameters[len] = '\0';
    return byte == KEY_CLOSED ? KEY_CLOSED : decode_sequence(parameters, byte);
}

int edit_read_key(void)
{
    int byte = read_byte();

    return byte == ESCAPE ? read_escape_key() : byte;
}
