// SPDX-License-Identifier: MIT
// The display of line editing: one row, drawn again after each key. See edit.c.
#include "user/sh/edit_internal.h"

#include "user/lib/tool.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

bool edit_is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static size_t width_of(const char *text, size_t len)
{
    size_t width = 0;
    bool in_escape = false;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == ESCAPE)
            in_escape = true;
        else if (in_escape)
            in_escape = !((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z'));
        else
            width += !edit_is_continuation(text[i]);
    }
    return width;
}

size_t edit_columns(void)
{
    struct winsize size = {0};

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10)
        return size.ws_col;
    return 80; // a serial line does not know
}

void edit_put(const char *text, size_t len)
{
    write_all(STDERR_FILENO, text, len);
}

// A prompt may hold several lines; they stand, and only the last one is drawn again.
static const char *last_line(const char *prompt)
{
    const char *newline = strrchr(prompt, '\n');

    return newline ? newline + 1 : prompt;
}

static size_t room_for_text(const struct editor *editor, size_t prompt_width)
{
    return editor->columns > prompt_width + 10 ? editor->columns - prompt_width - 1 : 10;
}

bool edit_append(const struct editor *editor, char c)
{
    const char *prompt = last_line(editor->prompt), *text = strbuf_text(&editor->line);
    size_t room = room_for_text(editor, width_of(prompt, strlen(prompt)));

    if (editor->cursor != editor->line.len || (unsigned char)c < ' ' || c == 127 ||
        width_of(text, editor->line.len) >= room)
        return false;
    edit_put(&c, 1);
    return true;
}

void edit_redraw(const struct editor *editor)
{
    const char *prompt = last_line(editor->prompt), *text = strbuf_text(&editor->line);
    size_t prompt_width = width_of(prompt, strlen(prompt)), room, start = 0, end;
    struct strbuf out = STRBUF_INIT;
    char move[32];

    room = room_for_text(editor, prompt_width);
    while (width_of(text + start, editor->cursor - start) >= room)
        for (start++; edit_is_continuation(text[start]);)
            start++;
    end = editor->line.len;
    while (width_of(text + start, end - start) > room)
        for (end--; edit_is_continuation(text[end]);)
            end--;
    strbuf_add_char(&out, '\r');
    strbuf_add_text(&out, prompt);
    for (size_t i = start; i < end; i++)
        strbuf_add_char(&out, (unsigned char)text[i] < ' ' ? '?' : text[i]);
    snprintf(move, sizeof(move), "\033[K\r\033[%zuC",
             prompt_width + width_of(text + start, editor->cursor - start));
    // Column 0 cannot be reached by "0 to the right", which terminals read as 1.
    if (prompt_width + editor->cursor == 0)
        strcpy(move, "\033[K\r");
    strbuf_add_text(&out, move);
    edit_put(out.text, out.len);
    strbuf_free(&out);
}

void edit_show_candidates(const struct editor *editor, const struct string_list *candidates)
{
    size_t cell = 0, per_row;
    struct strbuf out = STRBUF_INIT;

    for (size_t i = 0; i < candidates->nr; i++) {
        size_t width = width_of(candidates->items[i], strlen(candidates->items[i]));

        cell = width > cell ? width : cell;
    }
    cell += 2;
    per_row = editor->columns > cell ? editor->columns / cell : 1;
    for (size_t i = 0; i < candidates->nr; i++) {
        const char *item = candidates->items[i];

        strbuf_add_text(&out, i % per_row == 0 ? "\r\n" : "");
        strbuf_add_text(&out, item);
        for (size_t width = width_of(item, strlen(item)); width < cell; width++)
            strbuf_add_char(&out, ' ');
    }
    strbuf_add_text(&out, "\r\n");
    edit_put(out.text, out.len);
    strbuf_free(&out);
}
