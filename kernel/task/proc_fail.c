// SPDX-License-Identifier: MIT
/* /proc/PID/fail-nth: one task's allocations made to fail, with Linux's name and meaning.
 *
 * Writing n lets the n-th allocation fail that the task asks for from then on; 0 takes it back.
 * Reading gives what is left of n: 0 when it has failed, more when the task has not come so far. A
 * test program writes 1, 2, 3, … before its call, and ends when it reads more than 0 after it.
 *
 * Reading allocates, too, for the text; that is not counted, or else looking would change what is
 * looked at. Only kernels built with CAIRN_FAULT_INJECT have the file.
 *
 * Source: Linux, Documentation/fault-injection/fault-injection.rst. */
#include "kernel/task/proc_internal.h"

#ifdef CAIRN_FAULT_INJECT

#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "mm/fault_inject.h"

int proc_show_fail_nth(struct seq *seq, pid_t id, bool is_group)
{
    struct proc_target target;
    int error = proc_find(id, &target);

    (void)is_group;
    if (error != 0) {
        return error;
    }
    fault_inject_pause();
    seq_printf(seq, "%llu\n",
               (unsigned long long)(target.task == NULL ? 0 : fault_inject_task_left(target.task)));
    fault_inject_resume();
    proc_put(&target);
    return 0;
}

int proc_write_fail_nth(pid_t id, char *text, size_t len_bytes)
{
    struct proc_target target;
    uint64_t nth;
    int error = parse_u64(text, 10, NULL, &nth);

    (void)len_bytes;
    if (error != 0) {
        return error;
    }
    error = proc_find(id, &target);
    if (error != 0) {
        return error;
    }
    error = target.task == NULL ? -ESRCH : fault_inject_arm_task(target.task, nth);
    proc_put(&target);
    return error;
}

#else
typedef int proc_fail_is_off; /* ISO C forbids an empty file */
#endif
