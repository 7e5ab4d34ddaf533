// SPDX-License-Identifier: MIT
/* The log's ring of records, below printk(). The theory stands in klog.c. */
#ifndef CAIRN_BASE_KLOG_H
#define CAIRN_BASE_KLOG_H

#include "kernel/base/types.h"

/* Records that are held, and the text that one can hold; printk() cuts longer lines into several. */
enum {
    KLOG_NR_RECORDS = 1024,
    KLOG_TEXT_WORDS = 29,
    KLOG_TEXT_BYTES = KLOG_TEXT_WORDS * 8,
};

struct klog_entry {
    uint64_t time_ns;
    int level;
    size_t len_bytes;
    char text[KLOG_TEXT_BYTES + 1]; /* terminated */
};

enum klog_result {
    KLOG_FOUND,
    KLOG_NOT_YET, /* its writer has not published it */
    KLOG_LOST,    /* overwritten, or never written: go on with the next */
};

/** Store a record of at most KLOG_TEXT_BYTES characters. Never waits. Context: any. */
void klog_write(int level, uint64_t time_ns, const char *text, size_t len_bytes);

/** Copy record number seq. Context: any. */
enum klog_result klog_get(uint64_t seq, struct klog_entry *entry);

/** Write everything that the console has not yet seen, over whoever is at it: for the panic path, when the hart
 *  that holds the console may never run again. */
void klog_flush_for_panic(void);

#endif
