// SPDX-License-Identifier: MIT
/* printf formatting: one pass over the format, each character handed to an output that counts what does not fit.
 *
 * The conversions are those of C99 without floating point and without %n: d i u o x X c s p %, the flags
 * "-+ #0", width, precision, and the lengths hh h l ll j z t. One is ours: %pS writes a code address as
 * symbol+0xoffset. Nothing here allocates, locks or fails, because the panic path ends in it. */
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "kernel/base/symbols.h"

struct output {
    char *buffer;
    size_t size_bytes;
    size_t len_bytes; /* of the whole result, whether it fits or not */
};

struct conversion {
    bool is_left;
    bool has_zeros;
    bool is_alternate;
    char sign; /* what a number that is not negative begins with: '+', ' ' or 0 */
    int width;
    int precision; /* -1: none */
    unsigned size_bytes;
};

/* The digits of a 64-bit number in octal, the longest. */
enum { MAX_DIGITS = 22 };

static void put(struct output *out, char c)
{
    if (out->len_bytes + 1 < out->size_bytes) {
        out->buffer[out->len_bytes] = c;
    }
    out->len_bytes++;
}

static void put_repeated(struct output *out, char c, int count)
{
    while (count-- > 0) {
        put(out, c);
    }
}

static void put_string(struct output *out, const struct conversion *conv, const char *text)
{
    if (text == NULL) {
        text = "(null)";
    }
    size_t max_bytes = conv->precision >= 0 ? (size_t)conv->precision : SIZE_MAX / 2;
    int len_bytes = (int)strnlen(text, max_bytes);

    if (!conv->is_left) {
        put_repeated(out, ' ', conv->width - len_bytes);
    }
    for (int i = 0; i < len_bytes; i++) {
        put(out, text[i]);
    }
    if (conv->is_left) {
        put_repeated(out, ' ', conv->width - len_bytes);
    }
}

/* Write a number's digits backwards from `end`. Returns where they begin; 0 has none. */
static char *make_digits(char *end, uint64_t value, unsigned base, bool is_upper)
{
    const char *digits = is_upper ? "0123456789ABCDEF" : "0123456789abcdef";

    for (; value != 0; value /= base) {
        *--end = digits[value % base];
    }
    return end;
}

static void put_number(struct output *out, const struct conversion *conv, uint64_t value,
                       bool is_negative, unsigned base, bool is_upper)
{
    char buffer[MAX_DIGITS];
    char *digits = make_digits(buffer + MAX_DIGITS, value, base, is_upper);
    int nr_digits = (int)(buffer + MAX_DIGITS - digits);
    char prefix[3] = "";
    int prefix_bytes = 0;

    if (is_negative || conv->sign != 0) {
        prefix[prefix_bytes++] = is_negative ? '-' : conv->sign;
    }
    if (conv->is_alternate && base == 16 && value != 0) {
        prefix[prefix_bytes++] = '0';
        prefix[prefix_bytes++] = is_upper ? 'X' : 'x';
    }
    int nr_zeros = (conv->precision >= 0 ? conv->precision : 1) - nr_digits;
    if (conv->is_alternate && base == 8 && nr_zeros <= 0) {
        nr_zeros = 1;
    }
    nr_zeros = max_of(nr_zeros, 0);
    int padding = conv->width - prefix_bytes - nr_zeros - nr_digits;
    if (conv->has_zeros && !conv->is_left && conv->precision < 0 && padding > 0) {
        nr_zeros += padding;
        padding = 0;
    }
    if (!conv->is_left) {
        put_repeated(out, ' ', padding);
    }
    for (int i = 0; i < prefix_bytes; i++) {
        put(out, prefix[i]);
    }
    put_repeated(out, '0', nr_zeros);
    for (int i = 0; i < nr_digits; i++) {
        put(out, digits[i]);
    }
    if (conv->is_left) {
        put_repeated(out, ' ', padding);
    }
}

static void put_pointer(struct output *out, struct conversion *conv, uint64_t value, bool as_symbol)
{
    const char *name;
    uint64_t offset;

    if (as_symbol && symbol_lookup(value, &name, &offset)) {
        char text[96];
        ksnprintf(text, sizeof(text), "%s+0x%llx", name, (unsigned long long)offset);
        put_string(out, conv, text);
        return;
    }
    conv->is_alternate = true;
    put_number(out, conv, value, false, 16, false);
}

/* A decimal number of the format itself. */
static int parse_count(const char **format)
{
    int count = 0;

    while (char_is_digit(**format)) {
        count = min_of(count * 10 + (*(*format)++ - '0'), 1 << 20);
    }
    return count;
}

