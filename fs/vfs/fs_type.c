// SPDX-License-Identifier: MIT
/* The file-system types that there are. They are registered for ever, so a pointer to one stays
 * good. */
#include "fs/vfs/inode.h"
#include "kernel/base/string.h"

static struct spinlock types_lock = SPINLOCK_INIT(LOCK_RANK_LEAF, "file-system types");
static struct list types = LIST_INIT(types); /* [types_lock] */

void fs_type_register(struct fs_type *type)
{
    spin_lock(&types_lock);
    list_push_back(&types, &type->node);
    spin_unlock(&types_lock);
}

struct fs_type *fs_type_find(const char *name)
{
    struct fs_type *type;
    struct fs_type *found = NULL;

    spin_lock(&types_lock);
    list_for_each (type, &types, node) {
        if (strcmp(type->name, name) == 0) {
            found = type;
            break;
        }
    }
    spin_unlock(&types_lock);
    return found;
}

struct fs_type *fs_type_get(unsigned index)
{
    struct fs_type *type;
    struct fs_type *found = NULL;

    spin_lock(&types_lock);
    list_for_each (type, &types, node) {
        if (index-- == 0) {
            found = type;
            break;
        }
    }
    spin_unlock(&types_lock);
    return found;
}
