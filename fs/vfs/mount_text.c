// SPDX-License-Identifier: MIT
/* The tree of mounts as text: /proc/PID/mounts and /proc/PID/mountinfo, as Linux writes them.
 *
 *     mounts       source place type options 0 0
 *     mountinfo    id parent major:minor root place options - type source options-of-the-file-system
 *
 * A reader sees the mounts that lie below his root. Each line is made of one mount, which is held meanwhile; what
 * is mounted and unmounted between two lines may be told or not. */
#include "fs/vfs/dentry.h"
#include "fs/vfs/mount.h"
#include "fs/vfs/super.h"
#include "fs/vfs/vfs.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

#define LINE_SIZE (3 * PATH_MAX)

struct mount_line {
    char *text; /* LINE_SIZE bytes */
    size_t len;
};

static void add(struct mount_line *line, const char *text)
{
    line->len += strlcpy(line->text + line->len, text, LINE_SIZE - line->len);
    line->len = min_of(line->len, (size_t)LINE_SIZE - 1);
}

/* A name, with what would break the line as octal escapes. */
static void add_name(struct mount_line *line, const char *name)
{
    char escaped[5];

    for (; *name != '\0'; name++) {
        bool is_special = strchr(" \t\n\\#", *name) != NULL;

        ksnprintf(escaped, sizeof(escaped), is_special ? "\\%03o" : "%c",
                  is_special ? (unsigned)(uint8_t)*name : (unsigned)*name);
        add(line, escaped);
    }
}

static void add_flags(struct mount_line *line, uint32_t flags)
{
    add(line, (flags & SUPER_RDONLY) != 0 ? "ro" : "rw");
    add(line, (flags & SUPER_NOSUID) != 0 ? ",nosuid" : "");
    add(line, (flags & SUPER_NODEV) != 0 ? ",nodev" : "");
    add(line, (flags & SUPER_NOEXEC) != 0 ? ",noexec" : "");
    add(line, (flags & SUPER_NOATIME) != 0 ? ",noatime" : "");
    add(line, (flags & SUPER_NODIRATIME) != 0 ? ",nodiratime" : "");
    add(line, (flags & SUPER_RELATIME) != 0 ? ",relatime" : "");
}

static void add_super_options(struct mount_line *line, struct super *super)
{
    add(line, (super_flags(super) & SUPER_SYNCHRONOUS) != 0 ? ",sync" : "");
    if (super->device != NULL) {
        add(line, ",");
        add(line, super_policy(super));
    }
    if (super->ops->show_options != NULL && super->root != NULL) {
        line->len += super->ops->show_options(super, line->text + line->len,
                                              LINE_SIZE - line->len - 8);
    }
}

static void format_mount(const struct mount *mount, const char *place, struct mount_line *line)
{
    add_name(line, mount->source);
    add(line, " ");
    add_name(line, place);
    add(line, " ");
    add(line, mount->super->type->name);
    add(line, " ");
    add_flags(line, mount_flags(mount, mount->super));
    add_super_options(line, mount->super);
    add(line, " 0 0");
}

/* Where in its file system a mount's root is. */
static void add_root(struct mount_line *line, const struct mount *mount, char *buffer)
{
    size_t start = PATH_MAX - 1;

    buffer[start] = '\0';
    if (mount->root == mount->super->root_dentry ||
        dentry_prepend_path(mount->root, mount->super->root_dentry, NULL, buffer, &start) == NULL) {
        add(line, "/");
    } else {
        add_name(line, buffer + start);
    }
}

static void format_info(const struct mount *mount, const char *place, char *buffer,
                        struct mount_line *line)
{
    uint64_t dev = mount->super->dev_number;

    line->len += (size_t)ksnprintf(line->text, LINE_SIZE, "%u %u %u:%u ", mount->id,
                                   mount_parent_id(mount), (unsigned)(dev >> 8 & 0xfff),
                                   (unsigned)((dev & 0xff) | (dev >> 12 & 0xfff00)));
    add_root(line, mount, buffer);
    add(line, " ");
    add_name(line, place);
    add(line, " ");
    add_flags(line, mount_flags(mount, mount->super));
    add(line, " - ");
    add(line, mount->super->type->name);
    add(line, " ");
    add_name(line, mount->source);
    add(line, (super_flags(mount->super) & SUPER_RDONLY) != 0 ? " ro" : " rw");
    add_super_options(line, mount->super);
}

void vfs_show_mounts(const struct path *root, bool is_info,
                     void (*emit)(const char *line, void *arg), void *arg)
{
    char *buffer = kmalloc(2 * PATH_MAX + LINE_SIZE, ALLOC_KERNEL);
    struct mount *mount = NULL;

    if (buffer == NULL) {
        return;
    }
    while ((mount = mount_next(mount)) != NULL) {
        struct path path = {.mount = mount, .dentry = mount->root};
        struct mount_line line = {.text = buffer + 2 * PATH_MAX};

        if (path_name(&path, root, buffer, PATH_MAX) <= 0 || buffer[0] != '/') {
            continue;
        }
        if (is_info) {
            format_info(mount, buffer, buffer + PATH_MAX, &line);
        } else {
            format_mount(mount, buffer, &line);
        }
        emit(line.text, arg);
    }
    kfree(buffer);
}
