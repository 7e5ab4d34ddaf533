// SPDX-License-Identifier: MIT
/* Mount options of ext2 and ext3: those that say what is so in any case, and noload (the journal is
 * left alone), which goes with ro only. What is not known is refused. */
#include "drivers/block.h"
#include "fs/ext/ext_internal.h"
#include "fs/vfs/options.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"

static bool is_so_anyway(const char *option)
{
    static const char *const accepted[] = {"rw", "ro", "data=ordered"};

    for (size_t i = 0; i < array_size(accepted); i++) {
        if (strcmp(option, accepted[i]) == 0) {
            return true;
        }
    }
    return false;
}

int ext_options_parse(const struct super *super, uint32_t flags, const char *text,
                      bool *ignores_journal)
{
    bool is_writable = (flags & SUPER_RDONLY) == 0, has_noload = false;
    char option[MOUNT_OPTION_MAX];

    while (mount_option_next(&text, option)) {
        bool is_noload = strcmp(option, "noload") == 0 || strcmp(option, "norecovery") == 0;

        if (is_noload ? is_writable : !is_so_anyway(option)) {
            pr_err("ext: %s: mount option \"%s\" is not understood%s", super->device->name, option,
                   is_noload ? " without ro" : "");
            return -EINVAL;
        }
        has_noload |= is_noload;
    }
    *ignores_journal = has_noload;
    return 0;
}
