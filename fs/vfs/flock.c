// SPDX-License-Identifier: MIT
/* Advisory locks: POSIX record locks (fcntl), open-file-description locks, and flock(2).
 *
 * All three are ranges held by somebody. They differ in who that is and in what they meet:
 *     record locks    held by a process (its table of open files); meet those of others;
 *     OFD locks       the same ranges, held by the open file;
 *     flock(2)        the whole file, held by the open file; meet only each other.
 *
 * An owner's ranges never overlap: setting one cuts or removes his older ones beneath it, and
 * joins equal neighbours. Since cutting may need one more lock, it is allocated before anything
 * is changed: a failed call has changed nothing.
 *
 * Waiting. A request that meets a lock sleeps on one queue for all files (waiters are few) and
 * tries again. Before it sleeps it walks "owner waits for owner" from the one in its way: if
 * that leads back, waiting would never end (EDEADLK). flock(2) has no such error, and waits.
 *
 * Locks. One spinlock for everything. inode->locks is looked at without it only to see that it
 * is empty. */
#include "fs/vfs/flock.h"
#include "kernel/abi/errno.h"
#include "mm/kmalloc.h"

enum lock_kind { LOCK_RECORD, LOCK_WHOLE };

struct file_lock {
    struct list node;
    enum lock_kind kind;
    const void *owner;
    pid_t pid; /* -1: an open file's */
    bool is_write;
    uint64_t first, last; /* bytes, both included */
};

struct lock_waiter { /* on the waiter's stack */
    struct list node;
    const void *owner;
    const void *blocker;
};

static struct spinlock locks_lock = SPINLOCK_INIT(LOCK_RANK_FILE, "file locks");
static struct list waiters = LIST_INIT(waiters); /* [locks_lock] */
static struct waitq changed = WAITQ_INIT(changed);
static uint64_t nr_changes; /* [locks_lock] so that a waiter knows that something was given back */

