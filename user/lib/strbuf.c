// SPDX-License-Identifier: MIT
// A string that grows by doubling.
#include "user/lib/strbuf.h"

#include "user/lib/tool.h"

#include <stdlib.h>
#include <string.h>

void strbuf_add(struct strbuf *buf, const void *data, size_t len_bytes)
{
    if (buf->cap - buf->len <= len_bytes) {
        size_t cap = buf->cap ? buf->cap : 32;

        while (cap - buf->len <= len_bytes)
            cap *= 2;
        buf->text = xrealloc(buf->text, cap);
        buf->cap = cap;
    }
    if (len_bytes)
        memcpy(buf->text + buf->len, data, len_bytes);
    buf->len += len_bytes;
    buf->text[buf->len] = '\0';
}

void strbuf_add_char(struct strbuf *buf, char c)
{
    strbuf_add(buf, &c, 1);
}

void strbuf_add_text(struct strbuf *buf, const char *text)
{
    strbuf_add(buf, text, strlen(text));
}

const char *strbuf_text(const struct strbuf *buf)
{
    return buf->text ? buf->text : "";
}

void strbuf_clear(struct strbuf *buf)
{
    buf->len = 0;
    if (buf->text)
        buf->text[0] = '\0';
}

void strbuf_free(struct strbuf *buf)
{
    free(buf->text);
    *buf = STRBUF_INIT;
}
