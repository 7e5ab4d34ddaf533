// SPDX-License-Identifier: MIT
// printf FORMAT [ARGUMENT]…
//
// Each conversion is checked, rebuilt with the widest length modifier and handed to printf(3). The
// format is used again while arguments remain; missing ones are "" or 0. A number may be written
// 'c, for the code of the character.
#include "user/lib/escape.h"
#include "user/lib/text_commands.h"
#include "user/lib/tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
    char **next, **end;
    int status;
};

struct conversion {
    char flags[8];
    int width, precision; // precision -1: none
    char letter;
};

enum { FIELD_MAX = 100000 }; // wider fields are refused: they are slips, and cost memory

static const char *next_argument(struct arguments *args)
{
    return args->next < args->end ? *args->next++ : NULL;
}

static void check_number(struct arguments *args, const char *text, const char *end)
{
    if (errno)
        warn_errno("%s", text);
    else if (end == text)
        warn_text("%s: a number is needed", text);
    else if (*end)
        warn_text("%s: not wholly a number", text);
    else
        return;
    args->status = 1;
}

static intmax_t integer_argument(struct arguments *args, bool is_signed)
{
    const char *text = next_argument(args);
    char *end;
    intmax_t value;

    if (!text)
        return 0;
    if (*text == '\'' || *text == '"')
        return (unsigned char)text[1];
    errno = 0;
    if (is_signed || *text == '-')
        value = strtoimax(text, &end, 0);
    else
        value = (intmax_t)strtoumax(text, &end, 0);
    check_number(args, text, end);
    return value;
}

static double real_argument(struct arguments *args)
{
    const char *text = next_argument(args);
    char *end;
    double value;

    if (!text)
        return 0;
    if (*text == '\'' || *text == '"')
        return (unsigned char)text[1];
    errno = 0;
    value = strtod(text, &end);
    check_number(args, text, end);
    return value;
}

// A width or precision: digits or '*'. Returns it, or a negative number for a refused one.
static int read_extent(const char **at, struct arguments *args)
{
    intmax_t value = 0;

    if (**at == '*') {
        (*at)++;
        value = integer_argument(args, true);
    } else {
        while (**at >= '0' && **at <= '9' && value <= FIELD_MAX)
            value = value * 10 + (*(*at)++ - '0');
    }
    return value > FIELD_MAX || value < -FIELD_MAX ? FIELD_MAX + 1 : (int)value;
}

// Parse behind '%'. Returns false, with a message, for what is no conversion.
static bool read_conversion(const char **at, struct arguments *args, struct conversion *out)
{
    const char *start = *at;
    size_t nr_flags = strspn(*at, "-+ #0");

    *out = (struct conversion){.precision = -1};
    memcpy(out->flags, *at, nr_flags < 5 ? nr_flags : 5);
    *at += nr_flags;
    out->width = read_extent(at, args);
    if (out->width < 0) {
        strcat(out->flags, "-");
        out->width = -out->width;
    }
    if (**at == '.') {
        (*at)++;
        out->precision = read_extent(at, args);
        if (out->precision < 0)
            out->precision = -1;
    }
    *at += strspn(*at, "hljzt");
    out->letter = **at;
    if (out->letter && strchr("diouxXcsbeEfFgGaA", out->letter) && out->width <= FIELD_MAX &&
        out->precision <= FIELD_MAX) {
        (*at)++;
        return true;
    }
    warn_text("%%%.*s: bad conversion", (int)(*at - start) + (**at != '\0'), start);
    return false;
}

// Call printf with the rebuilt conversion. The format was made of checked parts.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void put_conversion(const struct conversion *conv, struct arguments *args)
{
    char format[32];
    const char *text;

    if (strchr("di", conv->letter)) {
        snprintf(format, sizeof(format), "%%%s*.*jd", conv->flags);
        printf(format, conv->width, conv->precision, integer_argument(args, true));
    } else if (strchr("ouxX", conv->letter)) {
        snprintf(format, sizeof(format), "%%%s*.*j%c", conv->flags, conv->letter);
        printf(format, conv->width, conv->precision, (uintmax_t)integer_argument(args, false));
    } else if (strchr("eEfFgGaA", conv->letter)) {
        snprintf(format, sizeof(format), "%%%s*.*%c", conv->flags, conv->letter);
        printf(format, conv->width, conv->precision, real_argument(args));
    } else {
        text = next_argument(args);
        if (!text)
            text = "";
        snprintf(format, sizeof(format), "%%%s*.*s", strchr(conv->flags, '-') ? "-" : "");
        printf(format, conv->width, conv->letter == 'c' ? 1 : conv->precision, text);
    }
}
#pragma GCC diagnostic pop

// One pass over the format. Returns false if output is to end.
static bool put_format(const char *at, struct arguments *args)
{
    while (*at) {
        int byte = (unsigned char)*at++;
        struct conversion conv;

        if (byte == '\\') {
            byte = read_escape(&at, ESCAPE_FORMAT);
            if (byte == ESCAPE_NONE)
                byte = '\\';
        } else if (byte == '%' && *at == '%') {
            at++;
        } else if (byte == '%') {
            if (!read_conversion(&at, args, &conv)) {
                args->status = 1;
                return false;
            }
            if (conv.letter != 'b') {
                put_conversion(&conv, args);
            } else {
                const char *text = next_argument(args);

                if (text && !put_escaped(text, ESCAPE_ECHO))
                    return false;
            }
            continue;
        }
        putchar(byte);
    }
    return true;
}

int printf_command(int argc, char **argv)
{
    struct arguments args = {argv + 2, argv + argc, 0};
    int at = 1;
    char **before;

    if (at < argc && strcmp(argv[at], "--") == 0) {
        at++;
        args.next++;
    }
    if (at >= argc) {
        warn_text("a format is needed");
        return 2;
    }
    do
        before = args.next;
    while (put_format(argv[at], &args) && args.next < args.end && args.next != before);
    return args.status;
}
