// SPDX-License-Identifier: MIT
/* What kernel/task tells through /proc. */
#ifndef CAIRN_TASK_PROC_H
#define CAIRN_TASK_PROC_H

/** Register all of it with procfs. Called once at boot, after procfs_init(). */
void proc_init(void);

#endif
