// SPDX-License-Identifier: MIT
/* getdents64: directory entries, packed into the user's buffer. */
#include "fs/vfs/file.h"
#include "kernel/abi/dirent.h"
#include "kernel/base/string.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/task/fd_table.h"

#define RECORD_MAX (ABI_DIRENT64_NAME_OFFSET + NAME_MAX + 1 + 7)

struct dents {
    struct dir_context context;
    uint64_t at;   /* user address of the next record */
    uint64_t room; /* bytes left */
    int error;     /* -EINVAL: not even one record fits; -EFAULT */
    bool has_any;
};

static bool put_entry(struct dir_context *context, const struct dir_entry *entry)
{
    struct dents *dents = container_of(context, struct dents, context);
    size_t len = align_up(ABI_DIRENT64_NAME_OFFSET + entry->name_len + 1, 8);
    union {
        struct abi_dirent64 head;
        char bytes[RECORD_MAX];
    } record;

    if (len > dents->room || len > RECORD_MAX) {
        dents->error = -EINVAL;
        return false;
    }
    memset(record.bytes + len - 8, 0, 8);
    record.head.d_ino = entry->inode_number;
    record.head.d_off = (int64_t)entry->next_position;
    record.head.d_reclen = (uint16_t)len;
    record.head.d_type = entry->type;
    memcpy(record.bytes + ABI_DIRENT64_NAME_OFFSET, entry->name, entry->name_len);
    record.bytes[ABI_DIRENT64_NAME_OFFSET + entry->name_len] = '\0';
    if (copy_to_user(dents->at, record.bytes, len) != 0) {
        dents->error = -EFAULT;
        return false;
    }
    dents->at += len;
    dents->room -= len;
    dents->has_any = true;
    return true;
}

int64_t sys_getdents64(const struct syscall_args *args)
{
    struct dents dents = {
        .context.emit = put_entry, .at = args->a[1], .room = (uint32_t)args->a[2]};
    struct file *file;
    int64_t result = fd_get((int)args->a[0], &file);

    if (result != 0) {
        return result;
    }
    result = vfs_readdir(file, &dents.context);
    file_put(file);
    if (dents.has_any) {
        return (int64_t)(dents.at - args->a[1]);
    }
    return result != 0 ? result : dents.error;
}
