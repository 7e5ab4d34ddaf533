// SPDX-License-Identifier: MIT
/* /proc/PID/oom_score, oom_score_adj and oom_adj: how a process stands when memory runs out.
 *
 * oom_score_adj, -1000 .. 1000, is what the killer goes by (oom.c); oom_adj, -17 .. 15, is the same
 * value in the older scale. Anybody who may write the file can make a process a likelier victim;
 * below the value that root set last, only root can go. */
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "kernel/task/oom.h"
#include "kernel/task/proc_internal.h"

#define OLD_ADJ_MIN (-17) /* never chosen */
#define OLD_ADJ_MAX 15

int proc_show_oom_score(struct seq *seq, pid_t id, bool is_group)
{
    struct proc_target target;
    int error = proc_find(id, &target);

    if (error == 0) {
        seq_printf(seq, "%u\n", oom_score(target.process));
        proc_put(&target);
    }
    return error;
}

int proc_show_oom_score_adj(struct seq *seq, pid_t id, bool is_group)
{
    struct proc_target target;
    int error = proc_find(id, &target);

    if (error == 0) {
        seq_printf(seq, "%d\n", (int)atomic_load(&target.process->oom_score_adj));
        proc_put(&target);
    }
    return error;
}

int proc_show_oom_adj(struct seq *seq, pid_t id, bool is_group)
{
    struct proc_target target;
    int error = proc_find(id, &target);

    if (error == 0) {
        int adj = atomic_load(&target.process->oom_score_adj);

        seq_printf(seq, "%d\n",
                   adj == OOM_ADJ_MAX ? OLD_ADJ_MAX : adj * -OLD_ADJ_MIN / OOM_ADJ_MAX);
        proc_put(&target);
    }
    return error;
}

/* A decimal number with an optional sign, and nothing after it. */
static int parse_number(const char *text, int min, int max, int *value)
{
    bool is_negative = text[0] == '-';
    uint64_t magnitude;

    if (parse_u64(text + (is_negative || text[0] == '+'), 10, NULL, &magnitude) != 0 ||
        magnitude > (uint64_t)OOM_ADJ_MAX) {
        return -EINVAL;
    }
    *value = is_negative ? -(int)magnitude : (int)magnitude;
    return *value >= min && *value <= max ? 0 : -EINVAL;
}

static int set_adj(pid_t id, int adj)
{
    bool is_root = task_current()->cred.euid == 0;
    struct proc_target target;
    int error = proc_find(id, &target);

    if (error != 0) {
        return error;
    }
    if (!is_root && adj < atomic_load(&target.process->oom_score_adj_min)) {
        error = -EACCES;
    } else {
        atomic_store(&target.process->oom_score_adj, adj);
        if (is_root) {
            atomic_store(&target.process->oom_score_adj_min, adj);
        }
    }
    proc_put(&target);
    return error;
}

int proc_write_oom_score_adj(pid_t id, char *text, size_t len_bytes)
{
    int adj = 0;
    int error = parse_number(text, OOM_ADJ_MIN, OOM_ADJ_MAX, &adj);

    return error != 0 ? error : set_adj(id, adj);
}

int proc_write_oom_adj(pid_t id, char *text, size_t len_bytes)
{
    int old = 0;
    int error = parse_number(text, OLD_ADJ_MIN, OLD_ADJ_MAX, &old);

    if (error != 0) {
        return error;
    }
    return set_adj(id, old == OLD_ADJ_MAX ? OOM_ADJ_MAX : old * OOM_ADJ_MAX / -OLD_ADJ_MIN);
}
