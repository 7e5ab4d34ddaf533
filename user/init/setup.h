// SPDX-License-Identifier: MIT
// What init prepares before anything runs.
#ifndef CAIRN_USER_INIT_SETUP_H
#define CAIRN_USER_INIT_SETUP_H

#include <stdbool.h>

/** The environment of everything that init starts. */
extern char *init_environment[];

/** One line to the kernel's log (/dev/kmsg), or to the console where there is none. */
void init_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** Open standard files, mount /proc, /dev, /tmp and a second disk.
 *  @again: init was restarted: everything is in place already. */
void init_set_up(bool again);

/** The command of exec= on the kernel's command line, decoded; NULL where there is none. */
char *init_exec_command(void);

#endif
