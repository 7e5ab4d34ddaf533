// SPDX-License-Identifier: MIT
/* What may be found after a power cut.
 *
 * A file. Call the version that was promised last v. Its size is that of v or of a later version, or lies between:
 * a long write reaches the disk in pieces. Each of its sectors is as it was in v or in a later version: a
 * sector is what a disk writes whole. A file that was never promised begins with its first version, the empty one.
 * What a truncation takes may be zeros before the size says so, since the rest of the last block is cleared with the data
 * in front of it: so a sector is a version's also when zeros stand for what was cut off.
 *
 * Names, with a journal: the tree is, whole, what it was after some operation between the last promise and the
 * cut. Names, without one: each slot holds what it held after some operation since its directory was promised.
 * So a name that was replaced stands for the old or for the new; never for neither, since there was no time at which
 * it did. And an object that had a name at all those times has one now: a file that was being renamed is here
 * or there.
 *
 * FAT has no inodes: a file that is moved to a name where none was has two entries for a moment, which lead to the
 * same clusters, and fsck.fat leaves them to one and empties the other. So either name may stand for an empty file
 * until the move is promised; and that of an empty directory, which another one was to replace, for nothing. But what
 * was being moved must be whole under one of its names, as the rule before this one says. The name of a file that is
 * replaced is never empty, and never gone.
 *
 * Where a person had to answer the repair tool's questions, names are his matter; what was promised of contents must still
 * be there under some name.
 *
 * What the repair tools put into lost+found, or call FSCK0000.REC, is left out: it is no promise kept. */
#include "tools/crash/expect.h"

#include <stdio.h>
#include <string.h>

#define SECTOR    512u
#define MAX_BLOCK 1024u /* of the file systems of kinds.c */

struct judgement {
    const struct model *model;
    const struct expectation *expectation;
    char *why;
    unsigned at; /* is_in_order: the operation after which the tree is to be as it is */
};

static bool is_repair(const char *name)
{
    return strcmp(name, "lost+found") == 0 || strncmp(name, "FSCK", 4) == 0;
}

/* ---- Files --------------------------------------------------------------------------------------- */

/* The operation at which what may be seen of an object begins. */
static unsigned promised_op(const struct judgement *judgement, const struct object *object)
{
    unsigned done = judgement->expectation->done;
    unsigned by_itself = op_list_last(&object->synced, done);
    unsigned by_all = op_list_last(&judgement->model->syncs, done);

    return by_itself > by_all ? by_itself : by_all;
}

static bool sector_is_of(const struct version *version, const struct seen *file, uint32_t at,
                         uint32_t cleared_from)
{
    uint32_t end = at + SECTOR < file->len_bytes ? at + SECTOR : file->len_bytes;

    while (at < end && ((at < version->size && version->bytes[at] == file->bytes[at]) ||
                        (at >= cleared_from && file->bytes[at] == 0))) {
        at++;
    }
    return at == end;
}

static bool check_content(const struct judgement *judgement, const struct object *object,
                          const struct seen *file)
{
    unsigned first = object_version(object, promised_op(judgement, object));
    unsigned last = object_version(object, judgement->expectation->begun);
    uint32_t min = UINT32_MAX, max = 0, cleared_from = UINT32_MAX;

    for (unsigned i = first; i <= last; i++) {
        if (i > first && object->versions[i].size < object->versions[i - 1].size &&
            object->versions[i].size < cleared_from) {
            cleared_from = object->versions[i].size;
        }
        min = object->versions[i].size < min ? object->versions[i].size : min;
        max = object->versions[i].size > max ? object->versions[i].size : max;
    }
    if (judgement->expectation->keeps_garbage) {
        max = (max + MAX_BLOCK - 1) / MAX_BLOCK * MAX_BLOCK;
    }
    if (file->len_bytes < min || file->len_bytes > max) {
        snprintf(judgement->why, EXPECT_WHY_BYTES,
                 "%s has %u bytes; it may have %u to %u (as after operation %u, or later)",
                 file->name, file->len_bytes, min, max, object->versions[first].op);
        return false;
    }
    for (uint32_t at = 0; at < file->len_bytes; at += SECTOR) {
        unsigned i = first;

        while (i <= last && !sector_is_of(&object->versions[i], file, at, cleared_from)) {
            i++;
        }
        if (i > last && !(judgement->expectation->keeps_garbage && at + SECTOR > min)) {
            snprintf(judgement->why, EXPECT_WHY_BYTES,
                     "%s: bytes %u to %u are not as after operation %u, nor as later; they "
                     "begin %02x %02x %02x %02x",
                     file->name, at, at + SECTOR - 1, object->versions[first].op, file->bytes[at],
                     file->bytes[at + 1], file->bytes[at + 2], file->bytes[at + 3]);
            return false;
        }
    }
    return true;
}

