// SPDX-License-Identifier: MIT
/* Dirty inodes: which there are, and writing them.
 *
 * An inode is on its super block's dirty list while INODE_DIRTY (attributes) or
 * INODE_DIRTY_PAGES is set. inode_write() clears the bits first and writes afterwards, so a
 * change that comes meanwhile sets them again and is not lost. INODE_SYNCING marks one that is
 * being written, so that whoever needs it written too waits.
 *
 * Pages come before attributes: writing pages may allocate blocks or change the size on disk,
 * and an inode must never point to blocks whose content has not been started on its way.
 *
 * Who writes an inode holds it. A file that is unlinked just then would give its blocks back only when the writer lets
 * go, which may be after unlink(2), and a process that makes room and uses it would find the disk full. So
 * unlink(2) waits for the writer (super->in_hand, inode_put_deleted()).
 *
 * Locks. super->sync_lock makes one pass over all dirty inodes at a time; the list itself is
 * under super->inode_lock, the bits under inode->state_lock inside it. No inode->lock is taken:
 * a writer that waits for writeback may hold his. */
#include "fs/vfs/inode_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"

#define DIRTY_BITS        (INODE_DIRTY | INODE_DIRTY_PAGES)
#define WRITE_CHUNK_PAGES 256u

static void mark(struct inode *inode, uint32_t bit)
{
    struct super *super = inode->super;

    /* The fence pairs with the one in inode_write(): either we see the bit cleared and set it
     * again, or the writer's look at what is dirty, which follows its clearing, sees our change. */
    fence_full();
    if (likely((inode_state(inode) & bit) != 0) || !super_has_storage(super)) {
        return;
    }
    spin_lock(&super->inode_lock);
    spin_lock(&inode->state_lock);
    if ((inode->state & (bit | INODE_FREEING)) == 0) {
        if ((inode->state & DIRTY_BITS) == 0) {
            inode->dirty_since_ns = port_clock_ns();
        }
        __atomic_store_n(&inode->state, inode->state | bit, __ATOMIC_RELEASE);
        if (!list_is_linked(&inode->dirty_node)) {
            list_push_back(&super->dirty_inodes, &inode->dirty_node);
        }
    }
    spin_unlock(&inode->state_lock);
    spin_unlock(&super->inode_lock);
}

void inode_mark_dirty(struct inode *inode)
{
    mark(inode, INODE_DIRTY);
}

void inode_mark_pages_dirty(struct inode *inode)
{
    mark(inode, INODE_DIRTY_PAGES);
}

void inode_forget_dirty(struct inode *inode)
{
    spin_assert_held(&inode->super->inode_lock);
    if (list_is_linked(&inode->dirty_node)) {
        list_remove(&inode->dirty_node);
    }
    inode_state_clear(inode, DIRTY_BITS);
}

/* Take the inode for writing: SYNCING set, dirty bits cleared, off the list. Returns the bits
 * that were set, or 0 with nothing taken. Somebody else's turn is waited for. */
static uint32_t begin_write(struct inode *inode)
{
    struct super *super = inode->super;

    for (;;) {
        uint32_t old;

        spin_lock(&super->inode_lock);
        old = inode_state(inode);
        if ((old & INODE_SYNCING) == 0) {
            if ((old & DIRTY_BITS) != 0) {
                inode_state_set(inode, INODE_SYNCING);
                inode_state_clear(inode, DIRTY_BITS);
            }
            if (list_is_linked(&inode->dirty_node)) {
                list_remove(&inode->dirty_node);
            }
            spin_unlock(&super->inode_lock);
            return old & DIRTY_BITS;
        }
        spin_unlock(&super->inode_lock);
        waitq_wait_event(&super->inode_waitq, (inode_state(inode) & INODE_SYNCING) == 0);
    }
}

static void end_write(struct inode *inode)
{
    inode_state_clear(inode, INODE_SYNCING);
    waitq_wake_all(&inode->super->inode_waitq);
}

/* Pages that were locked just now, and those on their way: the inode stays on the list for the
 * next round, so that sync(2) finds what it has to wait for. */
static bool has_unwritten_pages(struct mapping *mapping)
{
    uint64_t irq = spin_lock_irqsave(&mapping->lock);
    bool result = mapping->nr_dirty != 0 || radix_is_tagged(&mapping->pages, MAPPING_TAG_WRITEBACK);

    spin_unlock_irqrestore(&mapping->lock, irq);
    return result;
}

