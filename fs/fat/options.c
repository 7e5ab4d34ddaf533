// SPDX-License-Identifier: MIT
/* Mount options: who owns the files, and which permission bits they lack. FAT has no owners and no
 * modes of its own.
 *
 *     uid=N gid=N umask=OCTAL fmask=OCTAL dmask=OCTAL
 *
 * Names are UTF-8 in any case, short ones are read as code page 437 and shown in the case that their bits tell, and times are
 * UTC: utf8, iocharset=utf8, codepage=437, shortname=mixed and tz=UTC say what is so, and quiet that a mode which cannot be
 * kept is no error. What an option cannot mean here is refused. */
#include "drivers/block.h"
#include "fs/fat/fat_internal.h"
#include "fs/vfs/options.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"

const struct fat_options fat_default_options = {.file_mask = 0022, .dir_mask = 0022};

/* "key=value" with this key? Gives the value. */
static bool has_key(const char *option, const char *key, const char **value)
{
    size_t len = strlen(key);

    *value = option + len;
    return strncmp(option, key, len) == 0;
}

static int parse_number(const char *text, unsigned base, uint64_t max, uint32_t *result)
{
    uint64_t value;

    if (parse_u64(text, base, NULL, &value) != 0 || value > max) {
        return -EINVAL;
    }
    *result = (uint32_t)value;
    return 0;
}

static int parse_one(const char *option, struct fat_options *options)
{
    static const char *const accepted[] = {
        "utf8", "utf8=1", "iocharset=utf8", "codepage=437", "shortname=mixed", "tz=UTC", "quiet",
        "rw",   "ro"};
    const char *value;
    int error;

    for (size_t i = 0; i < array_size(accepted); i++) {
        if (strcmp(option, accepted[i]) == 0) {
            return 0;
        }
    }
    if (has_key(option, "uid=", &value)) {
        return parse_number(value, 10, UINT32_MAX - 1, &options->uid);
    }
    if (has_key(option, "gid=", &value)) {
        return parse_number(value, 10, UINT32_MAX - 1, &options->gid);
    }
    if (has_key(option, "fmask=", &value)) {
        return parse_number(value, 8, 0777, &options->file_mask);
    }
    if (has_key(option, "dmask=", &value)) {
        return parse_number(value, 8, 0777, &options->dir_mask);
    }
    if (has_key(option, "umask=", &value)) {
        error = parse_number(value, 8, 0777, &options->file_mask);
        if (error == 0) {
            options->dir_mask = options->file_mask;
        }
        return error;
    }
    return -EINVAL;
}

int fat_options_parse(struct super *super, const char *text, struct fat_options *result)
{
    struct fat_options options = *result;
    char option[MOUNT_OPTION_MAX];

    while (mount_option_next(&text, option)) {
        if (parse_one(option, &options) != 0) {
            pr_err("vfat: %s: mount option \"%s\" is not understood", super->device->name, option);
            return -EINVAL;
        }
    }
    *result = options;
    return 0;
}

size_t fat_show_options(struct super *super, char *buffer, size_t size_bytes)
{
    const struct fat_options *options = &fat_fs(super)->options;
    int len = ksnprintf(buffer, size_bytes, ",uid=%u,gid=%u,fmask=%04o,dmask=%04o,utf8",
                        options->uid, options->gid, options->file_mask, options->dir_mask);

    return len < 0 ? 0 : min_of((size_t)len, size_bytes - 1);
}
