// SPDX-License-Identifier: MIT
// File modes: octal and symbolic notation, and the ten letters of a long listing.
#ifndef CAIRN_USER_LIB_MODE_H
#define CAIRN_USER_LIB_MODE_H

#include <stdbool.h>
#include <sys/types.h>

/** Apply "755" or "u+x,go=r" to a mode.
 *  @old: the mode that a symbolic change starts from; its type bits tell X about directories.
 *  @mask: the umask that applies where no u, g, o or a is named.
 *  Returns false, and leaves *out alone, where the text is neither. */
bool parse_mode(const char *text, mode_t old, mode_t mask, mode_t *out);

enum { MODE_TEXT_LEN = 11 };

/** "drwxr-xr-x" */
const char *mode_text(mode_t mode, char buf[MODE_TEXT_LEN]);

/** "regular file", "directory", … */
const char *file_type_name(mode_t mode);

#endif
