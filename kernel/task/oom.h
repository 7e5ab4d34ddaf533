// SPDX-License-Identifier: MIT
/* The out-of-memory killer. */
#ifndef CAIRN_TASK_OOM_H
#define CAIRN_TASK_OOM_H

/** Register it with mm. Called once at boot. */
void oom_init(void);

#endif
