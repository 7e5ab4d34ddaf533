// SPDX-License-Identifier: MIT
/* Unpacking the archive that the boot loader or the kernel image brings. Theory in initramfs.c. */
#ifndef CAIRN_FS_INITRAMFS_INITRAMFS_H
#define CAIRN_FS_INITRAMFS_INITRAMFS_H

#include "kernel/base/types.h"

struct walk_context;

/** Unpack newc cpio archives (several may follow one another, with zero padding between them)
 *  below context->cwd. What precedes an error stays. Returns 0, -EINVAL (no archive, or damaged:
 *  one log line says where), -ENOMEM, … */
int must_check initramfs_unpack(const struct walk_context *context, const void *archive,
                                size_t len_bytes);

#endif
