// SPDX-License-Identifier: MIT
/* The format is that of Linux's dm-log-writes: a super block of one sector, then for each request a sector that says what
 * it is, and its data.
 *
 *     | magic, version, number of entries, sector size | sector, length, flags | data … | sector, length, flags | …
 *
 * A write to the last sectors of the disk is no write of the file system but a mark (user/test/crash/mark.c): it says
 * which operation begins or has ended, and becomes a promise on the tape. So the log alone tells what was done, and
 * the oracle needs to know nothing of the program that did it.
 *
 * Source: Linux, Documentation/admin-guide/device-mapper/log-writes.rst (the format). */
#include "tools/crash/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/base/endian.h"
#include "tools/crash/image.h"
#include "tools/crash/judge.h"
#include "tools/crash/memory.h"
#include "tools/host/tape.h"
#include "user/test/crash/mark.h"

#define LOG_MAGIC 0x6a736677736872ull

enum log_flags { LOG_FLUSH = 1, LOG_FUA = 2, LOG_DISCARD = 4 };

struct reader {
    FILE *file;
    const char *path;
    uint32_t sector_bytes; /* of the log's own units */
    uint64_t disk_bytes;
    struct tape *tape;
    struct model *model;
    unsigned number; /* of the last operation that began */
};

static void fail(const struct reader *reader, const char *what, unsigned long long where)
{
    fprintf(stderr, "crash: %s: entry %llu: %s\n", reader->path, where, what);
    exit(2);
}

static void take_mark(struct reader *reader, const uint8_t *bytes, uint64_t entry)
{
    bool is_done;
    unsigned number = 0;
    const char *text = mark_parse((const char *)bytes, &is_done, &number), *why;
    char line[CRASH_TEXT];
    struct crash_op op;

    if (text == NULL) {
        return; /* zeros: the mark's page was read and written before the first one */
    }
    snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
    if (reader->model ==
        NULL) { /* a program with an oracle of its own: its numbers are the promise */
        tape_promise(reader->tape, is_done ? promise_done(number) : promise_begun(number));
        return;
    }
    if (!is_done) {
        if (crash_op_parse(line, &op, &why) == NULL) {
            fail(reader, why, entry);
        }
        reader->number = model_begin(reader->model, &op);
        if (reader->number != number) {
            fail(reader, "a mark is missing before this one", entry);
        }
        tape_promise(reader->tape, promise_begun(number));
        return;
    }
    if (number != reader->number || (strcmp(line, "0") == 0 && !model_end(reader->model, number))) {
        fail(reader, "an operation has ended that cannot have", entry);
    }
    tape_promise(reader->tape, promise_done(number));
}

static void take_write(struct reader *reader, uint64_t at_byte, uint64_t len_bytes, bool is_durable,
                       uint64_t entry)
{
    uint8_t *bytes = must_have(calloc(1, len_bytes + 1));

    if (at_byte > reader->disk_bytes || len_bytes > reader->disk_bytes - at_byte) {
        fail(reader, "a write behind the end of the disk", entry);
    }
    if (fread(bytes, 1, len_bytes, reader->file) != len_bytes) {
        fail(reader, "the log ends in the middle of it", entry);
    }
    if (at_byte < reader->disk_bytes - MARK_AREA &&
        at_byte + len_bytes > reader->disk_bytes - MARK_AREA) {
        fail(reader, "a write that is of the file system and a mark", entry);
    }
    if (at_byte >= reader->disk_bytes - MARK_AREA) {
        take_mark(reader, bytes, entry);
        free(bytes);
    } else {
        tape_add_write(reader->tape, at_byte / SECTOR_SIZE, bytes, len_bytes, is_durable);
    }
}

static void take_entry(struct reader *reader, uint64_t entry)
{
    uint8_t head[4096];
    uint64_t sector, nr_sectors, flags;

    if (fread(head, 1, reader->sector_bytes, reader->file) != reader->sector_bytes) {
        fail(reader, "the log ends before it", entry);
    }
    sector = get_le64(head);
    nr_sectors = get_le64(head + 8);
    flags = get_le64(head + 16);
    if ((flags & LOG_DISCARD) != 0) {
        return; /* what was discarded may be anything: nobody reads it */
    }
    if ((flags & LOG_FLUSH) != 0) {
        tape_add_flush(reader->tape);
    }
    if (nr_sectors != 0) {
        take_write(reader, sector * reader->sector_bytes, nr_sectors * reader->sector_bytes,
                   (flags & LOG_FUA) != 0, entry);
    }
}

struct tape *log_read(const char *path, const struct image *before, struct model *model)
{
    struct reader reader = {.path = path, .disk_bytes = before->size_bytes, .model = model};
    uint8_t head[512];
    uint64_t nr;

    reader.file = fopen(path, "rb");
    if (reader.file == NULL || fread(head, 1, sizeof(head), reader.file) != sizeof(head)) {
        perror(path);
        exit(2);
    }
    nr = get_le64(head + 16);
    reader.sector_bytes = get_le32(head + 24);
    if (get_le64(head) != LOG_MAGIC || reader.sector_bytes < 512 || reader.sector_bytes > 4096 ||
        fseek(reader.file, (long)reader.sector_bytes, SEEK_SET) != 0) {
        fail(&reader, "this is no log of blklogwrites", 0);
    }
    reader.tape = tape_new(before->bytes, before->size_bytes);
    for (uint64_t i = 0; i < nr; i++) {
        take_entry(&reader, i);
    }
    fclose(reader.file);
    return reader.tape;
}
