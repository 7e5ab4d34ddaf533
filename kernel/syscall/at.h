// SPDX-License-Identifier: MIT
/* What the calls of the *at family share: a name from user memory, and from where it is walked. */
#ifndef CAIRN_SYSCALL_AT_H
#define CAIRN_SYSCALL_AT_H

#include "fs/vfs/path.h"

struct at {
    struct walk_context context;
    char *name;
};

/** Take the arguments (dirfd, name) of a call. Returns 0, to be ended by at_end(), or -EFAULT,
 *  -EBADF, -ENAMETOOLONG, … */
int must_check at_begin(struct at *at, uint64_t dirfd, uint64_t name);
void at_end(struct at *at);

/** Take them and walk to what they name. follow: a symlink in the last place; empty_ok: "" is
 *  dirfd itself. Returns 0 with references in path; at stays open for its context, to be ended
 *  by at_end(). */
int must_check at_walk(struct at *at, uint64_t dirfd, uint64_t name, bool follow, bool empty_ok,
                       struct path *path);

#endif
