// SPDX-License-Identifier: MIT
/* Calls that make, replace, end and await processes. */
#include "fs/vfs/path.h"
#include "kernel/abi/clone.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/wait.h"
#include "kernel/base/string.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/task/account.h"
#include "kernel/task/exec.h"
#include "kernel/task/exit.h"
#include "kernel/task/fork.h"
#include "kernel/task/job.h"
#include "kernel/task/process.h"
#include "kernel/task/task.h"
#include "kernel/task/wait.h"

int64_t sys_clone(const struct syscall_args *args)
{
    struct clone_request request = {
        .flags = args->a[0] & ~ABI_CSIGNAL & 0xffffffffull,
        .exit_signal = (int)(args->a[0] & ABI_CSIGNAL),
        .stack = args->a[1],
        .parent_tid = args->a[2],
        .tls = args->a[3],
        .child_tid = args->a[4],
    };

    if (request.exit_signal > ABI_NSIG) {
        return -EINVAL;
    }
    return task_clone(&request, thread_user_frame(port_thread()));
}

int64_t sys_clone3(const struct syscall_args *args)
{
    struct abi_clone_args wanted;
    size_t size_bytes = args->a[1];
    struct clone_request request;
    int error;

    if (size_bytes < ABI_CLONE_ARGS_SIZE_VER0 || size_bytes > PAGE_SIZE) {
        return size_bytes > PAGE_SIZE ? -E2BIG : -EINVAL;
    }
    memset(&wanted, 0, sizeof(wanted));
    error = copy_from_user(&wanted, args->a[0], min_of(size_bytes, sizeof(wanted)));
    if (error != 0) {
        return error;
    }
    if ((wanted.flags & ABI_CSIGNAL) != 0 || wanted.exit_signal > ABI_NSIG ||
        wanted.set_tid_size != 0 || (wanted.stack == 0) != (wanted.stack_size == 0) ||
        ((wanted.flags & (ABI_CLONE_THREAD | ABI_CLONE_PARENT)) != 0 && wanted.exit_signal != 0)) {
        return -EINVAL;
    }
    request = (struct clone_request){
        .flags = wanted.flags,
        .exit_signal = (int)wanted.exit_signal,
        .stack = wanted.stack + wanted.stack_size,
        .parent_tid = wanted.parent_tid,
        .tls = wanted.tls,
        .child_tid = wanted.child_tid,
    };
    return task_clone(&request, thread_user_frame(port_thread()));
}

static int64_t execute(int dirfd, uint64_t name, uint64_t argv, uint64_t envp, uint64_t flags)
{
    struct exec_request request = {
        .dirfd = dirfd,
        .walk_flags = (flags & AT_EMPTY_PATH) != 0 ? WALK_EMPTY_OK : 0,
        .is_link_refused = (flags & AT_SYMLINK_NOFOLLOW) != 0,
        .argv = {.user = argv},
        .envp = {.user = envp},
    };
    char *copy;
    int error = name_from_user(name, &copy);

    if (error != 0) {
        return error;
    }
    request.name = copy;
    error = exec_program(&request);
    name_put(copy);
    return error;
}

int64_t sys_execve(const struct syscall_args *args)
{
    return execute(AT_FDCWD, args->a[0], args->a[1], args->a[2], 0);
}

int64_t sys_execveat(const struct syscall_args *args)
{
    if ((args->a[4] & ~(uint64_t)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) != 0) {
        return -EINVAL;
    }
    return execute((int)args->a[0], args->a[1], args->a[2], args->a[3], args->a[4]);
}

int64_t sys_exit(const struct syscall_args *args)
{
    task_exit(ABI_STATUS_EXITED((int)args->a[0]));
}

int64_t sys_exit_group(const struct syscall_args *args)
{
    process_exit(ABI_STATUS_EXITED((int)args->a[0]));
}

static int put_rusage(uint64_t address, const struct cpu_usage *usage)
{
    struct abi_rusage rusage;

    if (address == 0) {
        return 0;
    }
    account_to_rusage(usage, &rusage);
    return copy_to_user(address, &rusage, sizeof(rusage));
}

