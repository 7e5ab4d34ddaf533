// SPDX-License-Identifier: MIT
/* A promise is a moment: before it a power cut may lose something, afterwards not. The harness sees only the order of the
 * disk's writes, so the moment must be one of them. Each mark is the same sector, behind the end of the file system.
 *
 * It is written with sync_file_range(), which waits for the write and, unlike fsync(), makes nothing else durable: else
 * each mark would hide the flush that an operation has forgotten. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sync_file_range */
#endif
#include "user/test/crash/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fd = -1;
static off_t place;

static void fail(const char *what)
{
    fprintf(stderr, "mark: %s: %s\n", what, strerror(errno));
    exit(2);
}

void mark_open(const char *device)
{
    if (device == NULL) {
        return;
    }
    fd = open(device, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        fail(device);
    }
    place = lseek(fd, 0, SEEK_END) - (off_t)MARK_AREA;
    if (place < 0) {
        fail("the device is too small");
    }
}

static void write_mark(const char *kind, unsigned number, const char *text)
{
    char record[MARK_BYTES] = "";

    if (fd < 0) {
        return;
    }
    snprintf(record, sizeof(record), "%s %u %s\n", kind, number, text);
    if (pwrite(fd, record, sizeof(record), place) != (ssize_t)sizeof(record) ||
        sync_file_range(fd, place, sizeof(record),
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                            SYNC_FILE_RANGE_WAIT_AFTER) != 0) {
        fail("the device");
    }
}

void mark_begin(unsigned number, const char *text)
{
    write_mark(MARK_BEGIN, number, text);
}

void mark_done(unsigned number, const char *text)
{
    write_mark(MARK_DONE, number, text);
}

const char *mark_parse(const char *record, bool *is_done, unsigned *number)
{
    size_t begin = strlen(MARK_BEGIN), done = strlen(MARK_DONE);
    char *end;

    *is_done = strncmp(record, MARK_DONE, done) == 0;
    if (!*is_done && strncmp(record, MARK_BEGIN, begin) != 0) {
        return NULL;
    }
    *number = (unsigned)strtoul(record + (*is_done ? done : begin), &end, 10);
    return *end == ' ' ? end + 1 : NULL;
}
