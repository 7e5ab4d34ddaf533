// SPDX-License-Identifier: MIT
/* /dev/tty: whatever terminal the process that opens it has. */
#ifndef CAIRN_TASK_TTY_DEVICE_H
#define CAIRN_TASK_TTY_DEVICE_H

struct file;
struct tty;

void tty_device_register(void);

/** The terminal behind an open file (of /dev/tty: the running process's own), or NULL. */
struct tty *tty_of_file(struct file *file);

#endif
