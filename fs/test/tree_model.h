// SPDX-License-Identifier: MIT
/* One file system against a shadow model: random calls through the VFS, and the same on plain arrays.
 *
 * A test mounts something on /mnt and lets tree_model_run() work there. Files have up to 200 KiB of content, are written at
 * random places (so that there are holes), cut, grown, linked, renamed over one another; directories come and go. Every
 * call must return what the model says, every read must give the model's bytes, every listing the model's names. Between runs
 * the test may unmount, check the disk with the file system's own checker, and mount again: the model stays.
 *
 * Everything here is static, so that a test is one file that includes it. */
#ifndef CAIRN_FS_TEST_TREE_MODEL_H
#define CAIRN_FS_TEST_TREE_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fs/tmpfs/tmpfs.h"
#include "fs/vfs/file.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "tools/host/host.h"

#define TREE_MAX_NODES 96u
#define TREE_MAX_BYTES (200u << 10)

struct tree_features {
    bool has_links; /* hard and symbolic */
    bool has_exchange;
    bool has_holes; /* that can be punched */
    bool is_case_blind;
};

struct tree_content { /* of a file; shared by its hard links */
    unsigned nr_names;
    uint32_t size;
    uint8_t bytes[TREE_MAX_BYTES];
};

struct tree_node {
    bool is_used;
    bool is_dir;
    int parent; /* index; -1: the mount's root */
    char name[48];
    struct tree_content *content; /* files */
};

struct tree_model {
    struct tree_features features;
    struct path root; /* of the name space; the file system under test is on /mnt */
    struct host_random *random;
    struct tree_node nodes[TREE_MAX_NODES];
};

static struct walk_context tree_context(struct tree_model *model)
{
    return (struct walk_context){.root = model->root, .cwd = model->root, .cred = &cred_kernel};
}

static uint64_t tree_below(struct tree_model *model, uint64_t bound)
{
    return host_random_below(model->random, bound);
}

/* Another spelling of a name, where case does not matter. */
static void tree_respell(struct tree_model *model, char *name)
{
    for (; *name != '\0'; name++) {
        if (tree_below(model, 4) == 0) {
            *name = (char)(char_to_lower(*name) == *name ? char_to_upper(*name)
                                                         : char_to_lower(*name));
        }
    }
}

/* The absolute name of a node. */
static void tree_path(struct tree_model *model, int node, char *path, size_t size)
{
    char above[512];
    char name[48];

    if (node < 0) {
        ksnprintf(path, size, "/mnt");
        return;
    }
    tree_path(model, model->nodes[node].parent, above, sizeof(above));
    strlcpy(name, model->nodes[node].name, sizeof(name));
    if (model->features.is_case_blind) {
        tree_respell(model, name);
    }
    ksnprintf(path, size, "%s/%s", above, name);
}

