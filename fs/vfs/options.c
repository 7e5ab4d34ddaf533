// SPDX-License-Identifier: MIT
/* Mount options: "uid=1000,umask=022", one at a time. What they mean is each file system's, but for
 * "errors=…", which is the same for all and handled above them (damage.c). */
#include "fs/vfs/options.h"
#include "kernel/base/string.h"

static bool next_word(const char **text, char option[MOUNT_OPTION_MAX])
{
    size_t len = 0;

    while (*text != NULL && **text == ',') {
        (*text)++;
    }
    if (*text == NULL || **text == '\0') {
        return false;
    }
    for (; **text != '\0' && **text != ','; (*text)++) {
        if (len < MOUNT_OPTION_MAX - 1) {
            option[len++] = **text;
        }
    }
    option[len] = '\0';
    return true;
}

static bool next_of_kind(const char **text, char option[MOUNT_OPTION_MAX], bool is_errors)
{
    while (next_word(text, option)) {
        if ((strncmp(option, "errors=", 7) == 0) == is_errors) {
            return true;
        }
    }
    return false;
}

bool mount_option_next(const char **text, char option[MOUNT_OPTION_MAX])
{
    return next_of_kind(text, option, false);
}

bool mount_option_next_errors(const char **text, char option[MOUNT_OPTION_MAX])
{
    return next_of_kind(text, option, true);
}