/** wait4's idea of whom to wait for. */
static void set_wait_target(struct wait_request *request, pid_t id)
{
    if (id == -1) {
        request->type = ABI_P_ALL;
    } else if (id > 0) {
        request->type = ABI_P_PID;
        request->id = id;
    } else {
        request->type = ABI_P_PGID;
        request->id = id == 0 ? (pid_t)job_get_group(0) : -id;
    }
}

int64_t sys_wait4(const struct syscall_args *args)
{
    uint32_t options = (uint32_t)args->a[2];
    struct wait_request request = {.options = options | ABI_WEXITED};
    struct wait_result result;
    int error;

    if ((options & ~(uint32_t)(ABI_WNOHANG | ABI_WSTOPPED | ABI_WCONTINUED | ABI_WNOTHREAD |
                               ABI_WALL | ABI_WCLONE)) != 0) {
        return -EINVAL;
    }
    if ((pid_t)args->a[0] == INT32_MIN) {
        return -ESRCH;
    }
    set_wait_target(&request, (pid_t)args->a[0]);
    error = process_wait(&request, &result);
    if (error != 0 || result.id == 0) {
        return error;
    }
    if (args->a[1] != 0) {
        error = copy_to_user(args->a[1], &result.status, sizeof(result.status));
    }
    if (error == 0) {
        error = put_rusage(args->a[3], &result.usage);
    }
    return error != 0 ? error : result.id;
}

static struct abi_siginfo siginfo_of(const struct wait_result *result)
{
    struct abi_siginfo info = {.si_signo = ABI_SIGCHLD};

    info.child.pid = result->id;
    info.child.uid = result->uid;
    if (result->status == ABI_STATUS_CONTINUED) {
        info.si_code = ABI_CLD_CONTINUED;
        info.child.status = ABI_SIGCONT;
    } else if ((result->status & 0xff) == 0x7f) {
        info.si_code = ABI_CLD_STOPPED;
        info.child.status = result->status >> 8 & 0xff;
    } else if (ABI_STATUS_KILLED(result->status) != 0) {
        info.si_code = ABI_CLD_KILLED;
        info.child.status = ABI_STATUS_KILLED(result->status);
    } else {
        info.si_code = ABI_CLD_EXITED;
        info.child.status = result->status >> 8 & 0xff;
    }
    return info;
}

int64_t sys_waitid(const struct syscall_args *args)
{
    struct wait_request request = {
        .type = (int)args->a[0],
        .id = (pid_t)args->a[1],
        .options = (uint32_t)args->a[3],
    };
    struct wait_result result;
    struct abi_siginfo info;
    int error;

    if ((request.options & ~(uint32_t)(ABI_WNOHANG | ABI_WSTOPPED | ABI_WEXITED | ABI_WCONTINUED |
                                       ABI_WNOWAIT | ABI_WNOTHREAD | ABI_WALL | ABI_WCLONE)) != 0 ||
        (request.options & (ABI_WSTOPPED | ABI_WEXITED | ABI_WCONTINUED)) == 0) {
        return -EINVAL;
    }
    switch (request.type) {
    case ABI_P_ALL: break;
    case ABI_P_PID:
        if (request.id <= 0) {
            return -EINVAL;
        }
        break;
    case ABI_P_PGID:
        if (request.id < 0) {
            return -EINVAL;
        }
        if (request.id == 0) {
            request.id = (pid_t)job_get_group(0);
        }
        break;
    default: return -EINVAL;
    }
    error = process_wait(&request, &result);
    if (error != 0) {
        return error;
    }
    if (result.id == 0) {
        memset(&info, 0, sizeof(info));
    } else {
        info = siginfo_of(&result);
        error = put_rusage(args->a[4], &result.usage);
    }
    if (error == 0 && args->a[2] != 0) {
        error = copy_to_user(args->a[2], &info, sizeof(info));
    }
    return error;
}
