// SPDX-License-Identifier: MIT
/* The tree of mounts.
 *
 * A mount shows a file system's tree, from some directory of it on, at a place (parent mount,
 * dentry) of another mount. The one without a parent is the root. A path is therefore a pair
 * (mount, dentry): the same directory seen through two mounts is two places. Path walks cross
 * from the place into the mount by a hash lookup, only at dentries flagged DENTRY_MOUNT_POINT.
 *
 * References. The tree holds one to each attached mount, each child one to its parent, and
 * whoever stands inside (open file, cwd, walk) one more; so a mount is busy when somebody
 * besides the tree and the asker has one. A lazy umount (MNT_DETACH) takes it and all below it
 * out of the tree at once; it ends when the last of those who stand inside leaves.
 *
 * Locks. mount_lock (spin) guards the links, and is all that a walk takes. Changes of the tree
 * are one at a time besides: see mount_calls.c. */
#include "fs/vfs/mount_internal.h"
#include "fs/vfs/dentry.h"
#include "fs/vfs/super.h"
#include "kernel/abi/errno.h"
#include "kernel/base/hash.h"
#include "kernel/base/once.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

#define MOUNT_BUCKETS 64u

static struct spinlock mount_lock = SPINLOCK_INIT(LOCK_RANK_DENTRY, "mount links");
static struct list buckets[MOUNT_BUCKETS];     /* [mount_lock] */
static struct list mounts = LIST_INIT(mounts); /* [mount_lock] */
static uint32_t last_id;                       /* [mount_lock] */
static struct once mounts_once = ONCE_INIT("mounts", ONCE_RETRY);

static int init_buckets(void *arg)
{
    for (unsigned i = 0; i < MOUNT_BUCKETS; i++) {
        list_init(&buckets[i]);
    }
    return 0;
}

static struct list *bucket_of(const struct mount *parent, const struct dentry *point)
{
    return &buckets[hash_combine(hash_pointer(parent), (uintptr_t)point) % MOUNT_BUCKETS];
}

uint32_t mount_flags(const struct mount *mount, const struct super *super)
{
    uint32_t own = mount != NULL ? atomic_load_explicit(&mount->flags, memory_order_relaxed) : 0;

    if ((own & SUPER_STRICTATIME) != 0) {
        own &= ~(uint32_t)SUPER_NOATIME;
    } else if (((own | super_flags(super)) & SUPER_NOATIME) == 0) {
        own |= SUPER_RELATIME;
    }
    return own | super_flags(super);
}

/* ---- Life ------------------------------------------------------------------------------------ */

void mount_get(struct mount *mount)
{
    refcount_get(&mount->refs);
}

void mount_put(struct mount *mount)
{
    while (mount != NULL && refcount_put(&mount->refs)) {
        struct mount *parent = mount->parent;
        struct dentry *point = mount->point;

        dentry_put(mount->root);
        atomic_fetch_sub_explicit(&mount->super->nr_mounts, 1, memory_order_release);
        super_put(mount->super);
        kfree(mount->source);
        kfree(mount);
        dentry_put(point);
        mount = parent;
    }
}

struct mount *mount_alloc(struct super *super, struct dentry *root, const char *source,
                          uint32_t flags)
{
    struct mount *mount = kzalloc(sizeof(*mount), ALLOC_KERNEL);
    char *copy = kstrdup(source, ALLOC_KERNEL);

    if (mount == NULL || copy == NULL || once_get(&mounts_once, init_buckets, NULL) != 0) {
        kfree(mount);
        kfree(copy);
        super_put(super);
        return NULL;
    }
    refcount_init(&mount->refs, 1);
    dentry_get(root);
    mount->super = super;
    mount->root = root;
    mount->source = copy;
    atomic_store_explicit(&mount->flags, flags & MOUNT_OWN_FLAGS, memory_order_relaxed);
    list_init(&mount->hash_node);
    list_init(&mount->node);
    atomic_fetch_add_explicit(&super->nr_mounts, 1, memory_order_relaxed);
    return mount;
}

