// SPDX-License-Identifier: MIT
/* What a machine wrote to its disk, as QEMU's blklogwrites has kept it. Theory in log.c. */
#ifndef CAIRN_TOOLS_CRASH_LOG_H
#define CAIRN_TOOLS_CRASH_LOG_H

#include <stdint.h>

struct image;
struct model;
struct tape;

/** Read a log. @before: the disk before the machine started. Returns the tape, with the marks' promises on it, and a
 *  model that has been told of all operations.
 *  @model: NULL when the marks are of a program that has an oracle of its own. Exits the program with a message when the log is not what it should be. */
struct tape *log_read(const char *path, const struct image *before, struct model *model);

#endif
