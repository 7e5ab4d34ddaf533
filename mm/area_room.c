// SPDX-License-Identifier: MIT
/* Where there is room: the highest free place for a mapping that may lie anywhere.
 *
 *       span of the subtree at B
 *     |<----------------------------->|
 *     [  A  ]   gap   [  B  ] gap [C ]      gap      [  D  ]   ...   mmap_top
 *
 * Places are taken from space->mmap_top downwards, so that what is mapped later lies below what was
 * mapped before, and continues it. Going from area to area would make the n-th mapping cost n steps. So
 * each area knows the span of its subtree in space->areas: where it begins and ends, and the largest
 * gap between two areas inside. A subtree without a gap that is large enough is passed over in one
 * step, and one that has it is walked down, to the right as far as possible.
 *
 * The span of a node follows from itself and its two children, and nothing else: a gap lies between two
 * areas, and the node above both (one of them, or a common ancestor) sees where one subtree ends and
 * the other begins. So whoever inserts, removes or resizes an area has one path to the root to sum up
 * again, and no neighbour to tell.
 *
 * What may grow downwards begins STACK_GAP_BYTES below its first page here: nothing is placed so near
 * that it would run into it unseen.
 *
 * Locks: space->lock, for writing.
 * Source: the summaries are the interval trees of Cormen et al., ch. 14, applied to gaps. */
#include "kernel/base/assert.h"
#include "mm/space_internal.h"

static struct area *area_of(struct rb_node *node)
{
    return rb_entry(node, struct area, node);
}

static uint64_t first_taken(const struct area *area)
{
    uint64_t gap = (area->flags & AREA_GROWS_DOWN) != 0 ? STACK_GAP_BYTES : 0;

    return area->start > gap ? area->start - gap : 0;
}

/* Between neighbours; a stack's gap may reach into the one below. */
static uint64_t gap_between(uint64_t end, uint64_t start)
{
    return start > end ? start - end : 0;
}

static struct area_span sum(const struct rb_node *node)
{
    const struct area *area = rb_entry(node, const struct area, node);
    struct area_span span = {.start = first_taken(area), .end = area->end, .max_gap_bytes = 0};

    if (node->left != NULL) {
        const struct area_span *left = &area_of(node->left)->span;

        span.max_gap_bytes = max_of(left->max_gap_bytes, gap_between(left->end, span.start));
        span.start = left->start;
    }
    if (node->right != NULL) {
        const struct area_span *right = &area_of(node->right)->span;

        span.max_gap_bytes = max_of(span.max_gap_bytes, gap_between(area->end, right->start));
        span.max_gap_bytes = max_of(span.max_gap_bytes, right->max_gap_bytes);
        span.end = right->end;
    }
    return span;
}

void area_sum_up(struct rb_node *node)
{
    area_of(node)->span = sum(node);
}

bool area_is_summed_up(const struct area *area)
{
    struct area_span span = sum(&area->node);

    return span.start == area->span.start && span.end == area->span.end &&
           span.max_gap_bytes == area->span.max_gap_bytes;
}

/* The end of the highest gap of that size inside the subtree, which has one. */
static uint64_t highest_gap(struct rb_node *node, uint64_t len_bytes)
{
    for (;;) {
        struct rb_node *left = node->left, *right = node->right;

        if (right != NULL && area_of(right)->span.max_gap_bytes >= len_bytes) {
            node = right;
        } else if (right != NULL &&
                   gap_between(area_of(node)->end, area_of(right)->span.start) >= len_bytes) {
            return area_of(right)->span.start;
        } else if (gap_between(area_of(left)->span.end, first_taken(area_of(node))) >= len_bytes) {
            return first_taken(area_of(node));
        } else {
            node = left;
        }
    }
}

/* Look for the gap in a subtree of which everything lies below *ceiling, and between the two. Returns its end; or 0, and
 * *ceiling is where the subtree begins. */
static uint64_t gap_in_subtree(struct rb_node *node, uint64_t len_bytes, uint64_t *ceiling)
{
    const struct area_span *span;

    if (node == NULL) {
        return 0;
    }
    span = &area_of(node)->span;
    if (gap_between(span->end, *ceiling) >= len_bytes) {
        return *ceiling;
    }
    if (span->max_gap_bytes >= len_bytes) {
        return highest_gap(node, len_bytes);
    }
    *ceiling = span->start;
    return 0;
}

/* The nearest ancestor that lies below the node: that has it in its right subtree. */
static struct rb_node *ancestor_below(struct rb_node *node)
{
    struct rb_node *parent = rb_parent(node);

    while (parent != NULL && parent->left == node) {
        node = parent;
        parent = rb_parent(node);
    }
    return parent;
}

/* The end of the highest gap below space->mmap_top, or 0 and what lies below all areas. */
static uint64_t find_gap(struct space *space, uint64_t len_bytes, uint64_t *ceiling)
{
    struct area *area = area_find(space, space->mmap_top - 1); /* the first that ends above it */
    struct rb_node *node = area != NULL ? &area->node : NULL;
    uint64_t found;

    *ceiling = node == NULL ? space->mmap_top : min_of(space->mmap_top, first_taken(area));
    if (node == NULL) {
        return gap_in_subtree(space->areas.root, len_bytes, ceiling);
    }
    found = gap_in_subtree(node->left, len_bytes, ceiling);
    while (found == 0 && (node = ancestor_below(node)) != NULL) {
        if (gap_between(area_of(node)->end, *ceiling) >= len_bytes) {
            return *ceiling;
        }
        *ceiling = first_taken(area_of(node));
        found = gap_in_subtree(node->left, len_bytes, ceiling);
    }
    return found;
}

uint64_t area_find_room(struct space *space, uint64_t len_bytes)
{
    uint64_t ceiling;
    uint64_t found = find_gap(space, len_bytes, &ceiling);

    if (found != 0) {
        return found - len_bytes;
    }
    return ceiling >= len_bytes + LOWEST_BYTES ? ceiling - len_bytes : 0;
}
