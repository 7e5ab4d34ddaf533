// SPDX-License-Identifier: MIT
/* Names and places for the *at family. */
#include "kernel/syscall/at.h"
#include "kernel/syscall/copy.h"
#include "kernel/task/fs_context.h"

int at_begin(struct at *at, uint64_t dirfd, uint64_t name)
{
    int error = name_from_user(name, &at->name);

    if (error != 0) {
        return error;
    }
    error = task_walk_context((int)dirfd, at->name, &at->context);
    if (error != 0) {
        name_put(at->name);
    }
    return error;
}

void at_end(struct at *at)
{
    task_walk_context_put(&at->context);
    name_put(at->name);
}

int at_walk(struct at *at, uint64_t dirfd, uint64_t name, bool follow, bool empty_ok,
            struct path *path)
{
    int error = at_begin(at, dirfd, name);

    if (error != 0) {
        return error;
    }
    error = path_walk(&at->context, at->name,
                      (follow ? WALK_FOLLOW : 0u) | (empty_ok ? WALK_EMPTY_OK : 0u), path);
    if (error != 0) {
        at_end(at);
    }
    return error;
}
