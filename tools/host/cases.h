// SPDX-License-Identifier: MIT
/* Damaged images that a test has made are of use to others: `make hostile` shows them to the driver
 * again, and to the whole kernel. So there is one collection of damage, that of the tests. */
#ifndef CAIRN_HOST_CASES_H
#define CAIRN_HOST_CASES_H

#include "tools/host/disk.h"

/** If the environment's CAIRN_CASES names a folder, leave the disk's content in it as
 *  TYPE-NAME.img, letters and digits kept; a name that is there already gets a number. Exits the
 *  program if it cannot be written.
 *  @type: of the file system, as mount takes it. @name: what is wrong with it. */
void host_case_keep(const struct host_disk *disk, const char *type, const char *name);

#endif
