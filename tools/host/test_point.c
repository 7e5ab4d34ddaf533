// SPDX-License-Identifier: MIT
/* The hook of the test points. */
#include "kernel/base/test_point.h"

#ifdef CAIRN_TEST_HOOKS
void (*_Atomic test_point_hook)(enum test_point point, void *object);
#endif
