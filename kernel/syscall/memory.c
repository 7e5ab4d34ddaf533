// SPDX-License-Identifier: MIT
/* Calls about memory: decode and check, then let mm/space.h do it. */
#include "drivers/char.h"
#include "fs/tmpfs/tmpfs.h"
#include "fs/vfs/file.h"
#include "fs/vfs/mount.h"
#include "fs/vfs/special.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/mman.h"
#include "kernel/base/atomic.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/syscall/range.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/task.h"
#include "mm/commit.h"
#include "mm/space.h"

#define DEV_ZERO_NUMBER 0x105u /* 1:5, Linux's */
#define PROT_RIGHTS     (ABI_PROT_READ | ABI_PROT_WRITE | ABI_PROT_EXEC)

static struct space *space(void)
{
    return task_current()->space;
}

int64_t sys_brk(const struct syscall_args *args)
{
    return (int64_t)space_set_brk(space(), args->a[0]);
}

/* ---- mmap ------------------------------------------------------------------------------------ */

static int check_file_access(const struct file *file, uint32_t prot, bool is_shared,
                             uint32_t *flags)
{
    if (!file->can_read || (is_shared && (prot & ABI_PROT_WRITE) != 0 && !file->can_write)) {
        return -EACCES;
    }
    if (is_shared && !file->can_write) {
        *flags &= ~(uint32_t)AREA_MAY_WRITE;
    }
    if ((mount_flags(file->path.mount, file->inode->super) & SUPER_NOEXEC) != 0) {
        if ((prot & ABI_PROT_EXEC) != 0) {
            return -EPERM;
        }
        *flags |= AREA_NEVER_EXEC;
    }
    return 0;
}

static int map_file(struct file *file, uint32_t prot, struct space_map_request *request,
                    uint64_t *address)
{
    bool is_shared = (request->flags & AREA_SHARED) != 0;
    int error = check_file_access(file, prot, is_shared, &request->flags);

    if (error == 0 && file->ops->mmap == NULL) {
        error = -ENODEV;
    }
    if (error == 0 && request->object_index > (INT64_MAX - request->len_bytes) >> PAGE_SHIFT) {
        error = -EOVERFLOW;
    }
    if (error == 0) {
        error = file->ops->mmap(file, request->flags, &request->object);
    }
    if (error != 0) {
        return error;
    }
    request->file = file;
    return space_map(space(), request, address);
}

/** Shared anonymous memory is a file that has no name. */
static int map_shared_anonymous(struct space_map_request *request, uint32_t prot, uint64_t *address)
{
    struct file *file;
    int error = tmpfs_new_file(request->len_bytes, (request->flags & AREA_NO_RESERVE) == 0, &file);

    if (error != 0) {
        return error;
    }
    request->object_index = 0;
    error = map_file(file, prot, request, address);
    file_put(file);
    return error;
}

static int map_anonymous(struct space_map_request *request, uint32_t prot, uint64_t *address)
{
    if ((request->flags & AREA_SHARED) != 0) {
        return map_shared_anonymous(request, prot, address);
    }
    request->object_index = 0;
    return space_map(space(), request, address);
}

/** /dev/zero has no pages of its own: a map of it is anonymous memory. */
static bool is_dev_zero(const struct file *file)
{
    const struct char_device *device = file_char_device(file);

    return device != NULL && device->dev_number == DEV_ZERO_NUMBER;
}

static int map_dev_zero(struct file *file, uint32_t prot, struct space_map_request *request,
                        uint64_t *address)
{
    bool is_shared = (request->flags & AREA_SHARED) != 0;
    int error = check_file_access(file, prot, is_shared, &request->flags);

    return error != 0 ? error : map_anonymous(request, prot, address);
}

static int map_descriptor(int fd, uint32_t prot, struct space_map_request *request,
                          uint64_t *address)
{
    struct file *file;
    int error = fd_get(fd, &file);

    if (error != 0) {
        return error;
    }
    if ((file->flags & O_PATH) != 0) {
        file_put(file);
        return -EBADF;
    }
    error = is_dev_zero(file) ? map_dev_zero(file, prot, request, address)
                              : map_file(file, prot, request, address);
    file_put(file);
    return error;
}

/* MAP_SHARED_VALIDATE is for flags that older systems would ignore, which is an error then. MAP_SYNC, of memory
 * that is its own disk, is one that no file here can have. */
