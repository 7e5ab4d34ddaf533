// SPDX-License-Identifier: MIT
/* The oracle's memory: nothing is forgotten.
 *
 * A power cut may come at any time, so the question is never what a file holds, but what it held after operation n. An
 * object (a file, a directory, a symlink) keeps all versions of its content; a slot, which is a name in a directory,
 * keeps all objects that it has stood for. So the tree after any operation can be read off, by taking of each
 * history the last entry that is not younger.
 *
 * Promises are kept as the numbers of the operations that made them. POSIX is the least that must hold:
 *
 *     fsync and fdatasync of a file     its content
 *     fsync of a directory              its names
 *     sync                              everything
 *
 * A journal promises more: its transactions are in order, so whatever makes an object durable brings all that happened
 * before the object's last change. promised_history[n] is how far that reaches when operation n has ended. */
#include "tools/crash/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/crash/memory.h"

/* ---- Histories ----------------------------------------------------------------------------------- */

static void op_list_add(struct op_list *list, unsigned op)
{
    if (list->nr != 0 && list->ops[list->nr - 1] == op) {
        return;
    }
    list->ops = grow(list->ops, sizeof(*list->ops), list->nr, &list->nr_room);
    list->ops[list->nr++] = op;
}

/* How many of the list are at most op. */
static unsigned op_list_count(const struct op_list *list, unsigned op)
{
    unsigned low = 0, high = list->nr;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (list->ops[middle] <= op) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

unsigned op_list_last(const struct op_list *list, unsigned op)
{
    unsigned nr = op_list_count(list, op);

    return nr != 0 ? list->ops[nr - 1] : 0;
}

struct object *slot_value(const struct slot *slot, unsigned op)
{
    unsigned nr = op_list_count(&slot->since, op);

    return nr != 0 ? slot->values[nr - 1] : NULL;
}

unsigned object_version(const struct object *file, unsigned op)
{
    unsigned nr = file->nr_versions;

    while (nr > 1 && file->versions[nr - 1].op > op) {
        nr--;
    }
    return nr - 1;
}

bool object_has_name(const struct object *object, unsigned op)
{
    return object->born <= op && op < object->died;
}

/* ---- The tree as it is now ----------------------------------------------------------------------- */

static struct object *new_object(struct model *model, enum object_kind kind)
{
    struct object *object = must_have(calloc(1, sizeof(*object)));

    object->kind = kind;
    object->id = model->nr_objects++;
    object->next = model->objects;
    model->objects = object;
    if (kind == OBJECT_DIR) {
        object->next_dir = model->dirs;
        model->dirs = object;
    }
    op_list_add(&object->changed, model->nr_ops);
    return object;
}

static struct slot *find_slot(struct object *dir, const char *name, size_t len)
{
    struct slot *slot = dir->slots;

    while (slot != NULL && (strncmp(slot->name, name, len) != 0 || slot->name[len] != '\0')) {
        slot = slot->next;
    }
    return slot;
}

static struct object *value_now(const struct slot *slot)
{
    return slot != NULL ? slot_value(slot, UINT32_MAX) : NULL;
}

/* The directory of a path's last name, and that name. NULL: a directory on the way isn't there. */
static struct object *find_parent(const struct model *model, const char *path, const char **name)
{
    struct object *dir = model->root;
    const char *slash;

    while (dir != NULL && (slash = strchr(path, '/')) != NULL) {
        dir = value_now(find_slot(dir, path, (size_t)(slash - path)));
        dir = dir != NULL && dir->kind == OBJECT_DIR ? dir : NULL;
        path = slash + 1;
    }
    *name = path;
    return dir;
}

struct object *model_find(const struct model *model, const char *path)
{
    const char *name;
    struct object *dir = find_parent(model, path, &name);

    if (strcmp(path, ".") == 0) {
        return model->root;
    }
    return dir != NULL ? value_now(find_slot(dir, name, strlen(name))) : NULL;
}

/* The object has one name more. Between the two halves of a rename it may have had none. */
static void gain_name(struct model *model, struct object *object)
{
    object->nr_names++;
    object->born = object->born != 0 ? object->born : model->nr_ops;
    object->died = UINT32_MAX;
    op_list_add(&object->changed, model->nr_ops);
}

static void lose_name(struct model *model, struct object *object)
{
    object->nr_names--;
    object->died = object->nr_names != 0 ? UINT32_MAX : model->nr_ops;
    op_list_add(&object->changed, model->nr_ops);
}

/* The path stands for the object (NULL: nothing) from the operation under way on. */
static bool set_path(struct model *model, const char *path, struct object *object)
{
    const char *name;
    struct object *dir = find_parent(model, path, &name);
    struct slot *slot;
    unsigned before;

    if (dir == NULL) {
        return false;
    }
    slot = find_slot(dir, name, strlen(name));
    if (slot == NULL) {
        slot = must_have(calloc(1, sizeof(*slot)));
        snprintf(slot->name, sizeof(slot->name), "%s", name);
        slot->next = dir->slots;
        dir->slots = slot;
    }
    if (value_now(slot) != NULL) {
        lose_name(model, value_now(slot));
    }
    before = slot->since.nr_room;
    op_list_add(&slot->since, model->nr_ops);
    if (slot->since.nr_room != before) {
        slot->values =
            must_have(realloc(slot->values, slot->since.nr_room * sizeof(slot->values[0])));
    }
    slot->values[slot->since.nr - 1] = object;
    op_list_add(&dir->changed, model->nr_ops);
    if (object != NULL) {
        gain_name(model, object);
    }
    return true;
}

/* A new version of a file: so long, and with the operation's bytes from..to. */
static bool add_version(struct model *model, struct object *file, uint32_t size, uint32_t from,
                        uint32_t to)
{
    struct version *version;
    const struct version *old;

    if (file == NULL || file->kind != OBJECT_FILE || size > CRASH_FILE) {
        return false;
    }
    file->versions = grow(file->versions, sizeof(*file->versions), file->nr_versions,
                          &file->nr_version_room);
    version = &file->versions[file->nr_versions];
    old = file->nr_versions != 0 ? version - 1 : NULL;
    *version = (struct version){.op = model->nr_ops, .size = size};
    version->bytes = must_have(calloc(1, size + 1));
    if (old != NULL && size != 0) {
        memcpy(version->bytes, old->bytes, old->size < size ? old->size : size);
    }
    for (uint32_t at = from; at < to; at++) {
        version->bytes[at] = crash_byte(model->nr_ops, at);
    }
    if (old == NULL || old->size != size) {
        op_list_add(&file->changed, model->nr_ops);
    }
    file->nr_versions++;
    return true;
}

/* ---- Operations ---------------------------------------------------------------------------------- */

static bool do_creat(struct model *model, const char *path)
{
    struct object *file = model_find(model, path);

    if (file != NULL) {
        return add_version(model, file, 0, 0, 0);
    }
    file = new_object(model, OBJECT_FILE);
    return add_version(model, file, 0, 0, 0) && set_path(model, path, file);
}

static bool do_write(struct model *model, const struct crash_op *op)
{
    struct object *file = model_find(model, op->path);
    uint32_t size, from;

    if (file == NULL || file->kind != OBJECT_FILE) {
        return false;
    }
    size = file->versions[file->nr_versions - 1].size;
    from = op->at_byte != CRASH_AT_END ? op->at_byte : size;
    return add_version(model, file, from + op->len_bytes > size ? from + op->len_bytes : size, from,
                       from + op->len_bytes);
}

static bool do_rename(struct model *model, const char *path, const char *other)
{
    struct object *object = model_find(model, path);

    if (object == NULL) {
        return false;
    }
    if (model_find(model, other) == object) {
        return true; /* two names of one file: nothing happens */
    }
    return set_path(model, path, NULL) && set_path(model, other, object);
}

static bool do_link(struct model *model, const char *path, const char *other)
{
    struct object *object = model_find(model, path);

    return object != NULL && set_path(model, other, object);
}

static bool do_make(struct model *model, const struct crash_op *op, enum object_kind kind)
{
    struct object *object = new_object(model, kind);

    snprintf(object->target, sizeof(object->target), "%s", op->other);
    return set_path(model, op->path, object);
}

/* The object is durable from now on, and in a journal all that came before its last change. */
static bool promise(struct model *model, struct object *object)
{
    unsigned upto, *history = &model->promised_history[model->nr_ops];

    if (object == NULL) {
        return false;
    }
    op_list_add(&object->synced, model->nr_ops);
    upto = op_list_last(&object->changed, model->nr_ops);
    *history = upto > *history ? upto : *history;
    return true;
}

static bool promise_all(struct model *model)
{
    op_list_add(&model->syncs, model->nr_ops);
    model->promised_history[model->nr_ops] = model->nr_ops;
    return true;
}

static bool apply(struct model *model, const struct crash_op *op)
{
    switch (op->verb) {
    case CRASH_CREAT: return do_creat(model, op->path);
    case CRASH_MKDIR: return do_make(model, op, OBJECT_DIR);
    case CRASH_SYMLINK: return do_make(model, op, OBJECT_SYMLINK);
    case CRASH_WRITE: return do_write(model, op);
    case CRASH_TRUNCATE:
        return add_version(model, model_find(model, op->path), op->len_bytes, 0, 0);
    case CRASH_RENAME: return do_rename(model, op->path, op->other);
    case CRASH_LINK: return do_link(model, op->path, op->other);
    case CRASH_UNLINK:
    case CRASH_RMDIR: return model_find(model, op->path) != NULL && set_path(model, op->path, NULL);
    case CRASH_FSYNC: return promise(model, model_find(model, op->path));
    case CRASH_FDATASYNC: {
        struct object *file = model_find(model, op->path);

        /* Of the content only: what else is on the way may wait. */
        return file != NULL && (op_list_add(&file->synced, model->nr_ops), true);
    }
    default: return promise_all(model);
    }
}

struct model *model_new(void)
{
    struct model *model = must_have(calloc(1, sizeof(*model)));

    model->nr_room = 64;
    model->ops = must_have(calloc(model->nr_room, sizeof(model->ops[0])));
    model->promised_history = must_have(calloc(model->nr_room, sizeof(model->promised_history[0])));
    model->root = new_object(model, OBJECT_DIR);
    return model;
}

unsigned model_begin(struct model *model, const struct crash_op *op)
{
    unsigned number = ++model->nr_ops;
    unsigned room = model->nr_room;

    model->ops = grow(model->ops, sizeof(model->ops[0]), number, &room);
    model->promised_history = grow(model->promised_history, sizeof(model->promised_history[0]),
                                   number, &model->nr_room);
    model->ops[number] = *op;
    model->promised_history[number] = model->promised_history[number - 1];
    return number;
}

bool model_end(struct model *model, unsigned number)
{
    return apply(model, &model->ops[number]);
}

void model_free(struct model *model)
{
    while (model->objects != NULL) {
        struct object *object = model->objects;

        model->objects = object->next;
        for (unsigned i = 0; i < object->nr_versions; i++) {
            free(object->versions[i].bytes);
        }
        while (object->slots != NULL) {
            struct slot *slot = object->slots;

            object->slots = slot->next;
            free(slot->since.ops);
            free(slot->values);
            free(slot);
        }
        free(object->versions);
        free(object->synced.ops);
        free(object->changed.ops);
        free(object);
    }
    free(model->syncs.ops);
    free(model->ops);
    free(model->promised_history);
    free(model);
}
