// SPDX-License-Identifier: MIT
// Dates as people type them: date -d, date -s, touch -d, touch -t.
#ifndef CAIRN_USER_LIB_TIMES_H
#define CAIRN_USER_LIB_TIMES_H

#include <stdbool.h>
#include <time.h>

/** "@SECONDS", "now", "HH:MM[:SS]", "YYYY-MM-DD[ HH:MM[:SS]]" with T or a blank between and an
 *  optional Z or +hhmm; local time unless the zone is named. */
bool parse_date(const char *text, struct timespec *out);

/** "[[CC]YY]MMDDhhmm[.ss]", local time. */
bool parse_stamp(const char *text, struct timespec *out);

#endif
