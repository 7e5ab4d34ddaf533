// SPDX-License-Identifier: MIT
/* For self-tests that plant a mistake and read the report: the log since a moment. */
#ifndef CAIRN_MM_DEBUG_TEST_PLANTED_H
#define CAIRN_MM_DEBUG_TEST_PLANTED_H

#include "kernel/base/printk.h"
#include "kernel/base/string.h"

static uint64_t planted_seq;
static char planted_log[4096];

static inline void planted_listen(void)
{
    planted_seq = klog_next_seq();
}

/* Whether the log since planted_listen() has the text. */
static inline bool planted_said(const char *text)
{
    uint64_t seq = planted_seq;
    size_t len = klog_read(&seq, planted_log, sizeof(planted_log) - 1);

    planted_log[len] = '\0';
    return strstr(planted_log, text) != NULL;
}

#endif