static int check_shared_validate(uint32_t map_flags)
{
    const uint32_t known = ABI_MAP_TYPE | ABI_MAP_FIXED | ABI_MAP_ANONYMOUS | ABI_MAP_GROWSDOWN |
                           ABI_MAP_DENYWRITE | ABI_MAP_EXECUTABLE | ABI_MAP_LOCKED |
                           ABI_MAP_NORESERVE | ABI_MAP_POPULATE | ABI_MAP_NONBLOCK | ABI_MAP_STACK |
                           ABI_MAP_HUGETLB | ABI_MAP_HUGE_MASK | ABI_MAP_FIXED_NOREPLACE;

    if ((map_flags & ABI_MAP_TYPE) != ABI_MAP_SHARED_VALIDATE) {
        return 0;
    }
    if ((map_flags & ABI_MAP_ANONYMOUS) != 0) {
        return -EINVAL;
    }
    return (map_flags & ~known) != 0 ? -EOPNOTSUPP : 0;
}

static int decode_flags(uint32_t prot, uint32_t map_flags, struct space_map_request *request)
{
    uint32_t type = map_flags & ABI_MAP_TYPE;
    int error = check_shared_validate(map_flags);

    if (error != 0) {
        return error;
    }

    /* the bits of PROT_* and of AREA_READ, WRITE, EXEC are the same */
    request->flags = prot | AREA_MAY_WRITE;
    switch (type) {
    case ABI_MAP_PRIVATE: break;
    case ABI_MAP_SHARED:
    case ABI_MAP_SHARED_VALIDATE: request->flags |= AREA_SHARED; break;
    default: return -EINVAL;
    }
    if ((map_flags & ABI_MAP_HUGETLB) != 0) {
        return -EINVAL;
    }
    if ((map_flags & ABI_MAP_GROWSDOWN) != 0) { /* a stack is its thread's own, and of no file */
        if ((request->flags & AREA_SHARED) != 0 || (map_flags & ABI_MAP_ANONYMOUS) == 0) {
            return -EINVAL;
        }
        request->flags |= AREA_GROWS_DOWN;
    }
    if ((map_flags & ABI_MAP_STACK) != 0) { /* many threads, of whose stacks each uses little */
        request->flags |= AREA_NO_HUGE;
    }
    if ((map_flags & ABI_MAP_LOCKED) != 0) {
        if (!space_may_lock_at_all(space())) {
            return -EPERM;
        }
        request->flags |= AREA_LOCKED;
    }
    if ((map_flags & (ABI_MAP_POPULATE | ABI_MAP_NONBLOCK)) == ABI_MAP_POPULATE) {
        request->flags |= AREA_POPULATE;
    }
    /* Where promises are never broken, nobody is exempt from them. */
    if ((map_flags & ABI_MAP_NORESERVE) != 0 && load_relaxed(&commit_rules.mode) != COMMIT_NEVER) {
        request->flags |= AREA_NO_RESERVE;
    }
    request->is_fixed_noreplace = (map_flags & ABI_MAP_FIXED_NOREPLACE) != 0;
    request->is_fixed = (map_flags & ABI_MAP_FIXED) != 0 && !request->is_fixed_noreplace;
    return 0;
}

int64_t sys_mmap(const struct syscall_args *args)
{
    uint32_t prot = (uint32_t)args->a[2] & PROT_RIGHTS; /* others are ignored, as on Linux */
    uint32_t map_flags = (uint32_t)args->a[3];
    struct space_map_request request = {.address = args->a[0], .len_bytes = args->a[1]};
    bool is_anonymous = (map_flags & ABI_MAP_ANONYMOUS) != 0;
    uint64_t address;
    int error;

    if (request.len_bytes == 0 || !range_is_page_aligned(args->a[5])) {
        return -EINVAL;
    }
    error = decode_flags(prot, map_flags, &request);
    if (error != 0) {
        return error;
    }
    if (!range_is_page_aligned(request.address)) {
        if (request.is_fixed || request.is_fixed_noreplace) {
            return -EINVAL;
        }
        request.address = align_down(request.address, PAGE_SIZE);
    }
    if (request.len_bytes > USER_END) {
        return -ENOMEM;
    }
    request.len_bytes = align_up(request.len_bytes, PAGE_SIZE);
    request.object_index = args->a[5] >> PAGE_SHIFT;
    error = is_anonymous ? map_anonymous(&request, prot, &address)
                         : map_descriptor((int)args->a[4], prot, &request, &address);
    return error != 0 ? error : (int64_t)address;
}

/* ---- Changing mappings ----------------------------------------------------------------------- */

int64_t sys_munmap(const struct syscall_args *args)
{
    uint64_t len_bytes = args->a[1];

    if (!range_is_page_aligned(args->a[0]) || len_bytes == 0 ||
        !range_round_up(args->a[0], &len_bytes)) {
        return -EINVAL;
    }
    return space_unmap(space(), args->a[0], len_bytes);
}