/* ---- Links ----------------------------------------------------------------------------------- */

static struct mount *find_mounted(const struct mount *parent, const struct dentry *point)
{
    struct mount *mount;

    spin_assert_held(&mount_lock);
    list_for_each (mount, bucket_of(parent, point), hash_node) {
        if (mount->parent == parent && mount->point == point) {
            return mount;
        }
    }
    return NULL;
}

void mount_cross_down(struct path *path)
{
    for (;;) {
        struct path above = *path;
        struct mount *mount;

        spin_lock(&mount_lock);
        mount = path->mount != NULL ? find_mounted(path->mount, path->dentry) : NULL;
        if (mount == NULL) {
            spin_unlock(&mount_lock);
            return;
        }
        path->mount = mount;
        path->dentry = mount->root;
        path_get(path);
        spin_unlock(&mount_lock);
        path_put(&above);
    }
}

bool mount_cross_up(struct path *path)
{
    struct path below = *path;

    spin_lock(&mount_lock);
    if (below.mount->parent == NULL) {
        spin_unlock(&mount_lock);
        return false;
    }
    path->mount = below.mount->parent;
    path->dentry = below.mount->point;
    path_get(path);
    spin_unlock(&mount_lock);
    path_put(&below);
    return true;
}

/* A mount without a place gets one. mount_lock is held. */
static void take_place(struct mount *mount, const struct path *place)
{
    mount->parent = place->mount;
    mount->point = place->dentry;
    path_get(place);
    place->mount->nr_children++;
    atomic_fetch_or_explicit(&place->dentry->flags, DENTRY_MOUNT_POINT, memory_order_relaxed);
    list_push_front(bucket_of(place->mount, place->dentry), &mount->hash_node);
}

void mount_attach(struct mount *mount, const struct path *place)
{
    spin_lock(&mount_lock);
    if (place != NULL) {
        take_place(mount, place);
    }
    mount->id = ++last_id;
    list_push_back(&mounts, &mount->node);
    spin_unlock(&mount_lock);
}

static bool is_still_mount_point(const struct dentry *point)
{
    struct mount *mount;

    list_for_each (mount, &mounts, node) {
        if (mount->point == point) {
            return true;
        }
    }
    return false;
}

/* The reverse of take_place(): *place gets the references to parent and point. */
static void leave_place(struct mount *mount, struct path *place)
{
    list_remove(&mount->hash_node);
    place->mount = mount->parent;
    place->dentry = mount->point;
    mount->parent = NULL;
    mount->point = NULL;
    if (place->mount != NULL) {
        place->mount->nr_children--;
        if (!is_still_mount_point(place->dentry)) {
            atomic_fetch_and_explicit(&place->dentry->flags, ~(uint32_t)DENTRY_MOUNT_POINT,
                                      memory_order_relaxed);
        }
    }
}

/* Take a mount out of the tree: ".." no longer leads out of it. mount_lock is held. The tree's
 * reference goes to the caller; *place gets the references to parent and point. */
static void detach_locked(struct mount *mount, struct path *place)
{
    list_remove(&mount->node);
    leave_place(mount, place);
}

/* ---- Taking out ------------------------------------------------------------------------------ */

static bool is_in_use(struct mount *mount)
{
    /* One reference is the tree's, one the caller's path. */
    return mount->nr_children != 0 || refcount_read(&mount->refs) > 2;
}

int mount_detach(struct mount *mount)
{
    struct path place;

    spin_lock(&mount_lock);
    if (is_in_use(mount)) {
        spin_unlock(&mount_lock);
        return -EBUSY;
    }
    detach_locked(mount, &place);
    spin_unlock(&mount_lock);
    path_put(&place);
    mount_put(mount);
    return 0;
}