static int tree_find(struct tree_model *model, int parent, const char *name)
{
    for (unsigned i = 0; i < TREE_MAX_NODES; i++) {
        const struct tree_node *node = &model->nodes[i];

        if (node->is_used && node->parent == parent && strcmp(node->name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int tree_free_slot(struct tree_model *model)
{
    for (unsigned i = 0; i < TREE_MAX_NODES; i++) {
        if (!model->nodes[i].is_used) {
            return (int)i;
        }
    }
    return -1;
}

/* A random node of a kind, or -1. */
static int tree_pick(struct tree_model *model, bool is_dir)
{
    unsigned start = (unsigned)tree_below(model, TREE_MAX_NODES);

    for (unsigned i = 0; i < TREE_MAX_NODES; i++) {
        unsigned at = (start + i) % TREE_MAX_NODES;

        if (model->nodes[at].is_used && model->nodes[at].is_dir == is_dir) {
            return (int)at;
        }
    }
    return -1;
}

/* A random directory, often the root. */
static int tree_pick_dir(struct tree_model *model)
{
    return tree_below(model, 3) == 0 ? -1 : tree_pick(model, true);
}

static void tree_random_name(struct tree_model *model, char *name, size_t size)
{
    static const char *const forms[] = {"f%u", "File number %u.text",
                                        "a-rather-long-name-for-a-file-%u.data", "D%u"};

    ksnprintf(name, size, forms[tree_below(model, array_size(forms))],
              (unsigned)tree_below(model, 40));
}

static bool tree_is_below(struct tree_model *model, int node, int above)
{
    for (; node >= 0; node = model->nodes[node].parent) {
        if (node == above) {
            return true;
        }
    }
    return above < 0;
}

static bool tree_is_empty(struct tree_model *model, int dir)
{
    for (unsigned i = 0; i < TREE_MAX_NODES; i++) {
        if (model->nodes[i].is_used && model->nodes[i].parent == dir) {
            return false;
        }
    }
    return true;
}

static void tree_drop(struct tree_model *model, int node)
{
    struct tree_content *content = model->nodes[node].content;

    if (content != NULL && --content->nr_names == 0) {
        free(content);
    }
    memset(&model->nodes[node], 0, sizeof(model->nodes[node]));
}

static struct file *tree_open(struct tree_model *model, int node, uint32_t flags)
{
    struct walk_context context = tree_context(model);
    struct file *file = NULL;
    char path[512];

    tree_path(model, node, path, sizeof(path));
    assert_int_equal(vfs_open(&context, path, flags, 0644, &file), 0);
    return file;
}

/* ---- Steps -------------------------------------------------------------------------------------- */

static void tree_enter(struct tree_model *model, int slot, int parent, const char *name,
                       bool is_dir)
{
    struct tree_node *node = &model->nodes[slot];

    node->is_used = true;
    node->is_dir = is_dir;
    node->parent = parent;
    strlcpy(node->name, name, sizeof(node->name));
    if (!is_dir) {
        node->content = calloc(1, sizeof(*node->content));
        node->content->nr_names = 1;
    }
}

static void tree_step_create(struct tree_model *model)
{
    struct walk_context context = tree_context(model);
    bool is_dir = tree_below(model, 4) == 0;
    int parent = tree_pick_dir(model);
    int slot = tree_free_slot(model);
    int expected = 0;
    char name[48], path[512], above[512];
    struct file *file;

    tree_random_name(model, name, sizeof(name));
    tree_path(model, parent, above, sizeof(above));
    ksnprintf(path, sizeof(path), "%s/%s", above, name);
    if (tree_find(model, parent, name) >= 0) {
        expected = -EEXIST;
    } else if (slot < 0) {
        return;
    }
    if (is_dir) {
        assert_int_equal(vfs_mkdir(&context, path, 0755), expected);
    } else {
        assert_int_equal(vfs_open(&context, path, O_CREAT | O_EXCL | O_RDWR, 0644, &file),
                         expected);
        if (expected == 0) {
            file_put(file);
        }
    }
    if (expected == 0) {
        tree_enter(model, slot, parent, name, is_dir);
    }
}

/* A file without a name, that gets one or goes. */
static void tree_step_tmpfile(struct tree_model *model)
{
    struct walk_context context = tree_context(model);
    int parent = tree_pick_dir(model);
    int slot = tree_free_slot(model);
    char name[48], path[512], above[512];
    struct file *file;
    uint64_t position = 0;
    struct iter iter;

    tree_random_name(model, name, sizeof(name));
    tree_path(model, parent, above, sizeof(above));
    ksnprintf(path, sizeof(path), "%s/%s", above, name);
    if (!model->features.has_links) {
        assert_int_equal(vfs_open(&context, above, O_TMPFILE | O_RDWR, 0644, &file), -EOPNOTSUPP);
        return;
    }
    assert_int_equal(vfs_open(&context, above, O_TMPFILE | O_RDWR, 0644, &file), 0);
    iter_init_kernel(&iter, name, sizeof(name));
    assert_int_equal(vfs_write(file, &iter, &position), sizeof(name));
    if (slot >= 0 && tree_below(model, 2) == 0) {
        int expected = tree_find(model, parent, name) >= 0 ? -EEXIST : 0;

        assert_int_equal(vfs_link(&file->path, &context, path), expected);
        if (expected == 0) {
            tree_enter(model, slot, parent, name, false);
            memcpy(model->nodes[slot].content->bytes, name, sizeof(name));
            model->nodes[slot].content->size = sizeof(name);
        }
    }
    file_put(file);
}

static void tree_step_write(struct tree_model *model)
{
    static uint8_t buffer[40000];
    int node = tree_pick(model, false);
    uint64_t position = tree_below(model, TREE_MAX_BYTES - sizeof(buffer));
    size_t len = 1 + (size_t)tree_below(model, sizeof(buffer) - 1);
    struct tree_content *content;
    struct file *file;
    struct iter iter;

    if (node < 0) {
        return;
    }
    content = model->nodes[node].content;
    if (tree_below(model, 2) == 0) { /* like most programs: where the file ends */
        position = min_of((uint64_t)content->size, (uint64_t)(TREE_MAX_BYTES - sizeof(buffer)));
    }
    for (size_t i = 0; i < len; i++) {
        buffer[i] = (uint8_t)host_random_next(model->random);
    }
    file = tree_open(model, node, O_RDWR);
    iter_init_kernel(&iter, buffer, len);
    assert_int_equal(vfs_write(file, &iter, &position), len);
    file_put(file);
    position -= len; /* the write has moved it */
    memcpy(content->bytes + position, buffer, len);
    content->size = max_of(content->size, (uint32_t)(position + len));
}

static void tree_check_content(struct tree_model *model, int node)
{
    static uint8_t buffer[TREE_MAX_BYTES + 1];
    const struct tree_content *content = model->nodes[node].content;
    struct file *file = tree_open(model, node, O_RDONLY);
    uint64_t position = 0;
    struct iter iter;

    iter_init_kernel(&iter, buffer, sizeof(buffer));
    assert_int_equal(vfs_read(file, &iter, &position), content->size);
    file_put(file);
    assert_memory_equal(buffer, content->bytes, content->size);
}

static void tree_step_truncate(struct tree_model *model)
{
    int node = tree_pick(model, false);
    uint32_t size = (uint32_t)tree_below(model, TREE_MAX_BYTES);
    struct tree_content *content;
    struct file *file;

    if (node < 0) {
        return;
    }
    content = model->nodes[node].content;
    file = tree_open(model, node, O_RDWR);
    assert_int_equal(vfs_truncate_file(file, size), 0);
    file_put(file);
    if (size < content->size) {
        memset(content->bytes + size, 0, content->size - size);
    }
    content->size = size;
}

static void tree_step_fallocate(struct tree_model *model)
{
    static const unsigned modes[] = {0, FALLOC_FL_ZERO_RANGE,
                                     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE};
    int node = tree_pick(model, false);
    unsigned mode = modes[tree_below(model, array_size(modes))];
    uint32_t start = (uint32_t)tree_below(model, TREE_MAX_BYTES - 1);
    uint32_t len = 1 + (uint32_t)tree_below(model, TREE_MAX_BYTES - start - 1);
    struct tree_content *content;
    struct file *file;
    bool is_possible = mode == 0 || model->features.has_holes;

    if (node < 0) {
        return;
    }
    content = model->nodes[node].content;
    file = tree_open(model, node, O_RDWR);
    assert_int_equal(vfs_fallocate(file, mode, start, len), is_possible ? 0 : -EOPNOTSUPP);
    file_put(file);
    if (is_possible && mode != 0) {
        memset(content->bytes + start, 0, len);
    }
    if (is_possible && (mode & FALLOC_FL_KEEP_SIZE) == 0) {
        content->size = max_of(content->size, start + len);
    }
}

static void tree_step_remove(struct tree_model *model)
{
    struct walk_context context = tree_context(model);
    bool is_dir = tree_below(model, 3) == 0;
    int node = tree_pick(model, is_dir);
    char path[512];

    if (node < 0) {
        return;
    }
    tree_path(model, node, path, sizeof(path));
    if (is_dir) {
        bool is_empty = tree_is_empty(model, node);

        assert_int_equal(vfs_unlink(&context, path), -EISDIR);
        assert_int_equal(vfs_rmdir(&context, path), is_empty ? 0 : -ENOTEMPTY);
        if (!is_empty) {
            return;
        }
    } else {
        assert_int_equal(vfs_rmdir(&context, path), -ENOTDIR);
        assert_int_equal(vfs_unlink(&context, path), 0);
    }
    tree_drop(model, node);
}

static int tree_expected_rename(struct tree_model *model, int node, int new_parent, int target)
{
    if (target == node) {
        return 0;
    }
    if (model->nodes[node].is_dir && new_parent >= 0 && tree_is_below(model, new_parent, node)) {
        return -EINVAL;
    }
    if (target < 0) {
        return 0;
    }
    if (model->nodes[node].is_dir != model->nodes[target].is_dir) {
        /* A directory that holds the source may also be "not empty": either is a refusal. */
        return model->nodes[node].is_dir ? -ENOTDIR : -EISDIR;
    }
    return model->nodes[target].is_dir && !tree_is_empty(model, target) ? -ENOTEMPTY : 0;
}

static void tree_step_rename(struct tree_model *model)
{
    struct walk_context context = tree_context(model);
    int node = tree_pick(model, tree_below(model, 3) == 0);
    int new_parent = tree_pick_dir(model);
    char name[48], old_path[512], new_path[512], above[512];
    int target, expected, result;

    if (node < 0) {
        return;
    }
    tree_random_name(model, name, sizeof(name));
    target = tree_find(model, new_parent, name);
    tree_path(model, node, old_path, sizeof(old_path));
    tree_path(model, new_parent, above, sizeof(above));
    ksnprintf(new_path, sizeof(new_path), "%s/%s", above, name);
    expected = tree_expected_rename(model, node, new_parent, target);
    result = vfs_rename(&context, old_path, &context, new_path, 0);
    if (target >= 0 && expected != 0 && result != 0) {
        return; /* refused, as it must be; which of several reasons is told first is for the ABI tests */
    }
    assert_int_equal(result, expected);
    if (expected != 0 || target == node) {
        return;
    }
    if (target >= 0) {
        if (model->nodes[target].content != NULL &&
            model->nodes[target].content == model->nodes[node].content) {
            return; /* two names of one file: nothing happens */
        }
        tree_drop(model, target);
    }
    model->nodes[node].parent = new_parent;
    memcpy(model->nodes[node].name, name, sizeof(name));
}

static void tree_swap_names(struct tree_node *a, struct tree_node *b)
{
    struct tree_node old = *a;

    a->parent = b->parent;
    memcpy(a->name, b->name, sizeof(a->name));
    b->parent = old.parent;
    memcpy(b->name, old.name, sizeof(b->name));
}

static void tree_step_exchange(struct tree_model *model)
{
    struct walk_context context = tree_context(model);
    int a = tree_pick(model, tree_below(model, 2) == 0);
    int b = tree_pick(model, tree_below(model, 2) == 0);
    char a_path[512], b_path[512];
    int expected = model->features.has_exchange ? 0 : -EINVAL;

    if (a < 0 || b < 0 || a == b) {
        return;
    }
    if (tree_is_below(model, a, b) || tree_is_below(model, b, a)) {
        expected = -EINVAL;
    }
    tree_path(model, a, a_path, sizeof(a_path));
    tree_path(model, b, b_path, sizeof(b_path));
    assert_int_equal(vfs_rename(&context, a_path, &context, b_path, RENAME_EXCHANGE), expected);
    if (expected == 0) {
        tree_swap_names(&model->nodes[a], &model->nodes[b]);
    }
}

static void tree_step_link(struct tree_model *model)
{
    struct walk_context context = tree_context(model);
    int node = tree_pick(model, false);
    int parent = tree_pick_dir(model);
    int slot = tree_free_slot(model);
    char name[48], old_path[512], new_path[512], above[512];
    struct path path;

    if (!model->features.has_links || node < 0 || slot < 0) {
        return;
    }
    tree_random_name(model, name, sizeof(name));
    tree_path(model, node, old_path, sizeof(old_path));
    tree_path(model, parent, above, sizeof(above));
    ksnprintf(new_path, sizeof(new_path), "%s/%s", above, name);
    assert_int_equal(path_walk(&context, old_path, 0, &path), 0);
    if (tree_find(model, parent, name) >= 0) {
        assert_int_equal(vfs_link(&path, &context, new_path), -EEXIST);
    } else {
        assert_int_equal(vfs_link(&path, &context, new_path), 0);
        model->nodes[slot] = model->nodes[node];
        model->nodes[slot].parent = parent;
        memcpy(model->nodes[slot].name, name, sizeof(name));
        model->nodes[slot].content->nr_names++;
    }
    path_put(&path);
}

/* ---- Listings ------------------------------------------------------------------------------------ */

struct tree_listing {
    struct dir_context context;
    struct tree_model *model;
    int dir;
    bool is_seen[TREE_MAX_NODES];
};

static bool tree_emit(struct dir_context *context, const struct dir_entry *entry)
{
    struct tree_listing *listing = container_of(context, struct tree_listing, context);
    char name[256];
    int node;

    memcpy(name, entry->name, entry->name_len);
    name[entry->name_len] = '\0';
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        (listing->dir < 0 && strcmp(name, "lost+found") == 0)) { /* mke2fs made it */
        return true;
    }
    node = tree_find(listing->model, listing->dir, name);
    assert_true(node >= 0);
    assert_false(listing->is_seen[node]);
    listing->is_seen[node] = true;
    return true;
}

static void tree_check_listing(struct tree_model *model, int dir)
{
    struct tree_listing listing = {.context.emit = tree_emit, .model = model, .dir = dir};
    struct file *file = tree_open(model, dir, O_RDONLY | O_DIRECTORY);

    assert_int_equal(vfs_readdir(file, &listing.context), 0);
    file_put(file);
    for (unsigned i = 0; i < TREE_MAX_NODES; i++) {
        if (model->nodes[i].is_used && model->nodes[i].parent == dir) {
            assert_true(listing.is_seen[i]);
        }
    }
}

/* ---- The model ----------------------------------------------------------------------------------- */

/** Compare everything: listings, contents, link counts. */
static inline void tree_model_check(struct tree_model *model)
{
    struct walk_context context = tree_context(model);

    tree_check_listing(model, -1);
    for (unsigned i = 0; i < TREE_MAX_NODES; i++) {
        struct kstat stat;
        struct path path;
        char name[512];

        if (!model->nodes[i].is_used) {
            continue;
        }
        tree_path(model, (int)i, name, sizeof(name));
        assert_int_equal(path_walk(&context, name, 0, &path), 0);
        assert_int_equal(vfs_stat(&path, &stat), 0);
        path_put(&path);
        assert_int_equal((stat.mode & S_IFMT) == S_IFDIR, model->nodes[i].is_dir);
        if (model->nodes[i].is_dir) {
            tree_check_listing(model, (int)i);
        } else {
            assert_int_equal(stat.size_bytes, model->nodes[i].content->size);
            assert_int_equal(stat.nr_links, model->nodes[i].content->nr_names);
            tree_check_content(model, (int)i);
        }
    }
}

/** Take random steps. */
static inline void tree_model_run(struct tree_model *model, unsigned nr_steps)
{
    for (unsigned i = 0; i < nr_steps; i++) {
        switch (tree_below(model, 23)) {
        case 0 ... 5: tree_step_create(model); break;
        case 6 ... 10: tree_step_write(model); break;
        case 11: tree_step_truncate(model); break;
        case 12 ... 13: tree_step_remove(model); break;
        case 14 ... 15: tree_step_rename(model); break;
        case 16: tree_step_link(model); break;
        case 17: tree_step_exchange(model); break;
        case 18: tree_step_fallocate(model); break;
        case 19: tree_step_tmpfile(model); break;
        default: {
            int node = tree_pick(model, false);

            if (node >= 0) {
                tree_check_content(model, node);
            }
            break;
        }
        }
    }
}

/** Forget the model's tree: the file system is made anew. */
static inline void tree_model_clear(struct tree_model *model)
{
    for (unsigned i = 0; i < TREE_MAX_NODES; i++) {
        if (model->nodes[i].is_used) {
            tree_drop(model, (int)i);
        }
    }
}

/** A tmpfs root with an empty /mnt. */
static inline void tree_model_start(struct tree_model *model, struct host_random *random,
                                    struct tree_features features)
{
    struct walk_context context;

    memset(model, 0, sizeof(*model));
    model->random = random;
    model->features = features;
    assert_int_equal(vfs_mount_root(NULL, "tmpfs", 0, &model->root), 0);
    context = tree_context(model);
    assert_int_equal(vfs_mkdir(&context, "/mnt", 0755), 0);
}

static inline void tree_mount(struct tree_model *model, const char *source, const char *type)
{
    struct walk_context context = tree_context(model);

    assert_int_equal(vfs_mount(&context, source, "/mnt", type, 0, ""), 0);
}

static inline void tree_unmount(struct tree_model *model)
{
    struct walk_context context = tree_context(model);

    assert_int_equal(vfs_umount(&context, "/mnt", 0), 0);
}

#endif