/* ---- Names --------------------------------------------------------------------------------------- */

static bool check_dir(struct judgement *judgement, const struct object *dir, struct seen *seen);

static struct seen *find_name(struct seen *dir, const char *name)
{
    struct seen *child = dir->inside;

    while (child != NULL && strcmp(child->name, name) != 0) {
        child = child->next;
    }
    return child;
}

/* Can what was seen be this object? object is NULL for "nothing". */
static bool matches(struct judgement *judgement, const struct object *object, struct seen *seen,
                    const char *name)
{
    if (object == NULL || seen == NULL) {
        if (object != NULL || seen != NULL) {
            snprintf(judgement->why, EXPECT_WHY_BYTES, "%s is %sthere", name,
                     object != NULL ? "not " : "");
        }
        return object == NULL && seen == NULL;
    }
    if (seen->is_other || object->kind != seen->kind) {
        snprintf(judgement->why, EXPECT_WHY_BYTES, "%s is of another kind", name);
        return false;
    }
    if (object->kind == OBJECT_SYMLINK && strcmp(object->target, seen->target) != 0) {
        snprintf(judgement->why, EXPECT_WHY_BYTES, "%s points to \"%s\"", name, seen->target);
        return false;
    }
    if (object->kind == OBJECT_FILE
            ? !check_content(judgement, object, seen)
            : object->kind == OBJECT_DIR && !check_dir(judgement, object, seen)) {
        return false;
    }
    if (seen->nr_candidates < SEEN_MAX_CANDIDATES) {
        seen->may_be[seen->nr_candidates++] = object;
    }
    return true;
}

/* Whether in operation `op` an object of this kind was moved to the name, which was free, or away from it. */
static bool is_moved(const struct slot *slot, int kind, unsigned op)
{
    const struct object *before = slot_value(slot, op - 1);
    const struct object *after = slot_value(slot, op);

    return before == NULL  ? after != NULL && (int)after->kind == kind
           : after == NULL ? (int)before->kind == kind && object_has_name(before, op)
                           : false;
}

/* The twin that lost its clusters: an empty file where one came or went, or nothing where an empty directory was that
 * another one replaced. */
static bool is_empty_twin(const struct slot *slot, const struct seen *seen, unsigned from,
                          unsigned to)
{
    for (unsigned op = from + 1; op <= to; op++) {
        const struct object *before = slot_value(slot, op - 1);
        const struct object *after = slot_value(slot, op);

        if (seen != NULL ? !seen->is_other && seen->kind == OBJECT_FILE && seen->len_bytes == 0 &&
                               is_moved(slot, OBJECT_FILE, op)
                         : before != NULL && after != NULL && before != after &&
                               before->kind == OBJECT_DIR && after->kind == OBJECT_DIR) {
            return true;
        }
    }
    return false;
}

/* The name holds what it held at one of these times. All are tried: it may be more than one. */
static bool check_slot(struct judgement *judgement, const struct slot *slot, struct seen *seen,
                       unsigned from, unsigned to)
{
    const struct object *tried = NULL;
    bool is_good = false;

    for (unsigned op = from; op <= to; op++) {
        const struct object *object = slot_value(slot, op);

        if (op == from || object != tried) {
            is_good = matches(judgement, object, seen, slot->name) || is_good;
        }
        tried = object;
    }
    return is_good || (judgement->expectation->has_twins && is_empty_twin(slot, seen, from, to));
}

