// SPDX-License-Identifier: MIT
/* Fuzzing a file system's driver: libFuzzer's half of `make fuzz`.
 *
 * An image of megabytes is no good input: nearly every change of it hits a byte that nobody looks at. So an input
 * does not hold an image but a list of changes to a sound one, which mkfs and the driver itself have made when
 * the fuzzer began:
 *
 *     | base | may write | change | change | …
 *     change: | kind | operation and width | index | field | value |      12 bytes, little-endian
 *
 * "Kind, index, field" name a place by what lies there (field 3 of inode 12, record 2 of a directory, entry 7 of the
 * FAT, word 5 of the journal's block 9), and every combination of numbers names one: whatever libFuzzer does to the
 * bytes, it has damaged a structure. A mutator of our own adds, removes and repeats whole changes. An input that
 * finds something is short, and prints as text: FUZZ_SHOW=1.
 *
 * Then the image is used in every way (exercise.c). A finding is what a sanitizer or an assertion says, a time-out, and
 * objects of slab caches that are not given back. */
#include "tools/storage/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/vfs/vfs.h"
#include "kernel/base/bits.h"
#include "kernel/base/endian.h"
#include "tools/host/host.h"
#include "tools/storage/exercise.h"

#define HEAD_BYTES   2u
#define CHANGE_BYTES 12u
#define MAX_CHANGES  16u
#define MAX_WRITES   20000u

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* ---- What was written, to be undone ---------------------------------------------------------- */

static struct {
    uint64_t offset_bytes, len_bytes;
} written[MAX_WRITES];
static unsigned nr_written;

static int note_write(struct host_disk *disk, const struct block_request *request)
{
    if (request->op == BLOCK_WRITE) {
        if (nr_written == MAX_WRITES) {
            return -5; /* the disk fails: as good an answer as any to so many writes */
        }
        written[nr_written].offset_bytes = request->sector * SECTOR_SIZE;
        written[nr_written++].len_bytes = (uint64_t)request->nr_sectors * SECTOR_SIZE;
    }
    return 0;
}

static void undo_writes(struct fuzz_base *base)
{
    for (unsigned i = 0; i < nr_written; i++) {
        memcpy(base->disk->bytes + written[i].offset_bytes,
               base->pristine + written[i].offset_bytes, written[i].len_bytes);
    }
    nr_written = 0;
}

/* ---- Sound images ---------------------------------------------------------------------------- */

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void make_image(struct fuzz_base *base)
{
    char path[] = "/tmp/cairn-fuzz-XXXXXX", command[300];
    int fd = mkstemp(path);

    if (fd < 0 || ftruncate(fd, (off_t)base->size_kib << 10) != 0) {
        fail("fuzz: no image");
    }
    close(fd);
    snprintf(command, sizeof(command), base->command, path);
    if (system(command) != 0) {
        fail(command);
    }
    base->disk = host_disk_load(path);
    unlink(path);
    exercise_fill(base->disk, base->type, base->is_crashed);
    base->pristine = malloc((size_t)base->size_kib << 10);
    if (base->pristine == NULL) {
        fail("fuzz");
    }
    memcpy(base->pristine, base->disk->bytes, (size_t)base->size_kib << 10);
    base->disk->filter = note_write;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct exercise_result result;

    setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
    exercise_begin();
    for (unsigned i = 0; i < fuzz_nr_bases; i++) {
        make_image(&fuzz_bases[i]);
    }
    for (unsigned i = 0; i < 2 * fuzz_nr_bases; i++) { /* what is made once is made now */
        struct fuzz_base *base = &fuzz_bases[i % fuzz_nr_bases];

        exercise_image(base->disk, base->type, true, &result);
        if (result.mount_error != 0 || result.nr_errors != 0 || result.nr_names < 5) {
            fprintf(stderr, "fuzz: the sound image %u is not: error %d, %u names, %u errors\n", i,
                    result.mount_error, result.nr_names, result.nr_errors);
            exit(1);
        }
        host_disk_forget_cache(base->disk);
        undo_writes(base);
        base->nr_objects = exercise_nr_objects();
    }
    return 0;
}

/* ---- Changes --------------------------------------------------------------------------------- */

static const uint32_t interesting[] = {
    0,      1,      2,          3,          4,          7,          8,          11,
    12,     0x7f,   0x80,       0xff,       0x100,      0x400,      0x1000,     0x7fff,
    0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffe, 0xffffffff, 0x0ffffff8};

static uint32_t get_field(const uint8_t *at, const struct fuzz_field *field)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < field->len_bytes; i++) {
        unsigned place = field->is_big_endian ? field->len_bytes - 1 - i : i;

        value |= (uint32_t)at[place] << 8 * i;
    }
    return value;
}

static void put_field(uint8_t *at, const struct fuzz_field *field, uint32_t value)
{
    for (unsigned i = 0; i < field->len_bytes; i++) {
        unsigned place = field->is_big_endian ? field->len_bytes - 1 - i : i;

        at[place] = (uint8_t)(value >> 8 * i);
    }
}

