// SPDX-License-Identifier: MIT
// The files of /proc about memory, as numbers.
#ifndef CAIRN_USER_LIB_MEMORY_FILES_H
#define CAIRN_USER_LIB_MEMORY_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "user/lib/strbuf.h"

enum { MEMORY_ORDERS = 11 };

/** Read a whole file into *text, which is emptied first. 0, or -1 with errno. */
int memory_read_file(const char *path, struct strbuf *text);

/** The number behind a name at the start of a line, as in "MemFree:  12 kB" and "pgfault 3"; 0
 *  where there is none. */
unsigned long long memory_number(const char *text, const char *name);

/** Of /proc/buddyinfo: the free blocks of each order, of all zones. Returns the zones. */
int memory_parse_buddyinfo(const char *text, unsigned long long blocks[MEMORY_ORDERS]);

/** Of /proc/zoneinfo: the sum over all zones of a line's number: "min", "low", "high". */
unsigned long long memory_zone_sum(const char *text, const char *name);

// A cache, a tag, or a path of allocation.
struct memory_row {
    char name[64];
    unsigned long long nr;    // live objects or blocks; how often a path was taken
    unsigned long long bytes; // of them
    unsigned long long held;  // a cache: bytes of its slabs
    unsigned long long average_ns, worst_ns;
};

struct memory_rows {
    struct memory_row *rows;
    size_t nr, room;
};

/** Replace *list by what a file says; lines of another form are passed over. */
void memory_parse_slabinfo(const char *text, struct memory_rows *list);
void memory_parse_allocinfo(const char *text, struct memory_rows *list);
void memory_parse_alloc_latency(const char *text, struct memory_rows *list);

void memory_rows_free(struct memory_rows *list);

#endif
