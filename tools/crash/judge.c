// SPDX-License-Identifier: MIT
/* What happens to a disk after a power cut, and what must come out of it. Each state is taken twice:
 *
 *     as it is       Cairn mounts it (a journal is replayed by us), reads everything, and unmounts it. Without a
 *                    journal that is no use, and may fail; but no panic and no hang may come of it
 *     repaired       the repair tool goes first, as a system's start would have it, and must need nobody; then
 *                    Cairn mounts it, reads everything, unmounts it; and the tool finds nothing any more
 *
 * The oracle (expect.c) compares. Where the repair tool gives up, the state counts as unrepairable, and once
 * more somebody answers "yes" to all its questions, since even then nothing promised may be lost. */
#include "tools/crash/judge.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/crash/image.h"
#include "tools/crash/kinds.h"
#include "tools/crash/world.h"

/* Put the files that were found into a folder of this machine, and let the program that wrote them look. */
static bool ask_program(struct judge *judge, const struct expectation *expectation,
                        const struct seen *root, char why[EXPECT_WHY_BYTES])
{
    char folder[IMAGE_PATH + 8], path[IMAGE_PATH + 300], done[16], begun[16];
    const char *command[] = {judge->program, "--check", folder, done, begun, NULL};
    int status;

    snprintf(folder, sizeof(folder), "%s.files", judge->image->path);
    snprintf(done, sizeof(done), "%u", expectation->done);
    snprintf(begun, sizeof(begun), "%u", expectation->begun);
    mkdir(folder, 0700);
    for (const struct seen *file = root->inside; file != NULL; file = file->next) {
        snprintf(path, sizeof(path), "%s/%s", folder, file->name);
        if (file->kind == OBJECT_FILE) {
            image_save_file(path, file->bytes, file->len_bytes);
        }
    }
    status = kind_run_beside(command, judge->image);
    for (const struct seen *file = root->inside; file != NULL; file = file->next) {
        snprintf(path, sizeof(path), "%s/%s", folder, file->name);
        unlink(path);
    }
    rmdir(folder);
    snprintf(why, EXPECT_WHY_BYTES, "%s exits with %d: %u transactions were committed",
             judge->program, status, expectation->done);
    return status == 0;
}

/* Mount, read, compare, unmount. */
static bool is_whole(struct judge *judge, unsigned mark, const char *when, bool is_by_person)
{
    struct expectation expectation = {
        .done = mark != 0 ? (mark - 1) / 2 : 0,
        .begun = mark / 2,
        .is_in_order = judge->kind->is_in_order,
        .keeps_garbage = judge->kind->keeps_garbage,
        .has_twins = judge->kind->has_twins,
        .is_by_person = is_by_person,
    };
    char why[EXPECT_WHY_BYTES] = "";
    struct seen *seen;
    bool is_good;
    int error;

    world_insert(judge->image);
    error = world_mount(judge->kind);
    if (error != 0) {
        snprintf(judge->why, sizeof(judge->why), "%s: not mounted: error %d", when, -error);
        return false;
    }
    seen = world_look(why);
    is_good = seen != NULL &&
              (judge->program != NULL ? ask_program(judge, &expectation, seen, why)
                                      : expect_check(judge->model, &expectation, seen, why));
    seen_free(seen);
    error = world_unmount();
    if (is_good && error != 0) {
        snprintf(why, sizeof(why), "not unmounted: error %d", -error);
    }
    if (!is_good || error != 0) {
        snprintf(judge->why, sizeof(judge->why), "%s: %s", when, why);
    }
    return is_good && error == 0;
}

/* The tool has given up. */
static enum verdict insist(struct judge *judge, unsigned mark)
{
    char why[sizeof(judge->why)];

    memcpy(why, judge->why, sizeof(why));
    if (judge->kind->insist[0] != NULL) {
        (void)kind_run(judge->kind->insist, judge->image);
        if (!is_whole(judge, mark, "repaired by answering yes", true)) {
            return VERDICT_LOST;
        }
    }
    memcpy(judge->why, why, sizeof(why));
    return VERDICT_UNREPAIRABLE;
}

enum verdict judge_state(struct judge *judge, unsigned mark)
{
    int status;

    if (!judge->skips_repair) {
        image_copy(judge->scratch, judge->image);
    }
    kind_forget_words(judge->image);
    if (!is_whole(judge, mark, "as it is", false) && judge->kind->is_in_order) {
        return VERDICT_LOST;
    }
    if (judge->skips_repair) {
        return VERDICT_GOOD;
    }
    image_copy(judge->image, judge->scratch);
    status = kind_run(judge->kind->repair, judge->image);
    if (status > 1) {
        snprintf(judge->why, sizeof(judge->why), "%s exits with %d", judge->kind->repair[0],
                 status);
        return insist(judge, mark);
    }
    if (!is_whole(judge, mark, "repaired", false)) {
        return VERDICT_LOST;
    }
    status = kind_run(judge->kind->check, judge->image);
    if (status != 0) {
        snprintf(judge->why, sizeof(judge->why),
                 "after repair, mount and unmount: %s exits with %d", judge->kind->check[0],
                 status);
        return VERDICT_UNREPAIRABLE;
    }
    return VERDICT_GOOD;
}
