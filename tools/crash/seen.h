// SPDX-License-Identifier: MIT
/* A tree as it is found on a disk after a power cut. */
#ifndef CAIRN_TOOLS_CRASH_SEEN_H
#define CAIRN_TOOLS_CRASH_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/crash/model.h"

#define SEEN_MAX_CANDIDATES 8u

struct seen { /* a file, directory or symlink */
    struct seen *next, *inside;
    char name[256];
    enum object_kind kind;
    bool is_other; /* a kind that nobody made */
    uint32_t len_bytes;
    uint8_t *bytes;   /* of a file */
    char target[256]; /* of a symlink */
    /* [expect.c] what it may be: an empty file or directory is not to be told from another */
    const struct object *may_be[SEEN_MAX_CANDIDATES];
    unsigned nr_candidates;
};

struct walk_context;

/** Read everything below a directory through the VFS. Returns NULL with the reason in why (200 bytes). */
struct seen *seen_read(const struct walk_context *world, const char *path, char *why);
void seen_free(struct seen *seen);

/** Print the tree, as `/tests/crash --list` does. @path: "." */
void seen_print(const struct seen *dir, const char *path);

#endif
