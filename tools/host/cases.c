// SPDX-License-Identifier: MIT
/* Images are mostly zeros: runs of those are left out of the file, which stays sparse. */
#include "tools/host/cases.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES 4096u
#define NAME_BYTES  80u

static void fail(const char *path)
{
    perror(path);
    exit(1);
}

/* What a file name can have without a second thought. */
static void simplify(const char *name, char *out)
{
    size_t len = 0;

    for (; *name != '\0' && len < NAME_BYTES - 1; name++) {
        if (isalnum((unsigned char)*name)) {
            out[len++] = *name;
        } else if (len != 0 && out[len - 1] != '-') {
            out[len++] = '-';
        }
    }
    while (len != 0 && out[len - 1] == '-') {
        len--;
    }
    out[len] = '\0';
}

static void choose_path(char *path, size_t size, const char *folder, const char *type,
                        const char *name)
{
    struct stat stat_buffer;
    char simple[NAME_BYTES];
    unsigned number = 1;

    simplify(name, simple);
    snprintf(path, size, "%s/%s-%s.img", folder, type, simple);
    while (stat(path, &stat_buffer) == 0) {
        snprintf(path, size, "%s/%s-%s-%u.img", folder, type, simple, ++number);
    }
}

void host_case_keep(const struct host_disk *disk, const char *type, const char *name)
{
    static const uint8_t zeros[PIECE_BYTES];
    const char *folder = getenv("CAIRN_CASES");
    uint64_t size = disk->device.nr_sectors * SECTOR_SIZE;
    char path[512];
    FILE *file;

    if (folder == NULL) {
        return;
    }
    choose_path(path, sizeof(path), folder, type, name);
    file = fopen(path, "wb");
    if (file == NULL || ftruncate(fileno(file), (off_t)size) != 0) {
        fail(path);
    }
    for (uint64_t at = 0; at < size; at += PIECE_BYTES) {
        size_t len = size - at < PIECE_BYTES ? (size_t)(size - at) : PIECE_BYTES;

        if (memcmp(disk->bytes + at, zeros, len) != 0 &&
            (fseeko(file, (off_t)at, SEEK_SET) != 0 ||
             fwrite(disk->bytes + at, 1, len, file) != len)) {
            fail(path);
        }
    }
    if (fclose(file) != 0) {
        fail(path);
    }
}