static void parse_flags(const char **format, struct conversion *conv)
{
    for (;; ++*format) {
        switch (**format) {
        case '-': conv->is_left = true; break;
        case '0': conv->has_zeros = true; break;
        case '#': conv->is_alternate = true; break;
        case '+': conv->sign = '+'; break;
        case ' ': conv->sign = conv->sign == '+' ? '+' : ' '; break;
        default: return;
        }
    }
}

static unsigned parse_length(const char **format)
{
    switch (*(*format)++) {
    case 'h':
        if (**format == 'h') {
            ++*format;
            return sizeof(char);
        }
        return sizeof(short);
    case 'l':
        if (**format == 'l') {
            ++*format;
        }
        return sizeof(long);
    case 'j':
    case 'z':
    case 't': return sizeof(long);
    default: --*format; return sizeof(int);
    }
}

/* Arguments narrower than a long arrive as an int; hh and h then cut them. */
static int64_t fetch_signed(va_list *args, unsigned size_bytes)
{
    switch (size_bytes) {
    case sizeof(char): return (signed char)va_arg(*args, int);
    case sizeof(short): return (short)va_arg(*args, int);
    case sizeof(int): return va_arg(*args, int);
    default: return va_arg(*args, long);
    }
}

static uint64_t fetch_unsigned(va_list *args, unsigned size_bytes)
{
    switch (size_bytes) {
    case sizeof(char): return (unsigned char)va_arg(*args, unsigned);
    case sizeof(short): return (unsigned short)va_arg(*args, unsigned);
    case sizeof(int): return va_arg(*args, unsigned);
    default: return va_arg(*args, unsigned long);
    }
}

static unsigned base_of(char letter)
{
    switch (letter) {
    case 'u': return 10;
    case 'o': return 8;
    default: return 16;
    }
}

/* One conversion, after its flags, width, precision and length. Returns false if the letter is not one. */
static bool convert(struct output *out, struct conversion *conv, const char **format, va_list *args)
{
    char letter = *(*format)++;

    switch (letter) {
    case 'd':
    case 'i': {
        int64_t value = fetch_signed(args, conv->size_bytes);
        uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
        put_number(out, conv, magnitude, value < 0, 10, false);
        return true;
    }
    case 'u':
    case 'o':
    case 'x':
    case 'X':
        conv->sign = 0;
        put_number(out, conv, fetch_unsigned(args, conv->size_bytes), false, base_of(letter),
                   letter == 'X');
        return true;
    case 'c': {
        char text[2] = {(char)va_arg(*args, int), '\0'};
        conv->precision = -1;
        if (text[0] == '\0') {
            put(out, '\0');
        } else {
            put_string(out, conv, text);
        }
        return true;
    }
    case 's': put_string(out, conv, va_arg(*args, const char *)); return true;
    case 'p': {
        bool as_symbol = **format == 'S';
        *format += as_symbol;
        put_pointer(out, conv, (uint64_t)(uintptr_t)va_arg(*args, void *), as_symbol);
        return true;
    }
    case '%': put(out, '%'); return true;
    default: return false;
    }
}

static void format_all(struct output *out, const char *format, va_list *args)
{
    while (*format != '\0') {
        if (*format != '%') {
            put(out, *format++);
            continue;
        }
        const char *start = format++;
        struct conversion conv = {.precision = -1};
        parse_flags(&format, &conv);
        if (*format == '*') {
            format++;
            conv.width = va_arg(*args, int);
            if (conv.width < 0) {
                conv.is_left = true;
                conv.width = -conv.width;
            }
        } else {
            conv.width = parse_count(&format);
        }
        if (*format == '.') {
            format++;
            if (*format == '*') {
                format++;
                conv.precision = max_of(va_arg(*args, int), -1);
            } else {
                conv.precision = parse_count(&format);
            }
        }
        conv.size_bytes = parse_length(&format);
        if (!convert(out, &conv, &format, args)) {
            put(out, '%'); /* not a conversion: show the text as it stands */
            format = start + 1;
        }
    }
}

int kvsnprintf(char *buffer, size_t size_bytes, const char *format, va_list args)
{
    struct output out = {.buffer = buffer, .size_bytes = size_bytes};
    va_list copy;

    va_copy(copy, args);
    format_all(&out, format, &copy);
    va_end(copy);
    if (size_bytes > 0) {
        buffer[min_of(out.len_bytes, size_bytes - 1)] = '\0';
    }
    return (int)out.len_bytes;
}

int ksnprintf(char *buffer, size_t size_bytes, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len_bytes = kvsnprintf(buffer, size_bytes, format, args);
    va_end(args);
    return len_bytes;
}
