// SPDX-License-Identifier: MIT
/* Who asks for memory: what mm/commit.c and the limits want to know of the running task, which mm itself
 * does not see (and file systems, of whom the last blocks of a disk are asked: fs/ext/reserve.c), and what mm
 * tells of it: that a fault waited for a disk. */
#include "kernel/task/payer.h"

#include "kernel/base/atomic.h"
#include "kernel/task/task.h"
#include "mm/commit.h"
#include "mm/space.h"
#include "mm/vmstat.h"

static void describe(struct payer *payer)
{
    const struct task *self = task_current();
    struct space *space = self->space;

    payer->is_privileged = self->cred.euid == 0;
    payer->cred = &self->cred;
    payer->nr_mapped_pages = space != NULL ? load_relaxed(&space->nr_mapped_pages) : 0;
}

static void count_major_fault(void)
{
    task_current()->nr_major_faults++;
}

void payer_init(void)
{
    commit_init(describe);
    vm_set_major_fault_hook(count_major_fault);
}