static bool check_dir(struct judgement *judgement, const struct object *dir, struct seen *seen)
{
    bool in_order = judgement->expectation->is_in_order;
    unsigned from = in_order ? judgement->at : promised_op(judgement, dir);
    unsigned to = in_order ? judgement->at : judgement->expectation->begun;

    for (const struct slot *slot = dir->slots; slot != NULL; slot = slot->next) {
        if (!check_slot(judgement, slot, find_name(seen, slot->name), from, to)) {
            return false;
        }
    }
    for (struct seen *child = seen->inside; child != NULL; child = child->next) {
        const struct slot *slot = dir->slots;

        while (slot != NULL && strcmp(slot->name, child->name) != 0) {
            slot = slot->next;
        }
        if (slot == NULL && !is_repair(child->name)) {
            snprintf(judgement->why, EXPECT_WHY_BYTES, "%s is there, and was never made",
                     child->name);
            return false;
        }
    }
    return true;
}

/* ---- Without a journal: what was promised must be somewhere ---------------------------------------- */

static bool is_found(const struct seen *seen, const struct object *object)
{
    for (; seen != NULL; seen = seen->next) {
        for (unsigned i = 0; i < seen->nr_candidates; i++) {
            if (seen->may_be[i] == object) {
                return true;
            }
        }
        if (is_found(seen->inside, object)) {
            return true;
        }
    }
    return false;
}

/* Everything that a durable directory named, and that has had a name ever since, has one. */
static bool check_nothing_lost(const struct judgement *judgement, const struct object *dir,
                               const struct seen *root)
{
    unsigned from = promised_op(judgement, dir), to = judgement->expectation->begun;

    if (dir != judgement->model->root && !(object_has_name(dir, from) && is_found(root, dir))) {
        return true; /* its own absence is its parent's matter */
    }
    for (const struct slot *slot = dir->slots; slot != NULL; slot = slot->next) {
        const struct object *object = slot_value(slot, from);

        if (object != NULL && object_has_name(object, to) && !is_found(root, object)) {
            snprintf(judgement->why, EXPECT_WHY_BYTES,
                     "what %s was after operation %u has no name any more", slot->name, from);
            return false;
        }
    }
    return true;
}

static bool check_without_journal(struct judgement *judgement, struct seen *root)
{
    if (!check_dir(judgement, judgement->model->root, root)) {
        return false;
    }
    for (const struct object *dir = judgement->model->dirs; dir != NULL; dir = dir->next_dir) {
        if (!check_nothing_lost(judgement, dir, root)) {
            return false;
        }
    }
    return true;
}

/* ---- After a person's repair ----------------------------------------------------------------------- */

/* Some file of the tree, or of lost+found, has the content. */
static bool is_somewhere(const struct judgement *judgement, const struct object *object,
                         const struct seen *seen)
{
    for (; seen != NULL; seen = seen->next) {
        if ((seen->kind == OBJECT_FILE && !seen->is_other &&
             check_content(judgement, object, seen)) ||
            is_somewhere(judgement, object, seen->inside)) {
            return true;
        }
    }
    return false;
}

/* Names may be others: he has to put back what is in lost+found. No content that was promised is gone. */
static bool check_contents(const struct judgement *judgement, const struct seen *root)
{
    unsigned begun = judgement->expectation->begun;

    for (const struct object *object = judgement->model->objects; object != NULL;
         object = object->next) {
        unsigned op = promised_op(judgement, object);

        if (object->kind == OBJECT_FILE && object_has_name(object, op) &&
            object_has_name(object, begun) && !is_somewhere(judgement, object, root)) {
            return false;
        }
    }
    return true;
}

bool expect_check(const struct model *model, const struct expectation *expectation,
                  struct seen *root, char why[EXPECT_WHY_BYTES])
{
    struct judgement judgement = {.model = model, .expectation = expectation, .why = why};
    unsigned from = model->promised_history[expectation->done];
    char first_why[EXPECT_WHY_BYTES] = "";

    if (expectation->is_by_person) {
        return check_contents(&judgement, root);
    }
    if (!expectation->is_in_order) {
        return check_without_journal(&judgement, root);
    }
    for (unsigned at = from; at <= expectation->begun; at++) {
        judgement.at = at;
        if (check_dir(&judgement, model->root, root)) {
            return true;
        }
        if (at == from) {
            memcpy(first_why, why, sizeof(first_why));
        }
    }
    snprintf(why, EXPECT_WHY_BYTES,
             "the tree is not as after any operation from %u to %u; against %u: %.250s", from,
             expectation->begun, from, first_why);
    return false;
}