int64_t sys_mprotect(const struct syscall_args *args)
{
    const uint32_t grows = ABI_PROT_GROWSDOWN | ABI_PROT_GROWSUP;
    uint64_t len_bytes = args->a[1];
    uint32_t prot = (uint32_t)args->a[2];
    uint32_t rights = prot & PROT_RIGHTS;

    if ((prot & grows) == grows || !range_is_page_aligned(args->a[0])) {
        return -EINVAL;
    }
    if (len_bytes == 0) {
        return 0;
    }
    if (!range_round_up(args->a[0], &len_bytes)) {
        return -ENOMEM;
    }
    if ((prot & ~(PROT_RIGHTS | ABI_PROT_SEM | ABI_PROT_GROWSDOWN)) != 0) {
        return -EINVAL; /* nothing here grows upwards */
    }
    rights |= (prot & ABI_PROT_GROWSDOWN) != 0 ? AREA_GROWS_DOWN : 0;
    return space_protect(space(), args->a[0], len_bytes, rights);
}

int64_t sys_mremap(const struct syscall_args *args)
{
    uint64_t old_len = args->a[1];
    uint64_t new_len = args->a[2];
    uint32_t flags = (uint32_t)args->a[3];
    bool may_move = (flags & ABI_MREMAP_MAYMOVE) != 0;
    bool is_fixed = (flags & ABI_MREMAP_FIXED) != 0;
    uint64_t address;
    int error;

    if ((flags & ~(uint32_t)(ABI_MREMAP_MAYMOVE | ABI_MREMAP_FIXED)) != 0 ||
        (is_fixed && !may_move) || !range_is_page_aligned(args->a[0]) ||
        (is_fixed && !range_is_page_aligned(args->a[4])) || new_len == 0 ||
        !range_round_up(args->a[0], &old_len) || !range_round_up(0, &new_len)) {
        return -EINVAL;
    }
    error = space_remap(space(), args->a[0], old_len, new_len, may_move, is_fixed, args->a[4],
                        &address);
    return error != 0 ? error : (int64_t)address;
}

/* What was stored through shared mappings becomes durable, as by fdatasync. */
static int64_t sync_shared_files(uint64_t start, uint64_t end)
{
    uint64_t first_byte, last_byte;
    struct file *file;
    int64_t result = 0;

    while ((file = space_next_shared_file(space(), &start, end, &first_byte, &last_byte)) != NULL) {
        int error = vfs_fsync(file, first_byte, last_byte, true);

        file_put(file);
        /* A device that can be mapped and not synced (memory) has nothing to make durable. */
        result = result == 0 && error != -EINVAL ? error : result;
    }
    return result;
}

int64_t sys_msync(const struct syscall_args *args)
{
    uint64_t len_bytes = args->a[1];
    uint32_t flags = (uint32_t)args->a[2];
    int64_t result = 0;

    if (!range_is_page_aligned(args->a[0]) ||
        (flags & ~(uint32_t)(ABI_MS_ASYNC | ABI_MS_INVALIDATE | ABI_MS_SYNC)) != 0 ||
        (flags & (ABI_MS_ASYNC | ABI_MS_SYNC)) == (ABI_MS_ASYNC | ABI_MS_SYNC)) {
        return -EINVAL;
    }
    if (!range_round_up(args->a[0], &len_bytes)) {
        return -ENOMEM;
    }
    if (len_bytes != 0) {
        result = space_sync(space(), args->a[0], len_bytes, (flags & ABI_MS_INVALIDATE) != 0);
    }
    if (result == 0 && (flags & ABI_MS_SYNC) != 0) {
        result = sync_shared_files(args->a[0], args->a[0] + len_bytes);
    }
    return result;
}

int64_t sys_mincore(const struct syscall_args *args)
{
    uint64_t start = args->a[0];
    uint64_t len_bytes = args->a[1];
    uint8_t is_resident[256];

    if (!range_is_page_aligned(start)) {
        return -EINVAL;
    }
    if (!range_round_up(start, &len_bytes)) {
        return -ENOMEM;
    }
    for (uint64_t done = 0; done < len_bytes / PAGE_SIZE;) {
        unsigned nr = (unsigned)min_of(len_bytes / PAGE_SIZE - done, (uint64_t)sizeof(is_resident));
        int error = space_find_resident(space(), start + done * PAGE_SIZE, nr, is_resident);

        if (error != 0) {
            return error;
        }
        if (copy_to_user(args->a[2] + done, is_resident, nr) != 0) {
            return -EFAULT;
        }
        done += nr;
    }
    return 0;
}
