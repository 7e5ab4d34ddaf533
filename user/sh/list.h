// SPDX-License-Identifier: MIT
// A list of strings in an arena, always ended by NULL once anything was added: argv.
#ifndef CAIRN_USER_SH_LIST_H
#define CAIRN_USER_SH_LIST_H

#include "user/lib/arena.h"

#include <stddef.h>

struct string_list {
    char **items;
    size_t nr, cap;
};

/** Append an item, which is not copied. */
void list_add(struct string_list *list, struct arena *arena, char *item);

/** Sort the items from first on. */
void list_sort(struct string_list *list, size_t first);

#endif
