// SPDX-License-Identifier: MIT
/* What an inode says of itself: size, times, owner, mode; and what follows from them: who may do
 * what.
 *
 * Times. Each file system says in one place (super->times) what its format can keep of a time: FAT
 * two seconds of mtime, the day of atime, nothing before 1980. A time is cut to that when it is set,
 * so that what stat(2) tells does not change when the inode is read back from the disk. Access times
 * follow the mount that the inode was reached by. Its default is relatime: they are stored only when
 * they would otherwise be older than the last change, or than a day. With strictatime each access
 * counts, with noatime none, with nodiratime none of a directory.
 *
 * Locks. The size is written under inode->lock and read by anybody: one aligned 64-bit access.
 * Times are two words and stand under inode->state_lock. Mode and owner are written under
 * inode->lock; a permission check that races with chmod(2) sees either value. */
#include "fs/vfs/inode_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/port.h"

#define NS_PER_SEC         1000000000ull
#define RELATIME_LIMIT_SEC (24 * 60 * 60)

const struct cred cred_kernel = {.nr_groups = 0};

bool cred_in_group(const struct cred *cred, gid_t group)
{
    if (cred->fsgid == group) {
        return true;
    }
    for (uint32_t i = 0; i < cred->nr_groups; i++) {
        if (cred->groups[i] == group) {
            return true;
        }
    }
    return false;
}

int inode_check_access(struct inode *inode, const struct cred *cred, unsigned access)
{
    uint32_t mode = inode->mode;
    uint32_t granted;

    if (cred_is_root(cred)) {
        /* root may do all, but executes only what somebody could. */
        if ((access & ACCESS_EXEC) != 0 && (mode & S_IFMT) != S_IFDIR && (mode & 0111) == 0) {
            return -EACCES;
        }
        return 0;
    }
    if (cred->fsuid == inode->uid) {
        granted = mode >> 6;
    } else if (((mode >> 3 ^ mode) & access) != 0 && cred_in_group(cred, inode->gid)) {
        granted = mode >> 3; /* the group is looked up only where it makes a difference */
    } else {
        granted = mode;
    }
    return (access & ~granted & 7) == 0 ? 0 : -EACCES;
}

/* ---- Size ------------------------------------------------------------------------------------ */

void inode_set_size(struct inode *inode, uint64_t size_bytes)
{
    __atomic_store_n(&inode->size_bytes, size_bytes, __ATOMIC_RELAXED);
    inode_mark_dirty(inode);
}

/* ---- Times ----------------------------------------------------------------------------------- */

struct time_format time_format_of(uint64_t unit_ns, int64_t first_sec, int64_t last_sec)
{
    struct time_format format = {.first_sec = first_sec, .last_sec = last_sec};

    for (unsigned i = 0; i < NR_INODE_TIMES; i++) {
        format.unit_ns[i] = unit_ns;
    }
    return format;
}

struct timespec64 inode_cut_time(const struct super *super, enum inode_time which,
                                 struct timespec64 time)
{
    uint64_t unit_ns = super->times.unit_ns[which];

    if (time.sec < super->times.first_sec) {
        time = (struct timespec64){.sec = super->times.first_sec};
    } else if (time.sec > super->times.last_sec) {
        time = (struct timespec64){.sec = super->times.last_sec};
    }
    if (unit_ns >= NS_PER_SEC) {
        int64_t unit_sec = (int64_t)(unit_ns / NS_PER_SEC);

        time.sec -= (time.sec % unit_sec + unit_sec) % unit_sec; /* down, also before 1970 */
        time.nsec = 0;
    } else if (unit_ns > 1) {
        time.nsec -= time.nsec % (uint32_t)unit_ns;
    }
    return time;
}

static struct timespec64 clock_now(void)
{
    uint64_t now_ns = port_realtime_ns();

    return (struct timespec64){(int64_t)(now_ns / NS_PER_SEC), (uint32_t)(now_ns % NS_PER_SEC)};
}

struct timespec64 inode_now_as(const struct super *super, enum inode_time which)
{
    return inode_cut_time(super, which, clock_now());
}

struct timespec64 inode_now(const struct super *super)
{
    return inode_now_as(super, TIME_MODIFIED);
}

static int time_compare(const struct timespec64 *a, const struct timespec64 *b)
{
    if (a->sec != b->sec) {
        return a->sec < b->sec ? -1 : 1;
    }
    return a->nsec < b->nsec ? -1 : a->nsec > b->nsec;
}

void inode_touch_modified(struct inode *inode)
{
    struct timespec64 now = inode_now(inode->super);

    spin_lock(&inode->state_lock);
    inode->mtime = now;
    inode->ctime = now;
    spin_unlock(&inode->state_lock);
    inode_mark_dirty(inode);
}

void inode_touch_changed(struct inode *inode)
{
    struct timespec64 now = inode_now(inode->super);

    spin_lock(&inode->state_lock);
    inode->ctime = now;
    spin_unlock(&inode->state_lock);
    inode_mark_dirty(inode);
}

void inode_touch_accessed(struct inode *inode, uint32_t flags)
{
    struct timespec64 now, stored;
    bool is_due;

    if ((flags & (SUPER_RDONLY | SUPER_NOATIME)) != 0 ||
        ((flags & SUPER_NODIRATIME) != 0 && inode_is(inode, S_IFDIR))) {
        return;
    }
    now = clock_now();
    stored = inode_cut_time(inode->super, TIME_ACCESSED, now);
    spin_lock(&inode->state_lock);
    is_due = (flags & SUPER_RELATIME) == 0 || time_compare(&inode->atime, &inode->mtime) <= 0 ||
             time_compare(&inode->atime, &inode->ctime) <= 0 ||
             now.sec - inode->atime.sec >= RELATIME_LIMIT_SEC;
    if (is_due && time_compare(&inode->atime, &stored) != 0) {
        inode->atime = stored;
    } else {
        is_due = false;
    }
    spin_unlock(&inode->state_lock);
    if (is_due) {
        inode_mark_dirty(inode);
    }
}

void inode_store_attr(struct inode *inode, const struct attr_change *change)
{
    const struct super *super = inode->super;

    spin_lock(&inode->state_lock);
    if ((change->valid & ATTR_MODE) != 0) {
        inode->mode = (inode->mode & S_IFMT) | (change->mode & 07777);
    }
    if ((change->valid & ATTR_UID) != 0) {
        inode->uid = change->uid;
    }
    if ((change->valid & ATTR_GID) != 0) {
        inode->gid = change->gid;
    }
    if ((change->valid & ATTR_ATIME) != 0) {
        inode->atime = inode_cut_time(super, TIME_ACCESSED, change->atime);
    }
    if ((change->valid & ATTR_MTIME) != 0) {
        inode->mtime = inode_cut_time(super, TIME_MODIFIED, change->mtime);
    }
    if ((change->valid & ATTR_CTIME) != 0) {
        inode->ctime = inode_cut_time(super, TIME_MODIFIED, change->ctime);
    }
    spin_unlock(&inode->state_lock);
    inode_mark_dirty(inode);
}
