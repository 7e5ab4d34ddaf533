// SPDX-License-Identifier: MIT
/* The kernel log: records in a ring that dmesg(1) reads, and on the console as far as the level says.
 *
 * A line names its subsystem first ("ext: vda: inode 12: …"). printk() never sleeps, never allocates and may
 * be called from anywhere, interrupt handlers and the panic path included. */
#ifndef CAIRN_BASE_PRINTK_H
#define CAIRN_BASE_PRINTK_H

#include "kernel/base/types.h"
#include <stdarg.h>

enum log_level { /* syslog's numbers */
                 LOG_EMERG = 0,
                 LOG_ERR = 3,
                 LOG_WARNING = 4,
                 LOG_NOTICE = 5,
                 LOG_INFO = 6,
                 LOG_DEBUG = 7,
};

/** Log one line (no newline at its end). Conversions: those of C99 printf without floating point, and %pS
 *  for a code address as symbol+offset. Context: any. */
void printk(enum log_level level, const char *format, ...) printf_like(2, 3);

#define pr_err(...)    printk(LOG_ERR, __VA_ARGS__)
#define pr_warn(...)   printk(LOG_WARNING, __VA_ARGS__)
#define pr_notice(...) printk(LOG_NOTICE, __VA_ARGS__)
#define pr_info(...)   printk(LOG_INFO, __VA_ARGS__)
#define pr_debug(...)  printk(LOG_DEBUG, __VA_ARGS__)

/** Only records below this level reach the console (bootargs `loglevel=`; 7 by default, `quiet` is 4). */
void klog_set_console_level(int level);
int klog_console_level(void);

/** Frame every console record for `make exec` (bootargs `log=framed`): DLE 'L' text DLE 'E', so that the
 *  runner can part the log from a program's output byte by byte. */
void klog_set_framed(bool framed);
bool klog_is_framed(void);

/** Copy log text ("<6>[    0.123456] text\n") into buffer, oldest first, beginning at record *seq; advances *seq.
 *  Returns the bytes copied, 0 when there is nothing newer. Context: any. */
size_t klog_read(uint64_t *seq, char *buffer, size_t size_bytes);

/** Sequence numbers of the oldest record still held, and of the next one to be written. */
uint64_t klog_first_seq(void);
uint64_t klog_next_seq(void);

/** Formatting as in C99 snprintf: the result is always terminated; returns the length it would have had. */
int kvsnprintf(char *buffer, size_t size_bytes, const char *format, va_list args);
int ksnprintf(char *buffer, size_t size_bytes, const char *format, ...) printf_like(3, 4);

#endif
