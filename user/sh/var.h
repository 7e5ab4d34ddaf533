// SPDX-License-Identifier: MIT
// Variables, their scopes, and the positional parameters.
#ifndef CAIRN_USER_SH_VAR_H
#define CAIRN_USER_SH_VAR_H

#include "user/lib/arena.h"

#include <stdbool.h>

enum var_flags { VAR_EXPORT = 1, VAR_READONLY = 2 };

/** Import the environment and set what a shell always has. */
void var_init(char **environment);

/** The value; NULL where unset. Valid until the variable changes. */
const char *var_get(const char *name);

/** Set a value; flags are added to those it has. Returns 0, or -1 with a message (read-only). */
int var_set(const char *name, const char *value, unsigned flags);

/** As var_set, for numbers. */
int var_set_number(const char *name, long long value);

/** Add flags, also to a variable without value. */
void var_add_flags(const char *name, unsigned flags);
void var_drop_export(const char *name);

/** Forget a variable. Returns 0, or -1 with a message (read-only). */
int var_unset(const char *name);

/** A scope: what var_make_local saved is restored when it ends. Scopes nest. */
void var_begin_scope(void);
void var_make_local(const char *name);
void var_end_scope(void);

/** The exported variables as execve wants them, in the arena. */
char **var_environment(struct arena *arena);

/** Print all that carry the flags (0: all that are set), each as "prefix name='value'", sorted. */
void var_print(const char *prefix, unsigned flags);

/** Print text so that the shell reads it back as one word. */
void print_quoted(const char *text);

struct parameters {
    int nr;
    char **items; // $1 is items[0]; each owned
};

/** The current positional parameters. */
const struct parameters *params_get(void);

/** Replace them by copies. */
void params_set(int nr, char *const *items);

/** Drop the first nr. */
void params_shift(int nr);

/** Take the current ones away, leaving none, and put them back: around a function. */
struct parameters params_save(void);
void params_restore(struct parameters saved);

#endif
