// SPDX-License-Identifier: MIT
/* Telling about file systems: statfs, /proc/mounts; and drop_caches. */
#include "fs/vfs/inode_internal.h"
#include "fs/vfs/dentry.h"
#include "fs/vfs/mount.h"
#include "fs/vfs/super.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

int vfs_statfs(const struct path *path, struct super_stats *stats, uint32_t *flags)
{
    struct super *super = path->dentry->super;
    int error = 0;

    *stats = (struct super_stats){.block_size_bytes = super->block_size_bytes,
                                  .name_max = NAME_MAX};
    if (super->ops->statfs != NULL) {
        error = super->ops->statfs(super, stats);
    }
    if (stats->fsid == 0) {
        stats->fsid = super->dev_number;
    }
    *flags = mount_flags(path->mount, super) & (SUPER_RDONLY | SUPER_NOSUID | SUPER_NODEV |
                                                SUPER_NOEXEC | SUPER_SYNCHRONOUS | SUPER_NOATIME);
    return error;
}

/* A name with what would break a line of /proc/mounts as octal escapes. Returns the length
 * written. */
static size_t escape(char *out, size_t size_bytes, const char *text)
{
    size_t len = 0;

    for (; *text != '\0' && len + 5 < size_bytes; text++) {
        if (strchr(" \t\n\\#", *text) != NULL) {
            len += (size_t)ksnprintf(out + len, size_bytes - len, "\\%03o",
                                     (unsigned)(uint8_t)*text);
        } else {
            out[len++] = *text;
        }
    }
    out[len] = '\0';
    return len;
}

#define LINE_SIZE (2 * PATH_MAX)

static void format_mount(const struct mount *mount, const char *place, char *line)
{
    const struct super *super = mount->super;
    uint32_t flags = mount_flags(mount, super);
    size_t len = escape(line, PATH_MAX / 2, mount->source);

    line[len++] = ' ';
    len += escape(line + len, PATH_MAX, place);
    len += (size_t)ksnprintf(
        line + len, LINE_SIZE - len, " %s %s%s%s%s%s%s", super->type->name,
        (flags & SUPER_RDONLY) != 0 ? "ro" : "rw", (flags & SUPER_NOSUID) != 0 ? ",nosuid" : "",
        (flags & SUPER_NODEV) != 0 ? ",nodev" : "", (flags & SUPER_NOEXEC) != 0 ? ",noexec" : "",
        (flags & SUPER_SYNCHRONOUS) != 0 ? ",sync" : "",
        (flags & SUPER_NOATIME) != 0 ? ",noatime" : ",relatime");
    if (super->ops->show_options != NULL && mount->super->root != NULL) {
        len += super->ops->show_options(mount->super, line + len, LINE_SIZE - len - 8);
    }
    strlcpy(line + len, " 0 0", LINE_SIZE - len);
}

void vfs_show_mounts(const struct path *root, void (*emit)(const char *line, void *arg), void *arg)
{
    char *buffer = kmalloc(PATH_MAX + LINE_SIZE, ALLOC_KERNEL);
    struct mount *mount = NULL;

    if (buffer == NULL) {
        return;
    }
    while ((mount = mount_next(mount)) != NULL) {
        struct path path = {.mount = mount, .dentry = mount->root};

        if (path_name(&path, root, buffer, PATH_MAX) > 0 && buffer[0] == '/') {
            format_mount(mount, buffer, buffer + PATH_MAX);
            emit(buffer + PATH_MAX, arg);
        }
    }
    kfree(buffer);
}

static bool drop_names(struct super *super, void *arg)
{
    inode_evict_unused(super, super->nr_inodes, false);
    return true;
}

static void drop_inode_pages(struct inode *inode, void *arg)
{
    if (inode->mapping.nr_pages != 0) {
        mapping_drop_clean(&inode->mapping);
    }
}

static bool drop_pages(struct super *super, void *arg)
{
    inode_for_each(super, drop_inode_pages, NULL);
    if (super->metadata != NULL) {
        mapping_drop_clean(super->metadata);
    }
    return true;
}

void vfs_drop_caches(unsigned what)
{
    if ((what & 1) != 0) {
        super_for_each(drop_pages, NULL);
    }
    if ((what & 2) != 0) {
        dentry_shrink(UINT64_MAX / 2);
        super_for_each(drop_names, NULL);
    }
}
