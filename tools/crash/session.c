// SPDX-License-Identifier: MIT
/* A sequence begins with the mount and ends with the unmount, so that cuts come in both, too.
 *
 * The base tree is made once, and each sequence begins with a copy of the disk that has it. The model begins anew each
 * time: it is told of the base tree's operations as of any others. */
#include "tools/crash/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/abi/errno.h"
#include "tools/crash/kinds.h"
#include "tools/crash/world.h"
#include "tools/host/tape.h"
#include "user/test/crash/generate.h"

static struct crash_op base_ops[CRASH_MAX_OPS];
static unsigned nr_base_ops;

static void must(bool is_so, const char *what)
{
    if (!is_so) {
        printf("crash: %s\n", what);
        exit(2);
    }
}

/* Do one operation, on the disk and in the model. */
static bool do_op(struct session *session, const struct crash_op *op)
{
    unsigned number = model_begin(session->model, op);
    char text[CRASH_TEXT];
    int error;

    if (session->tape != NULL) {
        tape_promise(session->tape, promise_begun(number));
    }
    error = world_do(op, number);
    crash_op_format(op, text);
    if (error == 0 && !model_end(session->model, number)) {
        printf("%s: %s: succeeds, and the model says that it can't\n", session->kind->name, text);
        return false;
    }
    if (error == -EIO || error == -EUCLEAN || error == -EROFS || error == -ENOSPC) {
        printf("%s: %s: error %d on a disk without faults\n", session->kind->name, text, -error);
        return false;
    }
    if (session->tape != NULL) {
        tape_promise(session->tape, promise_done(number));
    }
    return true;
}

static void make_base_tree(struct session *session)
{
    const char *why;
    int nr = crash_ops_parse(crash_base_tree, base_ops, &why);

    must(nr > 0, "the base tree is no sequence");
    nr_base_ops = (unsigned)nr;
    session->model = model_new();
    must(kind_run(session->kind->make, &session->start) == 0, "the file system cannot be made");
    world_insert(&session->start);
    must(world_mount(session->kind) == 0, "the new file system cannot be mounted");
    for (unsigned i = 0; i < nr_base_ops; i++) {
        must(do_op(session, &base_ops[i]), "the base tree cannot be made");
    }
    must(world_unmount() == 0, "the new file system cannot be unmounted");
    model_free(session->model);
    session->model = NULL;
}

static void begin(struct session *session, const struct fs_kind *kind, const char *folder,
                  size_t size_bytes)
{
    memset(session, 0, sizeof(*session));
    session->kind = kind;
    image_make(&session->start, folder, "start", size_bytes);
    image_make(&session->base, folder, "base", size_bytes);
    image_make(&session->state, folder, "state", size_bytes);
    image_make(&session->backup, folder, "backup", size_bytes);
    world_start(size_bytes);
}

void session_begin(struct session *session, const struct fs_kind *kind, const char *folder)
{
    begin(session, kind, folder, kind->size_bytes);
    make_base_tree(session);
}

void session_load(struct session *session, const struct fs_kind *kind, const char *folder,
                  const char *before)
{
    begin(session, kind, folder, image_file_size(before));
    image_load(&session->start, before);
}

static void forget_run(struct session *session)
{
    if (session->model != NULL) {
        model_free(session->model);
        session->model = NULL;
    }
    if (session->tape != NULL) {
        tape_free(session->tape);
        session->tape = NULL;
    }
}

bool session_run(struct session *session, const struct crash_op *ops, unsigned nr)
{
    struct host_disk *disk;
    bool is_good = true;

    forget_run(session);
    session->model = model_new();
    for (unsigned i = 0; i < nr_base_ops; i++) {
        must(model_end(session->model, model_begin(session->model, &base_ops[i])), "the base tree");
    }
    image_copy(&session->state, &session->start);
    disk = world_insert(&session->state);
    session->tape = tape_start(disk);
    tape_promise(session->tape, promise_done(nr_base_ops));
    if (world_mount(session->kind) != 0) {
        printf("%s: the base tree is not mounted\n", session->kind->name);
        return false;
    }
    for (unsigned i = 0; i < nr && is_good; i++) {
        is_good = do_op(session, &ops[i]);
    }
    is_good = world_unmount() == 0 && is_good;
    tape_stop(session->tape);
    return is_good;
}

void session_print(const struct session *session)
{
    unsigned told = nr_base_ops;

    printf("  position\n");
    for (unsigned i = 0; i < tape_length(session->tape); i++) {
        const struct tape_entry *entry = tape_entry(session->tape, i);
        char text[CRASH_TEXT];

        for (; session->model != NULL && told < entry->promised / 2; told++) {
            crash_op_format(&session->model->ops[told + 1], text);
            printf("            operation %u: %s\n", told + 1, text);
        }
        if (entry->is_flush) {
            printf("  %8u  flush\n", i);
        } else {
            printf("  %8u  write sector %llu, %zu bytes\n", i, (unsigned long long)entry->sector,
                   entry->len_bytes);
        }
    }
}

void session_end(struct session *session)
{
    forget_run(session);
    image_remove(&session->start);
    image_remove(&session->base);
    image_remove(&session->state);
    image_remove(&session->backup);
}
