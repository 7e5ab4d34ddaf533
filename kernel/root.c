// SPDX-License-Identifier: MIT
/* Choosing the root file system and the first program.
 *
 *     root=initramfs   the archive: the boot loader's (-initrd) if there is one, else the one
 *                      that is linked into the kernel
 *     root=/dev/vda    that disk, with rootfstype= if given, read-only with `ro`; nothing else
 *                      will do
 *     nothing          an initrd; else the first disk, if it can be mounted and has an init
 *                      program; else the linked archive
 *
 * So the kernel file alone boots; a disk made for Cairn (or any Linux tree with an init) is found
 * without a word; and a disk that only carries data leaves the shell of the archive in charge,
 * which mounts it.
 *
 * init= names the first program. Without it the usual places are tried in turn. */
#include "kernel/root.h"

#include "drivers/block.h"
#include "drivers/fdt.h"
#include "fs/initramfs/initramfs.h"
#include "fs/vfs/file.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "kernel/task/init.h"

extern const char initramfs_start[], initramfs_end[];

static const char *const init_places[] = {"/init",     "/sbin/init", "/etc/init",
                                          "/bin/init", "/bin/sh",    NULL};

static struct walk_context context_of(const struct path *root)
{
    return (struct walk_context){.root = *root, .cwd = *root, .cred = &cred_kernel, .umask = 022};
}

static bool exists(const struct path *root, const char *name)
{
    struct walk_context context = context_of(root);
    struct path path;

    if (path_walk(&context, name, WALK_FOLLOW, &path) != 0) {
        return false;
    }
    path_put(&path);
    return true;
}

/* ---- An archive ------------------------------------------------------------------------------ */

static int unpack(const struct path *root, const void *archive, size_t len_bytes, const char *name)
{
    struct walk_context context = context_of(root);
    int error = initramfs_unpack(&context, archive, len_bytes);

    if (error != 0) {
        pr_err("root: %s (%zu KiB) cannot be unpacked (error %d)", name, len_bytes >> 10, -error);
    }
    return error;
}

static int mount_archive(const struct frame_range *initrd, struct path *root)
{
    int error = vfs_mount_root(NULL, "tmpfs", 0, root);

    if (error != 0) {
        return error;
    }
    if (initrd->len_bytes != 0) {
        error = unpack(root, phys_to_virt(initrd->start), initrd->len_bytes,
                       "the boot loader's initrd");
        frames_release_reserved(*initrd);
    } else {
        error = unpack(root, initramfs_start, (size_t)(initramfs_end - initramfs_start),
                       "the linked initramfs");
    }
    return error;
}

/* ---- A disk ---------------------------------------------------------------------------------- */

static int mount_disk(const char *source, struct path *root)
{
    const char *name = strncmp(source, "/dev/", 5) == 0 ? source + 5 : source;
    char type[16];
    char unused[4];
    bool is_read_only = bootarg_get("ro", unused, sizeof(unused));

    if (block_find(name) == NULL) {
        pr_err("root: there is no disk %s%s", name,
               block_get(0) == NULL ? " (the machine has no disk at all)" : "");
        return -ENODEV;
    }
    return vfs_mount_root(name, bootarg_get("rootfstype", type, sizeof(type)) ? type : NULL,
                          is_read_only ? SUPER_RDONLY : 0, root);
}

/* Whether the first disk is somebody's root: it can be mounted, and there is something to start. */
static bool try_first_disk(struct path *root)
{
    struct block_device *disk = block_get(0);

    if (disk == NULL) {
        return false;
    }
    if (mount_disk(disk->name, root) != 0) {
        pr_notice("root: %s is not used as root", disk->name);
        return false;
    }
    for (unsigned i = 0; init_places[i] != NULL; i++) {
        if (exists(root, init_places[i])) {
            return true;
        }
    }
    pr_notice("root: %s has no init program: the linked initramfs is the root", disk->name);
    vfs_unmount_root(root);
    return false;
}

/* ---- Either ---------------------------------------------------------------------------------- */

/* Devices are there before the first program is: the console is opened for it. A root without
 * /dev does without. */
static void mount_dev(const struct path *root)
{
    struct walk_context context = context_of(root);
    int error;

    if (!exists(root, "/dev")) {
        (void)!vfs_mkdir(&context, "/dev", 0755);
    }
    error = vfs_mount(&context, "dev", "/dev", "devfs", 0, NULL);
    if (error != 0) {
        pr_warn("root: devfs cannot be mounted on /dev (error %d)", -error);
    }
}

int root_mount(const struct frame_range *initrd, struct path *root)
{
    char source[64];
    bool is_given = bootarg_get("root", source, sizeof(source)) && source[0] != '\0';
    int error;

    if (is_given && strcmp(source, "initramfs") != 0) {
        error = mount_disk(source, root);
    } else if (!is_given && initrd->len_bytes == 0 && try_first_disk(root)) {
        error = 0;
    } else {
        error = mount_archive(initrd, root);
    }
    if (error == 0) {
        mount_dev(root);
    }
    return error;
}

int root_start_init(const struct path *root)
{
    static char given[128]; /* static: init is started again from these if it crashes */
    static const char *const only_given[] = {given, NULL};
    static const char *const no_args[] = {NULL};
    static const char *const envp[] = {"HOME=/root", "TERM=linux",
                                       "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    bool is_given = bootarg_get("init", given, sizeof(given));
    int error = init_start(root, is_given ? only_given : init_places, no_args, envp);

    if (error != 0 && !is_given) {
        pr_err("root: no init program: neither /init, /sbin/init, /etc/init, /bin/init nor /bin/sh "
               "can be started; name one with init=");
    }
    return error;
}
