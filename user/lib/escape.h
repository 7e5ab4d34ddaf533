// SPDX-License-Identifier: MIT
// Backslash escapes of echo -e, printf formats and printf %b.
#ifndef CAIRN_USER_LIB_ESCAPE_H
#define CAIRN_USER_LIB_ESCAPE_H

#include <stdbool.h>

enum escape_style {
    ESCAPE_FORMAT, // octal is \ooo, \c is no escape
    ESCAPE_ECHO,   // octal is \0ooo too, \c ends all output
};

enum { ESCAPE_STOP = -1, ESCAPE_NONE = -2 };

/** Read one escape.
 *  @at: stands behind the backslash; moved behind the escape if there is one.
 *  Returns the byte; ESCAPE_STOP for \c; ESCAPE_NONE (and at unmoved) where it is no escape. */
int read_escape(const char **at, enum escape_style style);

/** Print text with its escapes interpreted. Returns false after \c. */
bool put_escaped(const char *text, enum escape_style style);

#endif
