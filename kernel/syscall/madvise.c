// SPDX-License-Identifier: MIT
/* madvise(2): decode and check, then let mm/advise.c do it; MADV_REMOVE is a call to the file system. */
#include "fs/vfs/file.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/mman.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/range.h"
#include "kernel/task/task.h"
#include "mm/space.h"

struct range {
    uint64_t start, len_bytes;
};

/* Holes are made where files are mapped, so that what was there reads as zeros in every mapping. A gap is -ENOMEM
 * in the end. */
static int remove_range(struct space *space, const struct range *range)
{
    int error = space_check_removable(space, range->start, range->len_bytes);
    uint64_t at = range->start, end = range->start + range->len_bytes;
    uint64_t first_byte, last_byte;
    struct file *file;
    int result = error;

    if (error != 0 && error != -ENOMEM) {
        return error;
    }
    while ((file = space_next_shared_file(space, &at, end, &first_byte, &last_byte)) != NULL) {
        error = vfs_fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first_byte,
                              last_byte - first_byte + 1);
        file_put(file);
        if (error != 0) {
            return error;
        }
    }
    return result;
}

/* Pages are brought in one after the other, and the first that cannot be ends it. */
static int populate(struct space *space, const struct range *range, enum fault_access access)
{
    int error = space_fault_range(space, range->start, range->len_bytes, access);

    switch (error) {
    case -EFAULT: return -ENOMEM; /* nothing is mapped there */
    case -EACCES: return -EINVAL; /* it is not for such an access */
    case -EIO:                    /* an access would be a SIGBUS */
    case -ENODATA: return -EFAULT;
    default: return error;
    }
}

static int advise(struct space *space, const struct range *range, int advice)
{
    uint64_t start = range->start, len_bytes = range->len_bytes;

    switch (advice) {
    case ABI_MADV_DONTNEED: return space_discard(space, start, len_bytes, 0);
    case ABI_MADV_DONTNEED_LOCKED:
        return space_discard(space, start, len_bytes, DISCARD_EVEN_LOCKED);
    case ABI_MADV_FREE: return space_discard(space, start, len_bytes, DISCARD_ANONYMOUS_ONLY);
    case ABI_MADV_REMOVE: return remove_range(space, range);
    case ABI_MADV_POPULATE_READ: return populate(space, range, FAULT_READ);
    case ABI_MADV_POPULATE_WRITE: return populate(space, range, FAULT_WRITE);
    case ABI_MADV_HUGEPAGE: return space_advise(space, start, len_bytes, AREA_NO_HUGE, AREA_HUGE);
    case ABI_MADV_NOHUGEPAGE: return space_advise(space, start, len_bytes, AREA_HUGE, AREA_NO_HUGE);
    case ABI_MADV_DONTFORK: return space_advise(space, start, len_bytes, 0, AREA_DONT_FORK);
    case ABI_MADV_DOFORK: return space_advise(space, start, len_bytes, AREA_DONT_FORK, 0);
    case ABI_MADV_WIPEONFORK: return space_advise(space, start, len_bytes, 0, AREA_WIPE_ON_FORK);
    case ABI_MADV_KEEPONFORK: return space_advise(space, start, len_bytes, AREA_WIPE_ON_FORK, 0);
    case ABI_MADV_COLD:
    case ABI_MADV_PAGEOUT: return space_check_idle_advice(space, start, len_bytes);
    default: return space_check_mapped(space, start, len_bytes);
    }
}

static bool is_known(int advice)
{
    switch (advice) {
    case ABI_MADV_NORMAL ... ABI_MADV_DONTNEED:
    case ABI_MADV_FREE ... ABI_MADV_DONTNEED_LOCKED: return true;
    default: return false;
    }
}

int64_t sys_madvise(const struct syscall_args *args)
{
    struct range range = {.start = args->a[0], .len_bytes = args->a[1]};
    int advice = (int)args->a[2];

    if (!is_known(advice) || !range_is_page_aligned(range.start) ||
        !range_round_up(range.start, &range.len_bytes)) {
        return -EINVAL;
    }
    return range.len_bytes == 0 ? 0 : advise(task_current()->space, &range, advice);
}
