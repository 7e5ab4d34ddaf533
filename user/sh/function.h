// SPDX-License-Identifier: MIT
// The table of functions.
#ifndef CAIRN_USER_SH_FUNCTION_H
#define CAIRN_USER_SH_FUNCTION_H

#include "user/lib/arena.h"
#include "user/sh/ast.h"

struct function {
    struct function *next;
    const struct node *body;
    struct arena *arena; // that the body lives in; referenced
    char name[];
};

/** Define or replace a function, whose tree lives in the arena. */
void function_define(const char *name, const struct node *body, struct arena *arena);

/** NULL where there is none. */
const struct function *function_find(const char *name);

void function_remove(const char *name);

/** Call fn for each name. */
void function_for_each(void (*fn)(const char *name, void *arg), void *arg);

/** The arena of the command that is being run, which a definition in it keeps alive. */
extern struct arena *function_current_arena;

#endif