static int write_pages(struct inode *inode, bool wait)
{
    ssize_t nr;

    if (wait) {
        return mapping_write_and_wait(&inode->mapping, 0, UINT64_MAX);
    }
    do {
        nr = mapping_start_write(&inode->mapping, WRITE_CHUNK_PAGES);
    } while (nr == (ssize_t)WRITE_CHUNK_PAGES);
    if (nr >= 0 && has_unwritten_pages(&inode->mapping)) {
        inode_mark_pages_dirty(inode);
    }
    return nr < 0 ? (int)nr : 0;
}

int inode_write(struct inode *inode, bool wait)
{
    uint32_t bits = begin_write(inode);
    int error = 0;

    fence_full();
    /* With wait, pages whose write was started by somebody else are waited for as well. */
    if ((bits & INODE_DIRTY_PAGES) != 0 || (wait && inode->mapping.nr_pages != 0)) {
        error = write_pages(inode, wait);
    }
    /* What writing the pages changed in the attributes goes out in the same turn. */
    bits |= inode_state_clear(inode, INODE_DIRTY) & INODE_DIRTY;
    if ((bits & INODE_DIRTY) != 0 && inode->super->ops->write_inode != NULL) {
        int write_error = inode->super->ops->write_inode(inode);

        if (write_error == -ENOMEM || write_error == -EIO) { /* may pass: there are more rounds */
            inode_mark_dirty(inode);
        }
        error = error != 0 ? error : write_error;
    }
    if ((bits & DIRTY_BITS) != 0) {
        end_write(inode);
    }
    return error;
}

/* The oldest dirty inode from before the given time, in hand; or NULL. */
static struct inode *first_dirty(struct super *super, struct list *seen, uint64_t dirty_before_ns)
{
    struct inode *found = NULL;

    spin_lock(&super->inode_lock);
    while (found == NULL && !list_is_empty(&super->dirty_inodes)) {
        struct inode *inode = list_first(&super->dirty_inodes, struct inode, dirty_node);

        if (inode->dirty_since_ns > dirty_before_ns) {
            break; /* the list is in the order of getting dirty */
        }
        list_remove(&inode->dirty_node);
        list_push_back(seen, &inode->dirty_node);
        if (inode_hold_listed(inode)) {
            found = inode;
        }
    }
    atomic_store(&super->in_hand, found);
    spin_unlock(&super->inode_lock);
    return found;
}

/* Who waits for its end has the last reference then, for this one is given up before. */
static void let_go(struct super *super, struct inode *inode)
{
    bool is_last;

    spin_lock(&super->inode_lock);
    atomic_store(&super->in_hand, NULL);
    is_last = !refcount_put_unless_last(&inode->refs);
    spin_unlock(&super->inode_lock);
    waitq_wake_all(&super->inode_waitq);
    if (is_last) {
        inode_put(inode);
    }
}

int super_write_inodes(struct super *super, uint64_t dirty_before_ns, bool wait)
{
    uint64_t until_ns = min_of(dirty_before_ns, port_clock_ns());
    struct list seen; /* [inode_lock] had their turn and could not be taken: being made or freed */
    struct inode *inode;
    int result = 0;

    list_init(&seen);
    mutex_lock(&super->sync_lock);
    while ((inode = first_dirty(super, &seen, until_ns)) != NULL) {
        int error = inode_write(inode, wait);

        result = result != 0 ? result : error;
        let_go(super, inode);
    }
    spin_lock(&super->inode_lock);
    list_splice_back(&super->dirty_inodes, &seen);
    spin_unlock(&super->inode_lock);
    mutex_unlock(&super->sync_lock);
    return result;
}

static bool write_old(struct super *super, void *arg)
{
    const uint64_t *dirty_before_ns = arg;

    if (!list_is_empty(&super->dirty_inodes)) {
        /* Errors stand in the mapping, for fsync to report. */
        (void)!super_write_inodes(super, *dirty_before_ns, false);
    }
    return true;
}

void vfs_write_old_inodes(uint64_t dirty_before_ns)
{
    super_for_each(write_old, &dirty_before_ns);
}
