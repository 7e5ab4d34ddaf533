// SPDX-License-Identifier: MIT
/* Everything is listed, opened and read: a walk that fails anywhere is a finding of its own. */
#include "tools/crash/seen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/vfs/file.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "tools/crash/memory.h"

#define WHY_BYTES 200
#define MAX_DEPTH 8u
#define MAX_FILE  (1u << 20) /* of longer ones the beginning */

struct listing {
    struct dir_context context;
    struct seen *dir;
};

static bool take_name(struct dir_context *context, const struct dir_entry *entry)
{
    struct listing *listing = container_of(context, struct listing, context);
    struct seen *child;

    if (entry->name[0] == '.' &&
        (entry->name_len == 1 || (entry->name_len == 2 && entry->name[1] == '.'))) {
        return true;
    }
    child = must_have(calloc(1, sizeof(*child)));
    memcpy(child->name, entry->name, entry->name_len);
    child->next = listing->dir->inside;
    listing->dir->inside = child;
    return true;
}

static int open_it(const struct walk_context *world, const char *path, uint32_t flags,
                   struct file **file)
{
    return vfs_open(world, path, O_RDONLY | flags, 0, file);
}

static int list(const struct walk_context *world, const char *path, struct seen *dir)
{
    struct listing listing = {.context.emit = take_name, .dir = dir};
    struct file *file;
    int error = open_it(world, path, O_DIRECTORY, &file);

    if (error == 0) {
        error = vfs_readdir(file, &listing.context);
        file_put(file);
    }
    return error;
}

static int read_content(const struct walk_context *world, const char *path, struct seen *node)
{
    uint64_t position = 0;
    struct file *file;
    struct iter iter;
    ssize_t nr;
    int error = open_it(world, path, 0, &file);

    if (error != 0) {
        return error;
    }
    node->bytes = must_have(malloc(MAX_FILE + 1));
    iter_init_kernel(&iter, node->bytes, MAX_FILE + 1);
    nr = vfs_read(file, &iter, &position);
    file_put(file);
    if (nr < 0) {
        return (int)nr;
    }
    node->len_bytes = (uint32_t)nr;
    return 0;
}

/* Its kind, and what is in it. */
static int look_at(const struct walk_context *world, const char *path, struct seen *node)
{
    struct kstat stat;
    struct path found;
    int error = path_walk(world, path, 0, &found);

    if (error != 0) {
        return error;
    }
    error = vfs_stat(&found, &stat);
    if (error == 0 && (stat.mode & S_IFMT) == S_IFLNK) {
        ssize_t len = vfs_readlink(&found, node->target, sizeof(node->target) - 1);

        node->kind = OBJECT_SYMLINK;
        error = len < 0 ? (int)len : 0;
    }
    path_put(&found);
    if (error == 0 && (stat.mode & S_IFMT) == S_IFREG) {
        node->kind = OBJECT_FILE;
        error = read_content(world, path, node);
        if (error == 0 && node->len_bytes != stat.size_bytes && stat.size_bytes <= MAX_FILE) {
            return -EIO; /* stat and read contradict each other */
        }
    } else if (error == 0 && (stat.mode & S_IFMT) == S_IFDIR) {
        node->kind = OBJECT_DIR;
    }
    node->is_other = (stat.mode & S_IFMT) != S_IFLNK && (stat.mode & S_IFMT) != S_IFREG &&
                     (stat.mode & S_IFMT) != S_IFDIR;
    return error;
}

/* No deeper than anybody made it: a loop ends here. */
static bool read_below(const struct walk_context *world, const char *path, struct seen *dir,
                       unsigned depth, char *why)
{
    char below[1024];
    int error = depth > MAX_DEPTH ? -ELOOP : list(world, path, dir);

    if (error != 0) {
        snprintf(why, WHY_BYTES, "%s cannot be listed: error %d", path, -error);
        return false;
    }
    for (struct seen *child = dir->inside; child != NULL; child = child->next) {
        snprintf(below, sizeof(below), "%s/%s", path, child->name);
        error = look_at(world, below, child);
        if (error != 0) {
            snprintf(why, WHY_BYTES, "%.150s cannot be read: error %d", below, -error);
            return false;
        }
        if (child->kind == OBJECT_DIR && !read_below(world, below, child, depth + 1, why)) {
            return false;
        }
    }
    return true;
}

struct seen *seen_read(const struct walk_context *world, const char *path, char *why)
{
    struct seen *root = must_have(calloc(1, sizeof(*root)));

    root->kind = OBJECT_DIR;
    if (!read_below(world, path, root, 0, why)) {
        seen_free(root);
        return NULL;
    }
    return root;
}

void seen_free(struct seen *seen)
{
    while (seen != NULL) {
        struct seen *next = seen->next;

        seen_free(seen->inside);
        free(seen->bytes);
        free(seen);
        seen = next;
    }
}

void seen_print(const struct seen *dir, const char *path)
{
    char below[1024], line[CRASH_TEXT];

    for (const struct seen *child = dir->inside; child != NULL; child = child->next) {
        bool is_link = child->kind == OBJECT_SYMLINK;

        snprintf(below, sizeof(below), "%.700s/%.60s", path, child->name);
        crash_list_line(line, below,
                        child->kind == OBJECT_DIR ? 'd'
                        : is_link                 ? 'l'
                                                  : 'f',
                        is_link ? (const void *)child->target : child->bytes,
                        is_link ? (uint32_t)strlen(child->target) : child->len_bytes);
        printf("%s\n", line);
        seen_print(child, below);
    }
}