static bool is_below_mount(const struct mount *mount, const struct mount *top)
{
    for (; mount != NULL; mount = mount->parent) {
        if (mount == top) {
            return true;
        }
    }
    return false;
}

int mount_move(struct mount *mount, const struct path *place)
{
    struct path old;

    spin_lock(&mount_lock);
    if (is_below_mount(place->mount, mount)) {
        spin_unlock(&mount_lock);
        return -ELOOP;
    }
    leave_place(mount, &old);
    take_place(mount, place);
    spin_unlock(&mount_lock);
    path_put(&old);
    return 0;
}

void mount_detach_all(struct mount *top)
{
    /* Leaves first: who has no children any more. */
    for (;;) {
        struct mount *mount;
        struct mount *victim = NULL;
        struct path place;

        spin_lock(&mount_lock);
        list_for_each (mount, &mounts, node) {
            if (mount->nr_children == 0 && is_below_mount(mount, top)) {
                victim = mount;
            }
        }
        if (victim != NULL) {
            detach_locked(victim, &place);
        }
        spin_unlock(&mount_lock);
        if (victim == NULL) {
            return;
        }
        if (place.mount != NULL) {
            path_put(&place);
        }
        mount_put(victim);
    }
}

/* ---- Telling --------------------------------------------------------------------------------- */

ssize_t path_name(const struct path *path, const struct path *root, char *buffer, size_t size_bytes)
{
    static const char unreachable[] = "(unreachable)";
    const struct dentry *dentry = path->dentry;
    const struct mount *mount = path->mount;
    size_t start = size_bytes - 1;
    bool is_reachable = mount == NULL;
    size_t len;

    if (size_bytes < 2) {
        return -ENAMETOOLONG;
    }
    spin_lock(&mount_lock);
    while (mount != NULL) {
        const struct dentry *stop = mount == root->mount ? root->dentry : NULL;

        dentry = dentry_prepend_path(dentry, mount->root, stop, buffer, &start);
        if (dentry == NULL || (stop != NULL && dentry == stop)) {
            is_reachable = true;
            break;
        }
        if (dentry != mount->root || mount->parent == NULL) {
            break;
        }
        dentry = mount->point;
        mount = mount->parent;
    }
    spin_unlock(&mount_lock);
    if (path->mount == NULL) { /* an anonymous object: its name as it stands */
        const char *text = dentry->long_name != NULL ? dentry->long_name : dentry->inline_name;

        len = strlcpy(buffer, text, size_bytes);
        return len < size_bytes ? (ssize_t)len : -ENAMETOOLONG;
    }
    if (dentry == NULL) {
        return -ENAMETOOLONG;
    }
    if (start == size_bytes - 1) {
        buffer[--start] = '/';
    }
    if (!is_reachable) {
        if (start < sizeof(unreachable) - 1) {
            return -ENAMETOOLONG;
        }
        start -= sizeof(unreachable) - 1;
        memcpy(buffer + start, unreachable, sizeof(unreachable) - 1);
    }
    len = size_bytes - 1 - start;
    memmove(buffer, buffer + start, len);
    buffer[len] = '\0';
    return (ssize_t)len;
}

struct mount *mount_next(struct mount *prev)
{
    struct mount *next = NULL;
    struct mount *mount;
    uint32_t id = prev != NULL ? prev->id : 0;

    spin_lock(&mount_lock);
    list_for_each (mount, &mounts, node) { /* in the order of ids */
        if (mount->id > id) {
            next = mount;
            mount_get(next);
            break;
        }
    }
    spin_unlock(&mount_lock);
    mount_put(prev);
    return next;
}

uint32_t mount_parent_id(const struct mount *mount)
{
    uint32_t id;

    spin_lock(&mount_lock);
    id = mount->parent != NULL ? mount->parent->id : mount->id;
    spin_unlock(&mount_lock);
    return id;
}
