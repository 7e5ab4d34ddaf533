// SPDX-License-Identifier: MIT
// Path names: joining and taking apart.
#ifndef CAIRN_USER_LIB_PATH_H
#define CAIRN_USER_LIB_PATH_H

#include <stdbool.h>
#include <sys/types.h>

/** "dir/name" with exactly one slash between, to be freed. */
char *path_join(const char *dir, const char *name);

/** The last component, trailing slashes ignored, to be freed. "/" for the root. */
char *path_last(const char *path);

/** True for "." and "..". */
bool is_dot_or_dotdot(const char *name);

/** True if path names a directory, links followed. */
bool is_directory(const char *path);

/** Where SOURCE goes when copied, moved or linked to TARGET: into it if it is a directory. To be
 *  freed. */
char *path_target(const char *source, const char *target, bool target_is_dir);

/** The text of a symbolic link, to be freed; NULL with errno. */
char *read_link(const char *path);

#endif
