// SPDX-License-Identifier: MIT
// Where commands come from.
//
// Standard input is shared with the commands that the shell runs: `sh <script` with a `read` or a
// `cat` in the script must leave them what follows. So it is read byte by byte and never beyond the
// line. A script's own file is read in blocks, through a descriptor that commands do not get.
#include "user/sh/source.h"

#include "user/sh/edit.h"
#include "user/sh/job.h"
#include "user/sh/shell.h"
#include "user/sh/trap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct source source_from_text(const char *text)
{
    return (struct source){.kind = SOURCE_TEXT, .text = text, .fd = -1};
}

struct source source_from_file(int fd, bool shared)
{
    return (struct source){.kind = SOURCE_FILE, .fd = fd, .shared = shared};
}

struct source source_from_prompt(void)
{
    return (struct source){.kind = SOURCE_PROMPT, .fd = STDIN_FILENO, .shared = true};
}

// The next byte, or -1 at the end or on an error, or -2 for an interrupt.
static int next_byte(struct source *source)
{
    if (source->buffer_at == source->buffer_len) {
        size_t wanted = source->shared ? 1 : sizeof(source->buffer);
        ssize_t len;

        while ((len = read(source->fd, source->buffer, wanted)) < 0 && errno == EINTR)
            if (source->kind == SOURCE_PROMPT && trap_take_interrupt())
                return -2;
        if (len < 0)
            shell_error("reading commands: %s", strerror(errno));
        if (len <= 0)
            return -1;
        source->buffer_len = (size_t)len;
        source->buffer_at = 0;
    }
    return (unsigned char)source->buffer[source->buffer_at++];
}

static enum source_result read_line(struct source *source, struct strbuf *out)
{
    size_t before = out->len;
    int byte;

    do {
        byte = next_byte(source);
        if (byte == -2)
            return SOURCE_INTERRUPTED;
        if (byte > 0) // a NUL byte has no place in a script
            strbuf_add_char(out, (char)byte);
    } while (byte >= 0 && byte != '\n');
    if (byte < 0)
        source->ended = true;
    return out->len > before ? SOURCE_LINE : SOURCE_END;
}

static enum source_result read_prompted(struct source *source, struct strbuf *out, bool first)
{
    enum source_result result;

    if (first) {
        job_notify();
        trap_run_pending();
        if (shell.unwind == UNWIND_EXIT)
            return SOURCE_END;
    }
    if (edit_is_possible()) {
        result = edit_read_line(out, first);
    } else {
        edit_print_prompt(first);
        result = read_line(source, out);
        source->ended = false; // at a terminal, more may follow an end of file
    }
    if (result == SOURCE_END)
        fputc('\n', stderr);
    return result;
}

enum source_result source_read(struct source *source, struct strbuf *out, bool first)
{
    size_t before = out->len;
    enum source_result result;

    if (source->ended)
        return SOURCE_END;
    switch (source->kind) {
    case SOURCE_TEXT:
        source->ended = true;
        strbuf_add_text(out, source->text);
        return *source->text ? SOURCE_LINE : SOURCE_END;
    case SOURCE_FILE: result = read_line(source, out); break;
    default: result = read_prompted(source, out, first); break;
    }
    if (shell.verbose && result == SOURCE_LINE)
        fputs(out->text + before, stderr);
    return result;
}
