// SPDX-License-Identifier: MIT
/* A file system that has just been made is nearly all zeros, and a tmpfs knows which pages of a file it has. So
 * to make an image like another, those pages that either has are copied: some hundred, and not ten thousand. */
#define _GNU_SOURCE /* SEEK_DATA */
#include "tools/crash/image.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void fail(const char *path)
{
    perror(path);
    exit(2);
}

void image_make(struct image *image, const char *folder, const char *name, size_t size_bytes)
{
    snprintf(image->path, sizeof(image->path) - sizeof(".log"), "%s/%s", folder, name);
    image->size_bytes = size_bytes;
    image->fd = open(image->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (image->fd < 0 || ftruncate(image->fd, (off_t)size_bytes) != 0) {
        fail(image->path);
    }
    image->bytes = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, image->fd, 0);
    if (image->bytes == MAP_FAILED) {
        fail(image->path);
    }
}

void image_remove(struct image *image)
{
    munmap(image->bytes, image->size_bytes);
    close(image->fd);
    unlink(image->path);
    strcat(image->path, ".log"); /* what a tool has said of it: kinds.c */
    unlink(image->path);
}

/* Copy all that one of the two files has pages for. */
static void copy_where(struct image *image, const struct image *from, int fd)
{
    off_t size = (off_t)image->size_bytes;
    off_t start = 0, end;

    while (start < size && (start = lseek(fd, start, SEEK_DATA)) >= 0) {
        end = lseek(fd, start, SEEK_HOLE);
        end = end < 0 || end > size ? size : end;
        memcpy(image->bytes + start, from->bytes + start, (size_t)(end - start));
        start = end;
    }
}

void image_copy(struct image *image, const struct image *from)
{
    copy_where(image, from, image->fd);
    copy_where(image, from, from->fd);
}

void image_fill(struct image *image, const uint8_t *bytes)
{
    static const uint8_t zeros[4096];

    if (ftruncate(image->fd, 0) != 0 || ftruncate(image->fd, (off_t)image->size_bytes) != 0) {
        fail(image->path);
    }
    for (size_t at = 0; at < image->size_bytes; at += sizeof(zeros)) {
        size_t len = image->size_bytes - at < sizeof(zeros) ? image->size_bytes - at
                                                            : sizeof(zeros);

        if (memcmp(bytes + at, zeros, len) != 0) {
            memcpy(image->bytes + at, bytes + at, len);
        }
    }
}

size_t image_file_size(const char *path)
{
    struct stat stat_of;

    if (stat(path, &stat_of) != 0) {
        fail(path);
    }
    return (size_t)stat_of.st_size;
}

void image_load(struct image *image, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *bytes = mmap(NULL, image->size_bytes, PROT_READ, MAP_SHARED, fd, 0);

    if (fd < 0 || bytes == MAP_FAILED) {
        fail(path);
    }
    image_fill(image, bytes);
    munmap(bytes, image->size_bytes);
    close(fd);
}

void image_save_file(const char *path, const uint8_t *bytes, size_t len_bytes)
{
    FILE *file = fopen(path, "wb");

    if (file == NULL || fwrite(bytes, 1, len_bytes, file) != len_bytes || fclose(file) != 0) {
        fail(path);
    }
}
