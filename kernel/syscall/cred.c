// SPDX-License-Identifier: MIT
/* Calls about identity: user and group ids, supplementary groups, capabilities.
 *
 * Credentials belong to the thread, as on Linux (the C library makes all threads change
 * together). Root is effective user id 0, and capabilities follow from it: root has all of them,
 * everybody else none.
 * Source: POSIX.1-2017, setuid(); credentials(7). */
#include "kernel/abi/errno.h"
#include "kernel/abi/utsname.h"
#include "kernel/base/string.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/task/fs_context.h"
#include "kernel/task/task.h"

#define KEEP UINT32_MAX /* (uid_t)-1: leave as it is */

static struct cred *mine(void)
{
    return &task_current()->cred;
}

static bool is_root(void)
{
    return mine()->euid == 0;
}

int64_t sys_getuid(const struct syscall_args *args)
{
    (void)args;
    return mine()->uid;
}

int64_t sys_geteuid(const struct syscall_args *args)
{
    (void)args;
    return mine()->euid;
}

int64_t sys_getgid(const struct syscall_args *args)
{
    (void)args;
    return mine()->gid;
}

int64_t sys_getegid(const struct syscall_args *args)
{
    (void)args;
    return mine()->egid;
}

static bool is_one_of_uids(uint32_t id)
{
    return id == mine()->uid || id == mine()->euid || id == mine()->suid;
}

static bool is_one_of_gids(uint32_t id)
{
    return id == mine()->gid || id == mine()->egid || id == mine()->sgid;
}

int64_t sys_setuid(const struct syscall_args *args)
{
    uint32_t id = (uint32_t)args->a[0];
    struct cred *cred = mine();

    if (id == KEEP) {
        return -EINVAL;
    }
    if (is_root()) {
        cred->uid = cred->suid = id;
    } else if (id != cred->uid && id != cred->suid) {
        return -EPERM;
    }
    cred->euid = cred->fsuid = id;
    return 0;
}

int64_t sys_setgid(const struct syscall_args *args)
{
    uint32_t id = (uint32_t)args->a[0];
    struct cred *cred = mine();

    if (id == KEEP) {
        return -EINVAL;
    }
    if (is_root()) {
        cred->gid = cred->sgid = id;
    } else if (id != cred->gid && id != cred->sgid) {
        return -EPERM;
    }
    cred->egid = cred->fsgid = id;
    return 0;
}

int64_t sys_setreuid(const struct syscall_args *args)
{
    uint32_t real = (uint32_t)args->a[0];
    uint32_t effective = (uint32_t)args->a[1];
    struct cred *cred = mine();
    uint32_t old_real = cred->uid;

    if (!is_root() && ((real != KEEP && real != cred->uid && real != cred->euid) ||
                       (effective != KEEP && !is_one_of_uids(effective)))) {
        return -EPERM;
    }
    if (real != KEEP) {
        cred->uid = real;
    }
    if (effective != KEEP) {
        cred->euid = effective;
    }
    if (real != KEEP || (effective != KEEP && effective != old_real)) {
        cred->suid = cred->euid;
    }
    cred->fsuid = cred->euid;
    return 0;
}

int64_t sys_setregid(const struct syscall_args *args)
{
    uint32_t real = (uint32_t)args->a[0];
    uint32_t effective = (uint32_t)args->a[1];
    struct cred *cred = mine();
    uint32_t old_real = cred->gid;

    if (!is_root() && ((real != KEEP && real != cred->gid && real != cred->egid) ||
                       (effective != KEEP && !is_one_of_gids(effective)))) {
        return -EPERM;
    }
    if (real != KEEP) {
        cred->gid = real;
    }
    if (effective != KEEP) {
        cred->egid = effective;
    }
    if (real != KEEP || (effective != KEEP && effective != old_real)) {
        cred->sgid = cred->egid;
    }
    cred->fsgid = cred->egid;
    return 0;
}

static void set_unless_keep(uint32_t *field, uint32_t id)
{
    if (id != KEEP) {
        *field = id;
    }
}

int64_t sys_setresuid(const struct syscall_args *args)
{
    struct cred *cred = mine();
    unsigned i;

    for (i = 0; i < 3; i++) {
        uint32_t id = (uint32_t)args->a[i];

        if (id != KEEP && !is_root() && !is_one_of_uids(id)) {
            return -EPERM;
        }
    }
    set_unless_keep(&cred->uid, (uint32_t)args->a[0]);
    set_unless_keep(&cred->euid, (uint32_t)args->a[1]);
    set_unless_keep(&cred->suid, (uint32_t)args->a[2]);
    cred->fsuid = cred->euid;
    return 0;
}

int64_t sys_setresgid(const struct syscall_args *args)
{
    struct cred *cred = mine();
    unsigned i;

    for (i = 0; i < 3; i++) {
        uint32_t id = (uint32_t)args->a[i];

        if (id != KEEP && !is_root() && !is_one_of_gids(id)) {
            return -EPERM;
        }
    }
    set_unless_keep(&cred->gid, (uint32_t)args->a[0]);
    set_unless_keep(&cred->egid, (uint32_t)args->a[1]);
    set_unless_keep(&cred->sgid, (uint32_t)args->a[2]);
    cred->fsgid = cred->egid;
    return 0;
}

