// SPDX-License-Identifier: MIT
// Dates as people type them. strptime(3) reads the fields; what it leaves must be nothing.
#include "user/lib/times.h"

#include "user/lib/number.h"

#include <stdio.h>
#include <string.h>

// Behind the time: nothing, "Z" or a numeric zone. Returns false for anything else.
static bool finish(struct tm *tm, const char *rest, struct timespec *out)
{
    int hours, minutes, used = 0;
    char sign[2];
    time_t seconds;

    while (*rest == ' ')
        rest++;
    if (*rest == '\0') {
        tm->tm_isdst = -1;
        seconds = mktime(tm);
    } else if (strcmp(rest, "Z") == 0 || strcmp(rest, "UTC") == 0) {
        seconds = timegm(tm);
    } else if (sscanf(rest, "%1[+-]%2d:%2d%n", sign, &hours, &minutes, &used) == 3 ||
               sscanf(rest, "%1[+-]%2d%2d%n", sign, &hours, &minutes, &used) == 3) {
        if (rest[used])
            return false;
        seconds = timegm(tm) - (sign[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    } else {
        return false;
    }
    *out = (struct timespec){seconds, 0};
    return true;
}

bool parse_date(const char *text, struct timespec *out)
{
    static const char *const dates[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M",
                                        "%Y-%m-%dT%H:%M"};
    struct tm today, tm;
    const char *rest;
    int64_t seconds;
    time_t now = time(NULL);

    if (text[0] == '@') {
        if (!parse_i64(text + 1, &seconds))
            return false;
        *out = (struct timespec){(time_t)seconds, 0};
        return true;
    }
    localtime_r(&now, &today);
    if (strcmp(text, "now") == 0) {
        *out = (struct timespec){now, 0};
        return true;
    }
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        tm = (struct tm){0};
        rest = strptime(text, dates[i], &tm);
        if (rest && finish(&tm, rest, out))
            return true;
    }
    tm = (struct tm){0};
    rest = strptime(text, "%Y-%m-%d", &tm);
    if (rest && finish(&tm, rest, out))
        return true;
    today.tm_sec = 0;
    tm = today;
    rest = strptime(text, "%H:%M:%S", &tm);
    if (!rest) {
        tm = today;
        rest = strptime(text, "%H:%M", &tm);
    }
    return rest && finish(&tm, rest, out);
}

// Two digits, or -1.
static int pair(const char *text)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
        return -1;
    return (text[0] - '0') * 10 + text[1] - '0';
}

bool parse_stamp(const char *text, struct timespec *out)
{
    size_t nr_digits = strspn(text, "0123456789");
    int fields[6], nr = (int)nr_digits / 2, century = -1, year;
    time_t now = time(NULL), seconds;
    struct tm tm;

    localtime_r(&now, &tm);
    if (nr_digits != 8 && nr_digits != 10 && nr_digits != 12)
        return false;
    for (int i = 0; i < nr; i++)
        fields[i] = pair(text + 2 * i);
    year = tm.tm_year + 1900;
    if (nr == 6)
        century = fields[0];
    if (nr >= 5) {
        year = fields[nr - 5];
        year += century >= 0 ? century * 100 : year < 69 ? 2000 : 1900;
    }
    tm = (struct tm){.tm_year = year - 1900,
                     .tm_mon = fields[nr - 4] - 1,
                     .tm_mday = fields[nr - 3],
                     .tm_hour = fields[nr - 2],
                     .tm_min = fields[nr - 1],
                     .tm_isdst = -1};
    if (text[nr_digits] == '.') {
        tm.tm_sec = pair(text + nr_digits + 1);
        nr_digits += 3;
    }
    if (tm.tm_sec < 0 || tm.tm_sec > 60 || text[nr_digits] || tm.tm_mon > 11 || tm.tm_mon < 0 ||
        tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59)
        return false;
    seconds = mktime(&tm);
    *out = (struct timespec){seconds, 0};
    return true;
}
