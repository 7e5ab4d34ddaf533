// SPDX-License-Identifier: MIT
/* What a tree of files has been, after each operation, and what of it was promised to be durable. Theory in model.c. */
#ifndef CAIRN_TOOLS_CRASH_MODEL_H
#define CAIRN_TOOLS_CRASH_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "user/test/crash/ops.h"

enum object_kind { OBJECT_FILE, OBJECT_DIR, OBJECT_SYMLINK };

/* Numbers of operations, growing: after what something happened. */
struct op_list {
    unsigned *ops;
    unsigned nr, nr_room;
};

struct version { /* the content of a file after an operation */
    unsigned op;
    uint32_t size;
    uint8_t *bytes;
};

struct object;

struct slot { /* a name in a directory, and what it has stood for */
    struct slot *next;
    char name[CRASH_PATH];
    struct op_list since;
    struct object **values; /* NULL: nothing */
};

struct object {
    struct object *next;
    struct object *next_dir; /* of a directory: among these */
    enum object_kind kind;
    unsigned id;
    struct version *versions; /* of a file */
    unsigned nr_versions, nr_version_room;
    char target[CRASH_PATH]; /* of a symlink */
    unsigned nr_names;       /* now */
    unsigned born, died;     /* it has names after the operations born to died - 1 */
    struct slot *slots;      /* of a directory */
    struct op_list synced;   /* by these it was promised */
    struct op_list changed;  /* by these it, or a name of it, or one in it, became another */
};

struct model {
    struct object *root;
    struct object *objects, *dirs;
    unsigned nr_objects;
    struct op_list syncs; /* everything was promised */
    unsigned nr_ops;      /* the first is number 1 */
    struct crash_op *ops; /* [number] */
    unsigned *
        promised_history; /* [number] after it, the whole tree is at least as after that operation; see model.c */
    unsigned nr_room;
};

/** An empty tree. Exits the program without memory, as do the others. */
struct model *model_new(void);
void model_free(struct model *model);

/** An operation begins. Returns its number. */
unsigned model_begin(struct model *model, const struct crash_op *op);

/** It has succeeded. Returns false if it could not have: the model knows better, or the harness is wrong. */
bool model_end(struct model *model, unsigned number);

/** What a slot stood for after an operation; NULL for nothing. */
struct object *slot_value(const struct slot *slot, unsigned op);

/** Whether an object had a name after an operation. What has lost its last one gets none again. */
bool object_has_name(const struct object *object, unsigned op);

/** The last number of the list that is at most op; 0: none. */
unsigned op_list_last(const struct op_list *list, unsigned op);

/** The place of the version that a file had after an operation. */
unsigned object_version(const struct object *file, unsigned op);

/** The object at a path as it is now, or NULL. */
struct object *model_find(const struct model *model, const char *path);

#endif