static int put_three(const struct syscall_args *args, uint32_t real, uint32_t effective,
                     uint32_t saved)
{
    int error = copy_to_user(args->a[0], &real, sizeof(real));

    if (error == 0) {
        error = copy_to_user(args->a[1], &effective, sizeof(effective));
    }
    return error != 0 ? error : copy_to_user(args->a[2], &saved, sizeof(saved));
}

int64_t sys_getresuid(const struct syscall_args *args)
{
    return put_three(args, mine()->uid, mine()->euid, mine()->suid);
}

int64_t sys_getresgid(const struct syscall_args *args)
{
    return put_three(args, mine()->gid, mine()->egid, mine()->sgid);
}

int64_t sys_setfsuid(const struct syscall_args *args)
{
    uint32_t id = (uint32_t)args->a[0];
    uint32_t old = mine()->fsuid;

    if (id != KEEP && (is_root() || is_one_of_uids(id) || id == old)) {
        mine()->fsuid = id;
    }
    return old;
}

int64_t sys_setfsgid(const struct syscall_args *args)
{
    uint32_t id = (uint32_t)args->a[0];
    uint32_t old = mine()->fsgid;

    if (id != KEEP && (is_root() || is_one_of_gids(id) || id == old)) {
        mine()->fsgid = id;
    }
    return old;
}

int64_t sys_getgroups(const struct syscall_args *args)
{
    const struct cred *cred = mine();
    int size = (int)args->a[0];
    int error;

    if (size < 0 || (size != 0 && (uint32_t)size < cred->nr_groups)) {
        return -EINVAL;
    }
    if (size == 0) {
        return cred->nr_groups;
    }
    error = copy_to_user(args->a[1], cred->groups, cred->nr_groups * sizeof(cred->groups[0]));
    return error != 0 ? error : (int64_t)cred->nr_groups;
}

int64_t sys_setgroups(const struct syscall_args *args)
{
    struct cred *cred = mine();
    gid_t groups[CRED_MAX_GROUPS];
    uint64_t nr = args->a[0];
    int error;

    if (!is_root()) {
        return -EPERM;
    }
    if (nr > CRED_MAX_GROUPS) {
        return -EINVAL;
    }
    error = copy_from_user(groups, args->a[1], nr * sizeof(groups[0]));
    if (error != 0) {
        return error;
    }
    memcpy(cred->groups, groups, nr * sizeof(groups[0]));
    cred->nr_groups = (uint32_t)nr;
    return 0;
}

/* ---- Capabilities ---------------------------------------------------------------------------- */

/** How many words of data a version has; an unknown one is answered with ours. Returns 0 or
 *  -errno. */
static int check_version(uint64_t address, const struct abi_cap_header *header, unsigned *nr_words)
{
    uint32_t ours = ABI_CAPABILITY_VERSION_3;

    switch (header->version) {
    case ABI_CAPABILITY_VERSION_1: *nr_words = 1; return 0;
    case ABI_CAPABILITY_VERSION_2:
    case ABI_CAPABILITY_VERSION_3: *nr_words = 2; return 0;
    default: return copy_to_user(address, &ours, sizeof(ours)) != 0 ? -EFAULT : -EINVAL;
    }
}

static uint64_t capabilities_of(const struct cred *cred)
{
    return cred->euid == 0 ? (1ull << (ABI_CAP_LAST + 1)) - 1 : 0;
}

int64_t sys_capget(const struct syscall_args *args)
{
    struct abi_cap_header header;
    struct abi_cap_data data[2] = {{0}};
    struct task *task;
    uint64_t all;
    unsigned nr_words;
    unsigned i;
    int error = copy_from_user(&header, args->a[0], sizeof(header));

    if (error == 0) {
        error = check_version(args->a[0], &header, &nr_words);
        if (error == -EINVAL && args->a[1] == 0) {
            return 0; /* a question for the version alone */
        }
    }
    if (error != 0) {
        return error;
    }
    if (header.pid < 0) {
        return -EINVAL;
    }
    task = header.pid == 0 ? NULL : task_find(header.pid);
    if (header.pid != 0 && task == NULL) {
        return -ESRCH;
    }
    all = capabilities_of(task != NULL ? &task->cred : mine());
    if (task != NULL) {
        task_put(task);
    }
    for (i = 0; i < nr_words; i++) {
        data[i].effective = data[i].permitted = (uint32_t)(all >> 32 * i);
    }
    return args->a[1] == 0 ? 0 : copy_to_user(args->a[1], data, nr_words * sizeof(data[0]));
}

int64_t sys_capset(const struct syscall_args *args)
{
    struct abi_cap_header header;
    struct abi_cap_data data[2] = {{0}};
    uint64_t all = capabilities_of(mine());
    uint64_t wanted;
    unsigned nr_words;
    int error = copy_from_user(&header, args->a[0], sizeof(header));

    if (error == 0) {
        error = check_version(args->a[0], &header, &nr_words);
    }
    if (error == 0) {
        error = copy_from_user(data, args->a[1], nr_words * sizeof(data[0]));
    }
    if (error != 0) {
        return error;
    }
    if (header.pid != 0 && header.pid != task_current()->tid) {
        return -EPERM;
    }
    /* Nothing can be gained; what is given up is not remembered, because ids decide. */
    wanted = data[0].permitted | data[0].effective |
             (uint64_t)(data[1].permitted | data[1].effective) << 32;
    return (wanted & ~all) != 0 ? -EPERM : 0;
}

int64_t sys_umask(const struct syscall_args *args)
{
    return task_set_umask((uint32_t)args->a[0]);
}
