// SPDX-License-Identifier: MIT
/* Mount options of file systems: words with commas between them. */
#ifndef CAIRN_FS_VFS_OPTIONS_H
#define CAIRN_FS_VFS_OPTIONS_H

#include "kernel/base/types.h"

#define MOUNT_OPTION_MAX 64u /* bytes: no option that is understood is longer */

/** Take the first option of *text, which moves behind it. Empty ones are passed over, and so is "errors=…"; one that is
 *  too long is cut, and so will not be understood. Returns false when there is none left. *text may be NULL. */
bool must_check mount_option_next(const char **text, char option[MOUNT_OPTION_MAX]);

/** The same for "errors=…", passing over all others. */
bool must_check mount_option_next_errors(const char **text, char option[MOUNT_OPTION_MAX]);

#endif
