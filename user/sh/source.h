// SPDX-License-Identifier: MIT
// Where commands come from: a string, a file, or somebody who types.
#ifndef CAIRN_USER_SH_SOURCE_H
#define CAIRN_USER_SH_SOURCE_H

#include "user/lib/strbuf.h"

#include <stdbool.h>

enum source_kind { SOURCE_TEXT, SOURCE_FILE, SOURCE_PROMPT };

struct source {
    enum source_kind kind;
    const char *text; // TEXT: given out whole, once
    int fd;           // FILE: read in blocks, or byte by byte if shared with commands (stdin)
    bool shared;
    bool ended;
    char buffer[512];
    size_t buffer_at, buffer_len;
};

enum source_result { SOURCE_LINE, SOURCE_END, SOURCE_INTERRUPTED };

struct source source_from_text(const char *text);
struct source source_from_file(int fd, bool shared);
struct source source_from_prompt(void);

/** Append the next line, or at least one byte, to out.
 *  @first: the line begins a command; decides about the prompt. */
enum source_result source_read(struct source *source, struct strbuf *out, bool first);

#endif
