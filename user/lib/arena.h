// SPDX-License-Identifier: MIT
// An arena: memory that is given back all at once. The shell's syntax trees and the words of a
// running command live in arenas, so no path through it has to free their pieces.
#ifndef CAIRN_USER_LIB_ARENA_H
#define CAIRN_USER_LIB_ARENA_H

#include <stddef.h>

struct arena;

/** A new arena with one reference. */
struct arena *arena_create(void);

/** Share an arena: a function defined by a command keeps that command's tree. */
struct arena *arena_get(struct arena *arena);

/** Drop a reference; the last one frees everything. NULL is allowed. */
void arena_put(struct arena *arena);

/** Zeroed memory, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t len_bytes);

char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len_bytes);

#endif
