// SPDX-License-Identifier: MIT
/* Addresses as a resource: first fit over a tree of areas.
 *
 *     start                                                                   last_end      end
 *     |   gap   |  area A  |g|  area B  |g|     gap      |  area C  |g|          rest         |
 *               '-- A.gap_bytes is before it             '-- C.gap_bytes
 *
 * Areas stand in a red-black tree by address. Each knows the gap before it, and the largest gap in
 * its subtree; so the lowest gap that is large enough is found in one walk down the tree. Behind
 * the last area lies the rest. Every area is followed by a guard page g, which belongs to nobody
 * else and is never mapped: who runs over the end of an area faults. What precedes an area is a gap
 * or another's guard, so running under its start faults, too.
 *
 * An alignment above a page asks for a gap that is large enough wherever it begins (size +
 * alignment - page); only stacks ask for one, and all of them for the same.
 *
 * Locks: window->lock. The areas' memory is the callers'.
 * Source: first fit by address after Knuth, TAOCP vol. 1, 2.5; the summaries in the tree are the
 * interval trees of Cormen et al., ch. 14, applied to gaps. */
#include "mm/window.h"

#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/bits.h"

static struct window_area *area_of(struct rb_node *node)
{
    return node == NULL ? NULL : rb_entry(node, struct window_area, node);
}

/* Where an area's addresses end, the guard included. */
static uint64_t end_of(const struct window_area *area)
{
    return area->start + area->len_bytes + PAGE_SIZE;
}

static uint64_t max_gap_below(struct rb_node *node)
{
    return node == NULL ? 0 : area_of(node)->max_gap;
}

static void augment(struct rb_node *node)
{
    struct window_area *area = area_of(node);
    uint64_t max_gap = max_of(max_gap_below(node->left), max_gap_below(node->right));

    area->max_gap = max_of(area->gap_bytes, max_gap);
}

static int compare_areas(const struct rb_node *a, const struct rb_node *b)
{
    uint64_t start_a = rb_entry(a, const struct window_area, node)->start;
    uint64_t start_b = rb_entry(b, const struct window_area, node)->start;

    return (start_a > start_b) - (start_a < start_b);
}

static int compare_address(const struct rb_node *node, const void *key)
{
    uint64_t start = rb_entry(node, const struct window_area, node)->start;
    uint64_t address = *(const uint64_t *)key;

    return (start > address) - (start < address);
}

void window_init(struct window *window, uint64_t start, uint64_t len_bytes)
{
    spin_init(&window->lock, LOCK_RANK_VMALLOC, "window");
    window->areas = (struct rb_tree)RB_TREE_INIT_AUGMENTED(augment);
    window->start = start;
    window->end = start + len_bytes;
    window->last_end = start;
}

/* The area with the lowest address whose gap has the bytes, or NULL. */
static struct window_area *find_gap(struct window *window, uint64_t bytes)
{
    struct rb_node *node = window->areas.root;

    if (max_gap_below(node) < bytes) {
        return NULL;
    }
    for (;;) { /* the subtree of node has such a gap */
        if (max_gap_below(node->left) >= bytes) {
            node = node->left;
        } else if (area_of(node)->gap_bytes >= bytes) {
            return area_of(node);
        } else {
            node = node->right;
        }
    }
}

static void set_gap(struct window *window, struct window_area *area, uint64_t gap_bytes)
{
    area->gap_bytes = gap_bytes;
    rbtree_augment_path(&window->areas, &area->node);
}

int window_alloc(struct window *window, uint64_t len_bytes, uint64_t align_bytes,
                 struct window_area *area)
{
    uint64_t window_bytes = window->end - window->start;
    uint64_t needed, hole, state;
    struct window_area *next;

    assert(is_power_of_two(align_bytes) && align_bytes >= PAGE_SIZE);
    if (len_bytes == 0 || len_bytes > window_bytes || align_bytes > window_bytes) {
        return len_bytes > window_bytes || align_bytes > window_bytes ? -ENOMEM : -EINVAL;
    }
    len_bytes = align_up(len_bytes, PAGE_SIZE);
    needed = len_bytes + PAGE_SIZE + (align_bytes - PAGE_SIZE);

    state = spin_lock_irqsave(&window->lock);
    next = find_gap(window, needed);
    hole = next != NULL ? next->start - next->gap_bytes : window->last_end;
    area->start = align_up(hole, align_bytes);
    area->len_bytes = len_bytes;
    if (next == NULL &&
        (area->start > window->end || window->end - area->start < len_bytes + PAGE_SIZE)) {
        spin_unlock_irqrestore(&window->lock, state);
        return -ENOMEM;
    }
    area->gap_bytes = area->start - hole;
    area->max_gap = area->gap_bytes;
    rbtree_insert(&window->areas, &area->node, compare_areas);
    if (next != NULL) {
        set_gap(window, next, next->start - end_of(area));
    } else {
        window->last_end = end_of(area);
    }
    spin_unlock_irqrestore(&window->lock, state);
    return 0;
}

void window_free(struct window *window, struct window_area *area)
{
    uint64_t state = spin_lock_irqsave(&window->lock);
    struct window_area *next = area_of(rbtree_next(&area->node));
    uint64_t hole = area->start - area->gap_bytes;

    rbtree_erase(&window->areas, &area->node);
    if (next != NULL) {
        set_gap(window, next, next->start - hole);
    } else {
        window->last_end = hole;
    }
    spin_unlock_irqrestore(&window->lock, state);
}

struct window_area *window_find(struct window *window, uint64_t address)
{
    uint64_t state = spin_lock_irqsave(&window->lock);
    struct window_area *area =
        area_of(rbtree_upper_floor(&window->areas, &address, compare_address));

    if (area != NULL && address - area->start >= area->len_bytes) {
        area = NULL;
    }
    spin_unlock_irqrestore(&window->lock, state);
    return area;
}

struct window_area *window_next(struct window *window, uint64_t address)
{
    uint64_t state = spin_lock_irqsave(&window->lock);
    struct window_area *area =
        area_of(rbtree_upper_floor(&window->areas, &address, compare_address));

    if (area == NULL) { /* none begins at or before the address: then the first one */
        area = area_of(rbtree_first(&window->areas));
    } else if (area->start != address) {
        area = area_of(rbtree_next(&area->node));
    }
    spin_unlock_irqrestore(&window->lock, state);
    return area;
}

void window_check(struct window *window)
{
    uint64_t state = spin_lock_irqsave(&window->lock);
    uint64_t at = window->start;
    struct window_area *area;

    assert(rbtree_check(&window->areas, compare_areas) >= 0);
    rb_for_each (area, &window->areas, node) {
        uint64_t max_gap = area->max_gap;
        assert(area->start >= at && area->gap_bytes == area->start - at);
        augment(&area->node);
        assert(area->max_gap == max_gap);
        at = end_of(area);
    }
    assert(at == window->last_end && at <= window->end);
    spin_unlock_irqrestore(&window->lock, state);
}
