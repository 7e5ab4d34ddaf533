// SPDX-License-Identifier: MIT
// A string that grows. `text` is always terminated; STRBUF_INIT is a valid empty one.
#ifndef CAIRN_USER_LIB_STRBUF_H
#define CAIRN_USER_LIB_STRBUF_H

#include <stddef.h>

struct strbuf {
    char *text; // NULL only while empty and never written
    size_t len, cap;
};

#define STRBUF_INIT ((struct strbuf){0})

void strbuf_add(struct strbuf *buf, const void *data, size_t len_bytes);
void strbuf_add_char(struct strbuf *buf, char c);
void strbuf_add_text(struct strbuf *buf, const char *text);

/** The text, "" where nothing was written. */
const char *strbuf_text(const struct strbuf *buf);

void strbuf_clear(struct strbuf *buf);
void strbuf_free(struct strbuf *buf);

#endif
