// SPDX-License-Identifier: MIT
/* The cases of test_ext.c on disks with a journal. */
#define EXT_TEST_JOURNAL     "-j -J size=4"
#define EXT_TEST_JOURNAL_MIB 12u

#include "fs/ext/test/test_ext.c"
