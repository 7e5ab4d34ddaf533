// SPDX-License-Identifier: MIT
/* Panics on demand, for the tests of the panic path. */
#ifndef CAIRN_PANIC_TEST_H
#define CAIRN_PANIC_TEST_H

/** If the kernel argument panic_test is given, end the kernel in the way it names: nothing or
 *  `call` (a plain panic), `null` (a write through NULL), `jump` (a call to an address without
 *  code), `stack` (endless recursion), `text` (a write to code), `trap` (an illegal instruction),
 *  `irq` (a panic in an interrupt handler's context). Otherwise returns. Context: a task. */
void panic_test_run(void);

#endif
