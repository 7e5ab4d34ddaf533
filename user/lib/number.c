// SPDX-License-Identifier: MIT
// Numbers as people type and read them: every parser takes the whole text or refuses it.
#include "user/lib/number.h"

#include "user/lib/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool parse_i64(const char *text, int64_t *out)
{
    char *end;
    long long value;

    if (*text == '\0' || strchr(" \t\n\v\f\r", *text))
        return false;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno || end == text || *end != '\0')
        return false;
    *out = value;
    return true;
}

static bool unit_factor(const char *unit, uint64_t *out)
{
    static const char letters[] = "KMGT";
    uint64_t base = 1024;
    const char *letter;

    if (strcmp(unit, "b") == 0) {
        *out = 512;
        return true;
    }
    if (strcmp(unit, "c") == 0 || *unit == '\0') {
        *out = 1;
        return true;
    }
    letter = strchr(letters, *unit == 'k' ? 'K' : *unit);
    if (!letter)
        return false;
    if (strcmp(unit + 1, "B") == 0)
        base = 1000;
    else if (unit[1] != '\0' && strcmp(unit + 1, "iB") != 0)
        return false;
    *out = 1;
    for (const char *at = letters; at <= letter; at++)
        *out *= base;
    return true;
}

bool parse_size(const char *text, uint64_t *out)
{
    char *end;
    unsigned long long value;
    uint64_t factor, result;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno || !unit_factor(end, &factor))
        return false;
    if (__builtin_mul_overflow((uint64_t)value, factor, &result))
        return false;
    *out = result;
    return true;
}

uint64_t need_size(const char *text, const char *what)
{
    uint64_t value;

    if (!parse_size(text, &value))
        die_text("%s: not a valid %s", text, what);
    return value;
}

const char *human_size(uint64_t bytes, char buf[HUMAN_LEN])
{
    static const char units[] = "BKMGTPE";
    uint64_t unit = 1;
    int at = 0;

    while (bytes / unit >= 1024 && at < 6) {
        unit *= 1024;
        at++;
    }
    // Rounded up, as a disk's fill is better over- than understated.
    if (at == 0)
        snprintf(buf, HUMAN_LEN, "%llu", (unsigned long long)bytes);
    else if (bytes / unit < 10) {
        uint64_t tenths = (bytes / unit) * 10 + ((bytes % unit) * 10 + unit - 1) / unit;

        snprintf(buf, HUMAN_LEN, "%llu.%llu%c", (unsigned long long)(tenths / 10),
                 (unsigned long long)(tenths % 10), units[at]);
    } else {
        uint64_t whole = bytes / unit + (bytes % unit != 0);

        snprintf(buf, HUMAN_LEN, "%llu%c", (unsigned long long)whole, units[at]);
    }
    return buf;
}