static bool overlaps(const struct file_lock *a, const struct file_lock *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* What is in the way: of its owner's locks the lowest, which is what F_GETLK is to tell. */
static struct file_lock *find_conflict(struct inode *inode, const struct file_lock *wanted)
{
    struct file_lock *found = NULL;
    struct file_lock *lock;

    list_for_each (lock, &inode->locks, node) {
        if (lock->kind == wanted->kind && lock->owner != wanted->owner && overlaps(lock, wanted) &&
            (lock->is_write || wanted->is_write) &&
            (found == NULL || (lock->owner == found->owner && lock->first < found->first))) {
            found = lock;
        }
    }
    return found;
}

/* Whether `owner`, if it waited for `blocker`, would wait for itself. */
static bool would_deadlock(const void *owner, const void *blocker)
{
    for (unsigned i = 0; i < 64; i++) { /* a longer chain is taken for none */
        struct lock_waiter *waiter;
        const void *next = NULL;

        if (blocker == owner) {
            return true;
        }
        list_for_each (waiter, &waiters, node) {
            if (waiter->owner == blocker) {
                next = waiter->blocker;
                break;
            }
        }
        if (next == NULL) {
            return false;
        }
        blocker = next;
    }
    return false;
}

/* ---- Changing an owner's ranges -------------------------------------------------------------- */

/* Remove the owner's hold of [range.first, range.last]. `spare` is used if one lock must become
 * two; returns it if not. */
static struct file_lock *cut_out(struct inode *inode, const struct file_lock *range,
                                 struct file_lock *spare, struct list *freed)
{
    struct file_lock *lock;
    struct file_lock *after;

    list_for_each_safe (lock, after, &inode->locks, node) {
        if (lock->kind != range->kind || lock->owner != range->owner || !overlaps(lock, range)) {
            continue;
        }
        if (lock->first < range->first && lock->last > range->last) {
            *spare = *lock;
            spare->first = range->last + 1;
            lock->last = range->first - 1;
            list_push_back(&inode->locks, &spare->node);
            return NULL;
        }
        if (lock->first < range->first) {
            lock->last = range->first - 1;
        } else if (lock->last > range->last) {
            lock->first = range->last + 1;
        } else {
            list_remove(&lock->node);
            list_push_back(freed, &lock->node);
        }
    }
    return spare;
}

/* Make one lock of `fresh` and the owner's neighbours of the same sort. */
static void join_neighbours(struct inode *inode, struct file_lock *fresh, struct list *freed)
{
    struct file_lock *lock;
    struct file_lock *after;

    list_for_each_safe (lock, after, &inode->locks, node) {
        if (lock == fresh || lock->kind != fresh->kind || lock->owner != fresh->owner ||
            lock->is_write != fresh->is_write) {
            continue;
        }
        if (lock->last != UINT64_MAX && lock->last + 1 == fresh->first) {
            fresh->first = lock->first;
        } else if (fresh->last != UINT64_MAX && fresh->last + 1 == lock->first) {
            fresh->last = lock->last;
        } else {
            continue;
        }
        list_remove(&lock->node);
        list_push_back(freed, &lock->node);
    }
}

static void free_list(struct list *freed)
{
    while (!list_is_empty(freed)) {
        struct file_lock *lock = list_first(freed, struct file_lock, node);

        list_remove(&lock->node);
        kfree(lock);
    }
}

/* Change the owner's hold of the range to wanted (fresh), or to none (fresh NULL). locks_lock is
 * held. */
static struct file_lock *replace_range(struct inode *inode, const struct file_lock *range,
                                       struct file_lock *fresh, struct file_lock *spare,
                                       struct list *freed)
{
    spare = cut_out(inode, range, spare, freed);
    if (fresh != NULL) {
        *fresh = *range;
        list_push_back(&inode->locks, &fresh->node);
        join_neighbours(inode, fresh, freed);
    }
    nr_changes++;
    return spare;
}

/* Sleep until some lock changed. Returns 0 or -ERESTARTSYS. locks_lock is held, and given back
 * meanwhile. */
static int wait_for_change(const struct file_lock *wanted, const void *blocker)
{
    struct lock_waiter self = {.owner = wanted->owner, .blocker = blocker};
    uint64_t seen = nr_changes;
    int error;

    list_push_back(&waiters, &self.node);
    spin_unlock(&locks_lock);
    error = waitq_wait(&changed, PORT_BLOCK_INTERRUPTIBLE, PORT_NO_DEADLINE,
                       __atomic_load_n(&nr_changes, __ATOMIC_ACQUIRE) != seen);
    spin_lock(&locks_lock);
    list_remove(&self.node);
    return error;
}

/* Set or remove. wanted->owner etc. are filled in. */
static int change_lock(struct inode *inode, const struct file_lock *wanted, bool is_unlock,
                       bool wait)
{
    struct file_lock *fresh = is_unlock ? NULL : kmalloc(sizeof(*fresh), ALLOC_KERNEL);
    struct file_lock *spare = kmalloc(sizeof(*spare), ALLOC_KERNEL);
    struct file_lock *blocker;
    struct list freed;
    int error = 0;

    if (spare == NULL || (fresh == NULL && !is_unlock)) {
        kfree(fresh);
        kfree(spare);
        return -ENOLCK;
    }
    list_init(&freed);
    spin_lock(&locks_lock);
    while (error == 0 && !is_unlock && (blocker = find_conflict(inode, wanted)) != NULL) {
        if (!wait) {
            error = -EAGAIN;
        } else if (wanted->kind == LOCK_RECORD && would_deadlock(wanted->owner, blocker->owner)) {
            error = -EDEADLK;
        } else {
            error = wait_for_change(wanted, blocker->owner);
        }
    }
    if (error == 0) {
        spare = replace_range(inode, wanted, fresh, spare, &freed);
        fresh = NULL;
    }
    spin_unlock(&locks_lock);
    if (error == 0) {
        waitq_wake_all(&changed);
    }
    free_list(&freed);
    kfree(fresh);
    kfree(spare);
    return error;
}

static void drop_all(struct inode *inode, const void *owner)
{
    struct file_lock *lock;
    struct file_lock *after;
    struct list freed;

    list_init(&freed);
    spin_lock(&locks_lock);
    list_for_each_safe (lock, after, &inode->locks, node) {
        if (lock->owner == owner) {
            list_remove(&lock->node);
            list_push_back(&freed, &lock->node);
        }
    }
    nr_changes++;
    spin_unlock(&locks_lock);
    if (!list_is_empty(&freed)) {
        waitq_wake_all(&changed);
        free_list(&freed);
    }
}

/* ---- Record locks ---------------------------------------------------------------------------- */

/* The bytes that a request means. */
static int request_range(struct file *file, const struct abi_flock *request,
                         struct file_lock *range)
{
    int64_t base;
    int64_t start;
    int64_t end;

    switch (request->l_whence) {
    case SEEK_SET: base = 0; break;
    case SEEK_CUR: base = (int64_t)file->position; break;
    case SEEK_END: base = (int64_t)inode_size(file->inode); break;
    default: return -EINVAL;
    }
    if (__builtin_add_overflow(base, request->l_start, &start)) {
        return -EOVERFLOW;
    }
    if (request->l_len > 0) {
        if (__builtin_add_overflow(start, request->l_len - 1, &end)) {
            return -EOVERFLOW;
        }
    } else if (request->l_len < 0) {
        end = start - 1;
        if (__builtin_add_overflow(start, request->l_len, &start)) {
            return -EINVAL;
        }
    } else {
        end = INT64_MAX;
    }
    if (start < 0 || end < start) {
        return -EINVAL;
    }
    range->first = (uint64_t)start;
    range->last = end == INT64_MAX ? UINT64_MAX : (uint64_t)end;
    return 0;
}

int flock_set_record(struct file *file, const void *owner, pid_t pid,
                     const struct abi_flock *request, bool wait)
{
    struct file_lock wanted = {.kind = LOCK_RECORD, .owner = owner, .pid = pid};
    int error;

    if ((file->flags & O_PATH) != 0) {
        return -EBADF;
    }
    error = request_range(file, request, &wanted);
    if (error != 0) {
        return error;
    }
    switch (request->l_type) {
    case F_RDLCK:
        if (!file->can_read) {
            return -EBADF;
        }
        break;
    case F_WRLCK:
        if (!file->can_write) {
            return -EBADF;
        }
        wanted.is_write = true;
        break;
    case F_UNLCK:
        if (list_is_empty(&file->inode->locks)) {
            return 0;
        }
        break;
    default: return -EINVAL;
    }
    return change_lock(file->inode, &wanted, request->l_type == F_UNLCK, wait);
}

int flock_get_record(struct file *file, const void *owner, struct abi_flock *request)
{
    struct file_lock wanted = {.kind = LOCK_RECORD, .owner = owner};
    struct file_lock *lock;
    int error;

    if ((file->flags & O_PATH) != 0) {
        return -EBADF;
    }
    if (request->l_type != F_RDLCK && request->l_type != F_WRLCK) {
        return -EINVAL;
    }
    error = request_range(file, request, &wanted);
    if (error != 0) {
        return error;
    }
    wanted.is_write = request->l_type == F_WRLCK;
    spin_lock(&locks_lock);
    lock = find_conflict(file->inode, &wanted);
    if (lock == NULL) {
        request->l_type = F_UNLCK;
    } else {
        request->l_type = lock->is_write ? F_WRLCK : F_RDLCK;
        request->l_whence = SEEK_SET;
        request->l_start = (int64_t)lock->first;
        request->l_len = lock->last == UINT64_MAX ? 0 : (int64_t)(lock->last - lock->first + 1);
        request->l_pid = lock->pid;
    }
    spin_unlock(&locks_lock);
    return 0;
}

void flock_drop_owner(struct file *file, const void *owner)
{
    if (!list_is_empty(&file->inode->locks)) {
        drop_all(file->inode, owner);
    }
}

/* ---- flock(2) -------------------------------------------------------------------------------- */

int flock_set_whole(struct file *file, int operation)
{
    struct file_lock wanted = {.kind = LOCK_WHOLE, .owner = file, .pid = -1, .last = UINT64_MAX};
    int what = operation & ~LOCK_NB;

    if ((file->flags & O_PATH) != 0) {
        return -EBADF;
    }
    if (what != LOCK_SH && what != LOCK_EX && what != LOCK_UN) {
        return -EINVAL;
    }
    wanted.is_write = what == LOCK_EX;
    return change_lock(file->inode, &wanted, what == LOCK_UN, (operation & LOCK_NB) == 0);
}

void flock_drop_file(struct file *file)
{
    drop_all(file->inode, file);
}
