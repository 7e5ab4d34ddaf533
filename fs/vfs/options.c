// SPDX-License-Identifier: MIT
/* Mount options: "uid=1000,umask=022", one at a time. What they mean is each file system's. */
#include "fs/vfs/options.h"
#include "kernel/base/string.h"

bool mount_option_next(const char **text, char option[MOUNT_OPTION_MAX])
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
