// SPDX-License-Identifier: MIT
// Switching off: what poweroff and reboot share.
#ifndef CAIRN_USER_LIB_POWER_H
#define CAIRN_USER_LIB_POWER_H

#include "user/lib/mounts.h"

/** Ask process 1 to go down; do it ourselves under -f, or where it does not answer. */
int power_command(int argc, char **argv, enum power_action action);

#endif
