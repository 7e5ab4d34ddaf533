// SPDX-License-Identifier: MIT
/* FAT's dates and times: local time without a zone, in two words of bit fields. Cairn takes it as
 * UTC.
 *
 * Days are counted in years that begin in March, so that the leap day is the last of its year
 * and the lengths of the months follow one line: month m (March is 0) begins on day (153 m + 2)
 * / 5. Between 1980 and 2107 every fourth year is a leap year but 2100. */
#include "fs/fat/time.h"

#include "fs/vfs/inode.h"

#define SECONDS_PER_DAY 86400
#define DAYS_TO_1980    3652 /* from 1970-01-01 */
#define FIRST_SECOND    ((int64_t)DAYS_TO_1980 * SECONDS_PER_DAY)
#define END_SECOND      ((int64_t)4354819200) /* 2108-01-01 */
#define DAYS_TO_MARCH_0 (-719468)             /* from 1970-01-01 to 0000-03-01 */
#define NS_PER_10_MS    10000000u
#define NS_PER_SECOND   1000000000ull

const struct time_format fat_time_format = {
    .unit_ns = {[TIME_ACCESSED] = SECONDS_PER_DAY * NS_PER_SECOND,
                [TIME_MODIFIED] = 2 * NS_PER_SECOND,
                [TIME_BORN] = NS_PER_10_MS},
    .first_sec = FIRST_SECOND,
    .last_sec = END_SECOND - 1,
};

/* Days from 1970-01-01 to a day of the Gregorian calendar; month 1 .. 12, day 1 .. 31. */
static int64_t days_from_date(int year, int month, int day)
{
    int march_year = month <= 2 ? year - 1 : year;
    int march_month = (month + 9) % 12;

    return DAYS_TO_MARCH_0 + (int64_t)march_year * 365 + march_year / 4 - march_year / 100 +
           march_year / 400 + (153 * march_month + 2) / 5 + day - 1;
}

static int clamp(int value, int lowest, int highest)
{
    return value < lowest ? lowest : value > highest ? highest : value;
}

struct timespec64 fat_time_decode(struct fat_stamp stamp)
{
    int year = 1980 + (stamp.date >> 9);
    int month = clamp(stamp.date >> 5 & 15, 1, 12);
    int day = clamp(stamp.date & 31, 1, 31);
    int hour = clamp(stamp.time >> 11, 0, 23);
    int minute = clamp(stamp.time >> 5 & 63, 0, 59);
    int second = clamp((stamp.time & 31) * 2, 0, 58);
    int ten_ms = clamp(stamp.ten_ms, 0, 199);

    return (struct timespec64){
        .sec = days_from_date(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 +
               second + ten_ms / 100,
        .nsec = (uint32_t)(ten_ms % 100) * NS_PER_10_MS,
    };
}

/* Year and month of a day since 1970, and the first day of that month. */
static int64_t month_of_day(int64_t days, int *year, int *month)
{
    int y = 1970 + (int)(days / 366); /* at most a year early within FAT's range */
    int m = 12;

    while (days_from_date(y + 1, 1, 1) <= days) {
        y++;
    }
    while (days_from_date(y, m, 1) > days) {
        m--;
    }
    *year = y;
    *month = m;
    return days_from_date(y, m, 1);
}

struct fat_stamp fat_time_encode(struct timespec64 time)
{
    int64_t days, second;
    int year, month;

    if (time.sec < FIRST_SECOND) {
        time = (struct timespec64){.sec = FIRST_SECOND};
    } else if (time.sec >= END_SECOND) {
        time = (struct timespec64){.sec = END_SECOND - 1, .nsec = 990000000};
    }
    days = time.sec / SECONDS_PER_DAY;
    second = time.sec % SECONDS_PER_DAY;
    days -= month_of_day(days, &year, &month);
    return (struct fat_stamp){
        .date = (uint16_t)((year - 1980) << 9 | month << 5 | ((int)days + 1)),
        .time = (uint16_t)(second / 3600 << 11 | second / 60 % 60 << 5 | second % 60 / 2),
        .ten_ms = (uint8_t)(second % 2 * 100 + time.nsec / NS_PER_10_MS),
    };
}
