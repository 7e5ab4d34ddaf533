// SPDX-License-Identifier: MIT
/* Disk images in memory that are files too, so that repair tools and the driver work on the same bytes. */
#ifndef CAIRN_TOOLS_CRASH_IMAGE_H
#define CAIRN_TOOLS_CRASH_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define IMAGE_PATH 256 /* the longest path of one, with what is appended */

struct image {
    char path[IMAGE_PATH];
    int fd;
    uint8_t *bytes; /* all of it, shared with the file */
    size_t size_bytes;
};

/** A file of zeros in memory. @folder: on a tmpfs, so that nothing is written to a real disk. Exits the program if
 *  there is no room. */
void image_make(struct image *image, const char *folder, const char *name, size_t size_bytes);
void image_remove(struct image *image);

/** Make one like another of the same size. Takes time for what is not zero only. */
void image_copy(struct image *image, const struct image *from);

/** Make its content these bytes, of which what is zero takes no room. */
void image_fill(struct image *image, const uint8_t *bytes);

/** The size of a file, and its content. Exit the program on failure. */
size_t image_file_size(const char *path);
void image_load(struct image *image, const char *path);

/** Write a small file. Exits the program on failure. */
void image_save_file(const char *path, const uint8_t *bytes, size_t len_bytes);

#endif
