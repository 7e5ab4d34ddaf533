// SPDX-License-Identifier: MIT
/* Who asks: the identity that permission checks use. Passed as an argument; fs never looks for a
 * current task. */
#ifndef CAIRN_FS_VFS_CRED_H
#define CAIRN_FS_VFS_CRED_H

#include "kernel/base/types.h"

#define CRED_MAX_GROUPS 32

struct cred {
    uid_t uid, euid, suid, fsuid;
    gid_t gid, egid, sgid, fsgid;
    uint32_t nr_groups;
    gid_t groups[CRED_MAX_GROUPS];
};

/** The kernel's own identity: may do everything. */
extern const struct cred cred_kernel;

static inline bool cred_is_root(const struct cred *cred)
{
    return cred->fsuid == 0;
}

bool cred_in_group(const struct cred *cred, gid_t group);

#endif
