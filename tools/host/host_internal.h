// SPDX-License-Identifier: MIT
/* What the files of the host port need of each other. */
#ifndef CAIRN_HOST_HOST_INTERNAL_H
#define CAIRN_HOST_HOST_INTERNAL_H

#include "tools/host/host.h"

/** Have host_give_hart() and host_drop_task() called when this pthread ends. */
void host_note_thread(void);

/** Give the hart up before blocking; host_take_hart() (port/inline.h) gets one again. */
void host_give_hart(void);

/** The pthread's task record is free for another. */
void host_drop_task(void);

/** Whether the clock is one that tests advance. */
bool host_clock_is_fake(void);

#endif
