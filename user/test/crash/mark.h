// SPDX-License-Identifier: MIT
/* Marks: what a program under the power-cut harness was promised, written where the harness finds it among the disk's
 * writes. */
#ifndef CAIRN_USER_TEST_CRASH_MARK_H
#define CAIRN_USER_TEST_CRASH_MARK_H

#include <stdbool.h>

#define MARK_AREA  4096u /* at the end of the device, which the file system leaves free */
#define MARK_BYTES 512u
#define MARK_BEGIN "CAIRN BEGIN"
#define MARK_DONE  "CAIRN DONE"

/** Marks go to this device from now on; NULL: to nowhere. Ends the program with a message on failure. */
void mark_open(const char *device);

/** Write the record "CAIRN BEGIN number text" or "CAIRN DONE number text". When it returns the disk has it, after all
 *  writes that were complete before; it flushes nothing. Ends the program with a message on failure. */
void mark_begin(unsigned number, const char *text);
void mark_done(unsigned number, const char *text);

/** What a string begins with such a record says. Returns its text, or NULL: it is none. */
const char *mark_parse(const char *record, bool *is_done, unsigned *number);

#endif
