// SPDX-License-Identifier: MIT
// User and group names from /etc/passwd and /etc/group.
#ifndef CAIRN_USER_LIB_NAMES_H
#define CAIRN_USER_LIB_NAMES_H

#include <stdbool.h>

enum name_space { NAMES_USER, NAMES_GROUP };

/** The name of an id, or its digits where the table has none. Valid until the next call. */
const char *name_of_id(enum name_space space, unsigned id);

/** The id of a name or of a number in digits. */
bool id_of_name(enum name_space space, const char *name, unsigned *out);

/** A user's home directory, to be freed; NULL where unknown. */
char *home_of_user(const char *name);

#endif
