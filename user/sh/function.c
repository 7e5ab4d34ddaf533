// SPDX-License-Identifier: MIT
// The table of functions. A body stays in the tree that it was parsed into; the function holds a
// reference to that tree's arena, and so does every call while it runs, since a function may
// redefine itself.
#include "user/sh/function.h"

#include "user/lib/tool.h"

#include <stdlib.h>
#include <string.h>

static struct function *functions;
struct arena *function_current_arena;

static struct function **find_link(const char *name)
{
    struct function **link = &functions;

    while (*link && strcmp((*link)->name, name) != 0)
        link = &(*link)->next;
    return link;
}

const struct function *function_find(const char *name)
{
    return *find_link(name);
}

void function_remove(const char *name)
{
    struct function **link = find_link(name), *function = *link;

    if (!function)
        return;
    *link = function->next;
    arena_put(function->arena);
    free(function);
}

void function_define(const char *name, const struct node *body, struct arena *arena)
{
    size_t len = strlen(name) + 1;
    struct function *function = xcalloc(1, sizeof(*function) + len);

    memcpy(function->name, name, len);
    function->body = body;
    function->arena = arena_get(arena);
    function_remove(name);
    function->next = functions;
    functions = function;
}

void function_for_each(void (*fn)(const char *name, void *arg), void *arg)
{
    for (const struct function *function = functions; function; function = function->next)
        fn(function->name, arg);
}
