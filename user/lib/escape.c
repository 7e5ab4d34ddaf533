// SPDX-License-Identifier: MIT
// Backslash escapes, as POSIX lists them for printf and echo, with \e and \xHH besides.
#include "user/lib/escape.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int read_octal(const char **at, int max_digits)
{
    int value = 0;

    for (int i = 0; i < max_digits && **at >= '0' && **at <= '7'; i++)
        value = value * 8 + (*(*at)++ - '0');
    return value & 0xff;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

    return found ? (int)(found - digits) : -1;
}

static int read_hex(const char **at)
{
    int value = hex_digit(**at);

    (*at)++;
    if (hex_digit(**at) >= 0)
        value = value * 16 + hex_digit(*(*at)++);
    return value;
}

int read_escape(const char **at, enum escape_style style)
{
    static const char letters[] = "abefnrtv\\\"'", bytes[] = "\a\b\033\f\n\r\t\v\\\"'";
    const char *letter;
    char c = **at;

    if (c >= '0' && c <= '7') {
        if (style == ESCAPE_ECHO && c == '0') {
            (*at)++;
            return read_octal(at, 3);
        }
        return read_octal(at, 3);
    }
    if (c == 'x' && hex_digit((*at)[1]) >= 0) {
        (*at)++;
        return read_hex(at);
    }
    if (c == 'c' && style == ESCAPE_ECHO)
        return ESCAPE_STOP;
    letter = c ? strchr(letters, c) : NULL;
    if (!letter)
        return ESCAPE_NONE;
    (*at)++;
    return (unsigned char)bytes[letter - letters];
}

bool put_escaped(const char *text, enum escape_style style)
{
    while (*text) {
        int byte = (unsigned char)*text++;

        if (byte == '\\') {
            byte = read_escape(&text, style);
            if (byte == ESCAPE_STOP)
                return false;
            if (byte == ESCAPE_NONE)
                byte = '\\';
        }
        putchar(byte);
    }
    return true;
}
