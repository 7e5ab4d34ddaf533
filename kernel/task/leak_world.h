// SPDX-License-Identifier: MIT
/* The leak search's view of the kernel's data, stacks and harts. */
#ifndef CAIRN_TASK_LEAK_WORLD_H
#define CAIRN_TASK_LEAK_WORLD_H

/** Let mm/debug/leak.h search this kernel. Context: boot. */
void leak_world_init(void);

#endif
