// SPDX-License-Identifier: MIT
/* In-kernel self-tests: files named selftest_*.c beside the code they test, linked only into cairn-selftest.
 *
 * A case is a function that returns on success and calls selftest_fail() through CHECK() otherwise. Cases run one
 * after another, each in a kernel thread, with all harts up; a case that wants several harts spawns threads. */
#ifndef CAIRN_BASE_SELFTEST_H
#define CAIRN_BASE_SELFTEST_H

#include "kernel/base/types.h"

struct selftest {
    const char *name;
    void (*run)(void);
};

/** Record a failure of the running case, with place and text; the case goes on. */
void selftest_fail(const char *file, int line, const char *format, ...) printf_like(3, 4);

/** Run all registered cases; logs a line for each and "selftest: N passed, N failed". Returns the failures. */
unsigned selftest_run_all(void);

#define SELFTEST(case_name)                                                     \
    static void case_name(void);                                                \
    static const struct selftest selftest_entry_##case_name                     \
        __attribute__((used, section(".selftests"))) = {#case_name, case_name}; \
    static void case_name(void)

#define CHECK(condition)                                         \
    do {                                                         \
        if (!(condition)) {                                      \
            selftest_fail(__FILE__, __LINE__, "%s", #condition); \
        }                                                        \
    } while (0)

#endif
