// SPDX-License-Identifier: MIT
/* The cases of test_ext_failed_write.c on a disk with a journal. */
#define EXT_WORLD_TYPE "-t ext3 -J size=1"

#include "fs/ext/test/test_ext_failed_write.c"
