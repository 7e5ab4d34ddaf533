// SPDX-License-Identifier: MIT
/* Doubly linked, circular, intrusive lists: a `struct list` is both the head of a list and a link inside an
 * element. An empty head points to itself, so insertion and removal have no special case. */
#ifndef CAIRN_BASE_LIST_H
#define CAIRN_BASE_LIST_H

#include "kernel/base/types.h"

struct list {
    struct list *next;
    struct list *prev;
};

/* clang-format off */
#define LIST_INIT(head) {&(head), &(head)}
/* clang-format on */

static inline void list_init(struct list *head)
{
    head->next = head;
    head->prev = head;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert_between(struct list *item, struct list *prev, struct list *next)
{
    item->prev = prev;
    item->next = next;
    prev->next = item;
    next->prev = item;
}

static inline void list_push_front(struct list *head, struct list *item)
{
    list_insert_between(item, head, head->next);
}

static inline void list_push_back(struct list *head, struct list *item)
{
    list_insert_between(item, head->prev, head);
}

/** Unlink an item and leave it as an empty list, so that removing it twice is harmless. */
static inline void list_remove(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

/** Drop all items before `item`, or all if that is the head; they are left as they stood. */
static inline void list_drop_before(struct list *head, struct list *item)
{
    head->next = item;
    item->prev = head;
}

/** Whether an initialised item is on some list. */
static inline bool list_is_linked(const struct list *item)
{
    return item->next != item;
}

/** Move all of `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_splice_back(struct list *to, struct list *from)
{
    if (list_is_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#define list_entry(item, type, member) container_of(item, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_last(head, type, member)  list_entry((head)->prev, type, member)

#define list_for_each(pos, head, member)                                                         \
    for ((pos) = list_entry((head)->next, __typeof__(*(pos)), member); &(pos)->member != (head); \
         (pos) = list_entry((pos)->member.next, __typeof__(*(pos)), member))

/* The same, while the body may remove `pos` (and only it). */
#define list_for_each_safe(pos, after, head, member)                          \
    for ((pos) = list_entry((head)->next, __typeof__(*(pos)), member),        \
        (after) = list_entry((pos)->member.next, __typeof__(*(pos)), member); \
         &(pos)->member != (head); (pos) = (after),                           \
        (after) = list_entry((after)->member.next, __typeof__(*(after)), member))

#endif