static uint32_t changed(const struct fuzz_base *base, const struct fuzz_kind *kind,
                        const uint8_t *change, uint32_t old)
{
    uint32_t value = get_le32(change + 8);
    struct fuzz_field other;

    switch (change[1] % 5) {
    case 0: return value;
    case 1: return interesting[value % array_size(interesting)];
    case 2: return old + (uint32_t)(int8_t)value;
    case 3: return old ^ 1u << value % 32;
    default: /* what stands in the same field of another one */
        return kind->find(base->pristine, (uint64_t)base->size_kib << 10, value,
                          get_le16(change + 4), &other)
                   ? get_field(base->pristine + other.offset_bytes, &other)
                   : 0;
    }
}

static void apply(struct fuzz_base *base, const uint8_t *change)
{
    const struct fuzz_kind *kind = &fuzz_kinds[change[0] % fuzz_nr_kinds];
    uint64_t size_bytes = (uint64_t)base->size_kib << 10;
    struct fuzz_field field;
    uint32_t old, value;

    if (!kind->find(base->pristine, size_bytes, get_le16(change + 2), get_le16(change + 4),
                    &field) ||
        field.offset_bytes + field.len_bytes > size_bytes) {
        return;
    }
    old = get_field(base->disk->bytes + field.offset_bytes, &field);
    value = changed(base, kind, change, old);
    put_field(base->disk->bytes + field.offset_bytes, &field, value);
    written[nr_written].offset_bytes = field.offset_bytes;
    written[nr_written++].len_bytes = field.len_bytes;
    if (getenv("FUZZ_SHOW") != NULL) {
        fprintf(stderr, "fuzz: %s: %u, field %u: %u bytes at %llu: 0x%x becomes 0x%x\n", kind->name,
                get_le16(change + 2), get_le16(change + 4), field.len_bytes,
                (unsigned long long)field.offset_bytes, old, value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exercise_result result;
    struct fuzz_base *base;
    uint64_t nr_objects;

    if (size < HEAD_BYTES + CHANGE_BYTES) {
        return 0;
    }
    base = &fuzz_bases[data[0] % fuzz_nr_bases];
    if (getenv("FUZZ_SHOW") != NULL) {
        fprintf(stderr, "fuzz: base %u: %s\n", data[0] % fuzz_nr_bases, base->command);
    }
    for (size_t at = HEAD_BYTES;
         at + CHANGE_BYTES <= size && at < HEAD_BYTES + MAX_CHANGES * CHANGE_BYTES;
         at += CHANGE_BYTES) {
        apply(base, data + at);
    }
    exercise_image(base->disk, base->type, data[1] % 4 != 0, &result);
    host_disk_forget_cache(base->disk);
    undo_writes(base);
    nr_objects = exercise_nr_objects();
    if (nr_objects > base->nr_objects) {
        fprintf(stderr, "fuzz: %llu objects before, %llu now: something leaks\n",
                (unsigned long long)base->nr_objects, (unsigned long long)nr_objects);
        abort();
    }
    return 0;
}

/* ---- Whole changes, mutated ------------------------------------------------------------------ */

static uint32_t next_random(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 8;
}

static void random_change(uint8_t *change, unsigned *state)
{
    change[0] = (uint8_t)(next_random(state) % fuzz_nr_kinds);
    change[1] = (uint8_t)(next_random(state) % 5);
    put_le16(change + 2, (uint16_t)(next_random(state) % 64));
    put_le16(change + 4, (uint16_t)(next_random(state) % 512));
    put_le16(change + 6, 0);
    put_le32(change + 8, next_random(state) | next_random(state) << 16);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    unsigned state = seed;
    size_t nr = size < HEAD_BYTES ? 0 : (size - HEAD_BYTES) / CHANGE_BYTES;
    size_t most = (max_size - HEAD_BYTES) / CHANGE_BYTES;
    uint8_t *one;

    if (nr == 0) {
        memset(data, 0, HEAD_BYTES);
        data[0] = (uint8_t)next_random(&state);
        data[1] = (uint8_t)next_random(&state);
        random_change(data + HEAD_BYTES, &state);
        return HEAD_BYTES + CHANGE_BYTES;
    }
    one = data + HEAD_BYTES + next_random(&state) % nr * CHANGE_BYTES;
    switch (next_random(&state) % 8) {
    case 0:
    case 1:
        if (nr < most && nr < MAX_CHANGES) { /* one more */
            random_change(data + HEAD_BYTES + nr++ * CHANGE_BYTES, &state);
        }
        break;
    case 2: /* one less */
        if (nr > 1) {
            memmove(one, data + HEAD_BYTES + --nr * CHANGE_BYTES, CHANGE_BYTES);
        }
        break;
    case 3: random_change(one, &state); break;
    case 4: put_le16(one + 4, (uint16_t)(get_le16(one + 4) + next_random(&state) % 5 - 2)); break;
    case 5: put_le16(one + 2, (uint16_t)(get_le16(one + 2) + next_random(&state) % 5 - 2)); break;
    case 6: data[next_random(&state) % HEAD_BYTES] = (uint8_t)next_random(&state); break;
    default: return LLVMFuzzerMutate(data, HEAD_BYTES + nr * CHANGE_BYTES, max_size);
    }
    return HEAD_BYTES + nr * CHANGE_BYTES;
}
