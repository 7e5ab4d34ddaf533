// SPDX-License-Identifier: MIT
/* A tracking allocator: what is live, by purpose.
 *
 * "The heap has 3 MiB in use" doesn't say who has them. A tag is a name with four numbers: bytes
 * and blocks that are live, the most bytes there ever were, and blocks since the beginning. The
 * wrapper charges what passes through it to its tag; because the interface hands the layout in
 * again on deallocation, the charge is taken back to the byte, with nothing stored per block.
 *
 * The numbers are atomic words of their own. The peak is raised by compare-and-exchange from the
 * value that this very charge made, so no height that live_bytes really had is missed.
 *
 * Tags register themselves with their first charge, as caches do: no list of them is kept by hand.
 *
 * Invariants: live <= peak in bytes, and live <= total in blocks; a tag's live numbers are the sum
 * over its blocks, and 0 when all were given back.
 * Locks: tags_lock for the list, for a few instructions. */
#include "mm/alloc/tracking.h"

#include "kernel/base/assert.h"
#include "kernel/sync/spinlock.h"

static struct spinlock tags_lock = SPINLOCK_INIT(LOCK_RANK_REGISTRY, "tags");
static struct list tags = LIST_INIT(tags); /* [tags_lock] only grows */

/* ---- Tags ------------------------------------------------------------------------------------ */

static __attribute__((noinline)) void register_tag(struct alloc_tag *tag)
{
    uint64_t state;

    if (atomic_exchange_explicit(&tag->is_registered, 1, memory_order_relaxed) != 0) {
        return;
    }
    state = spin_lock_irqsave(&tags_lock);
    list_push_back(&tags, &tag->node);
    spin_unlock_irqrestore(&tags_lock, state);
}

static void raise_peak(struct alloc_tag *tag, uint64_t live_bytes)
{
    uint64_t peak = atomic_load_explicit(&tag->peak_bytes, memory_order_relaxed);

    while (peak < live_bytes &&
           !atomic_compare_exchange_weak_explicit(&tag->peak_bytes, &peak, live_bytes,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

static void add_bytes(struct alloc_tag *tag, size_t size_bytes)
{
    raise_peak(tag, atomic_fetch_add_explicit(&tag->live_bytes, size_bytes, memory_order_relaxed) +
                        size_bytes);
}

static void remove_bytes(struct alloc_tag *tag, size_t size_bytes)
{
    uint64_t before = atomic_fetch_sub_explicit(&tag->live_bytes, size_bytes, memory_order_relaxed);

    assert(before >= size_bytes);
}

void alloc_tag_charge(struct alloc_tag *tag, size_t size_bytes)
{
    if (unlikely(atomic_load_explicit(&tag->is_registered, memory_order_relaxed) == 0)) {
        register_tag(tag);
    }
    add_bytes(tag, size_bytes);
    atomic_fetch_add_explicit(&tag->nr_total, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&tag->nr_live, 1, memory_order_relaxed);
}

void alloc_tag_discharge(struct alloc_tag *tag, size_t size_bytes)
{
    remove_bytes(tag, size_bytes);
    atomic_fetch_sub_explicit(&tag->nr_live, 1, memory_order_relaxed);
}

void alloc_tag_for_each(void (*visit)(const struct alloc_tag *tag, void *arg), void *arg)
{
    const struct list *node = &tags;

    for (;;) {
        uint64_t state = spin_lock_irqsave(&tags_lock);
        /* What stands on the list stays there: only the step needs the lock. */
        node = node->next;
        spin_unlock_irqrestore(&tags_lock, state);
        if (node == &tags) {
            break;
        }
        visit(container_of(node, const struct alloc_tag, node), arg);
    }
}

void alloc_tag_check(struct alloc_tag *tag)
{
    assert(atomic_load(&tag->live_bytes) <= atomic_load(&tag->peak_bytes));
    assert(atomic_load(&tag->nr_live) <= atomic_load(&tag->nr_total));
    assert(atomic_load(&tag->nr_live) != 0 || atomic_load(&tag->live_bytes) == 0);
}

/* ---- Behind the interface -------------------------------------------------------------------- */

static void *tracking_allocate(void *object, struct layout layout, enum alloc_flags flags)
{
    struct tracking *tracking = object;
    void *memory = allocator_allocate(tracking->below, layout, flags);

    if (memory != NULL) {
        alloc_tag_charge(tracking->tag, layout.size_bytes);
    }
    return memory;
}

static int tracking_deallocate(void *object, void *memory, struct layout layout)
{
    struct tracking *tracking = object;
    int error = tracking->below.ops->deallocate(tracking->below.object, memory, layout);

    if (error == 0) {
        alloc_tag_discharge(tracking->tag, layout.size_bytes);
    }
    return error;
}

static bool tracking_resize(void *object, void *memory, struct layout layout, size_t new_size_bytes)
{
    struct tracking *tracking = object;

    if (!tracking->below.ops->resize(tracking->below.object, memory, layout, new_size_bytes)) {
        return false;
    }
    if (new_size_bytes > layout.size_bytes) {
        add_bytes(tracking->tag, new_size_bytes - layout.size_bytes);
    } else {
        remove_bytes(tracking->tag, layout.size_bytes - new_size_bytes);
    }
    return true;
}

static bool tracking_owns(void *object, const void *memory)
{
    return allocator_owns(((struct tracking *)object)->below, memory);
}

static void tracking_ops_check(void *object)
{
    tracking_check(object);
}

static const struct allocator_ops tracking_ops = {
    .allocate = tracking_allocate,
    .deallocate = tracking_deallocate,
    .resize = tracking_resize,
    .owns = tracking_owns,
    .check = tracking_ops_check,
};

struct allocator tracking_allocator(struct tracking *tracking)
{
    return (struct allocator){&tracking_ops, tracking, tracking->tag->name};
}

void tracking_check(struct tracking *tracking)
{
    alloc_tag_check(tracking->tag);
    allocator_check(tracking->below);
}
