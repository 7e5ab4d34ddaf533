// SPDX-License-Identifier: MIT
/* The file systems that the harness knows: how each is made, what it promises, who repairs it. */
#ifndef CAIRN_TOOLS_CRASH_KINDS_H
#define CAIRN_TOOLS_CRASH_KINDS_H

#include <stdbool.h>
#include <stddef.h>

struct image;

struct fs_kind {
    const char *name;
    const char *mount_type;
    size_t size_bytes;
    const char *make[12];  /* the command that makes one; the image's path comes last */
    const char *repair[4]; /* the one that repairs without asking: it must exit with 0 or 1 */
    const char *check[4];  /* and the one that finds nothing to mend afterwards */
    const char *insist[4]; /* what a person would do when repair gives up; none: he has lost */
    bool has_links;
    bool is_in_order; /* see struct expectation */
    bool keeps_garbage;
    bool has_twins;
};

/** By name, or by number from 0 on; NULL: no such. */
const struct fs_kind *kind_find(const char *name);
const struct fs_kind *kind_get(unsigned index);

/** Run one of a kind's commands on an image; what it says goes to the file image->path.log. Returns its exit status,
 *  128 and more when a signal has ended it. Exits the program when it is not installed. */
int kind_run(const char *const *command, const struct image *image);

/** The same for a command that is told nothing of the image. */
int kind_run_beside(const char *const *command, const struct image *image);

/** There was none. */
void kind_forget_words(const struct image *image);

/** Show on standard output what the last command on the image has said. */
void kind_show_words(const struct image *image);

#endif
