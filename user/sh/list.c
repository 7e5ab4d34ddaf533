// SPDX-License-Identifier: MIT
// A list of strings in an arena. Growing leaves the old array behind, for the arena to free.
#include "user/sh/list.h"

#include <stdlib.h>
#include <string.h>

void list_add(struct string_list *list, struct arena *arena, char *item)
{
    if (list->nr + 1 >= list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 8;
        char **items = arena_alloc(arena, cap * sizeof(*items));

        if (list->nr)
            memcpy(items, list->items, list->nr * sizeof(*items));
        list->items = items;
        list->cap = cap;
    }
    list->items[list->nr++] = item;
    list->items[list->nr] = NULL;
}

static int compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

void list_sort(struct string_list *list, size_t first)
{
    if (list->nr > first)
        qsort(list->items + first, list->nr - first, sizeof(*list->items), compare);
}
