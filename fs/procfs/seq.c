// SPDX-License-Identifier: MIT
/* Text that grows: what the show functions of /proc write into.
 *
 * The buffer doubles when it is full. When memory runs out the text is marked as failed and
 * takes nothing more, so that a show function needs no check of its own; the reader then gets
 * -ENOMEM. */
#include "fs/procfs/procfs.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

#define SEQ_FIRST_BYTES 512u

/* Make room for len more bytes. */
static bool reserve(struct seq *seq, size_t len)
{
    size_t capacity = seq->capacity_bytes != 0 ? seq->capacity_bytes : SEQ_FIRST_BYTES;
    char *buffer;

    if (seq->failed) {
        return false;
    }
    while (capacity - seq->len_bytes < len) {
        capacity *= 2;
    }
    if (capacity == seq->capacity_bytes) {
        return true;
    }
    buffer = krealloc(seq->buffer, capacity, ALLOC_KERNEL);
    if (buffer == NULL) {
        seq->failed = true;
        return false;
    }
    seq->buffer = buffer;
    seq->capacity_bytes = capacity;
    return true;
}

void seq_write(struct seq *seq, const void *bytes, size_t len_bytes)
{
    if (reserve(seq, len_bytes)) {
        memcpy(seq->buffer + seq->len_bytes, bytes, len_bytes);
        seq->len_bytes += len_bytes;
    }
}

void seq_puts(struct seq *seq, const char *text)
{
    seq_write(seq, text, strlen(text));
}

void seq_printf(struct seq *seq, const char *format, ...)
{
    va_list args;
    va_list again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    if (reserve(seq, 1)) {
        size_t room = seq->capacity_bytes - seq->len_bytes;

        len = kvsnprintf(seq->buffer + seq->len_bytes, room, format, args);
        if ((size_t)len >= room && reserve(seq, (size_t)len + 1)) {
            kvsnprintf(seq->buffer + seq->len_bytes, (size_t)len + 1, format, again);
        }
        if (!seq->failed) {
            seq->len_bytes += (size_t)len;
        }
    }
    va_end(again);
    va_end(args);
}

void seq_escape(struct seq *seq, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr(" \t\n\\#", *text) != NULL) {
            seq_printf(seq, "\\%03o", (unsigned)(uint8_t)*text);
        } else {
            seq_write(seq, text, 1);
        }
    }
}

void seq_free(struct seq *seq)
{
    kfree(seq->buffer);
    *seq = (struct seq){.buffer = NULL};
}
