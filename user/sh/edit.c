// SPDX-License-Identifier: MIT
// Line editing.
//
// The terminal is put into raw mode for the length of one line and back before any command runs. The
// line stays on one row of the screen: if it is longer than the row, a window of it around the cursor
// is shown. So the display is redrawn whole after each key (carriage return, prompt, window, clear to
// the end, cursor), and needs to know nothing of the terminal but its width. The one exception is
// typing at the end of a line that fits, which just prints the character.
//
// A character may be several bytes of UTF-8; the cursor moves over whole characters, and each takes
// one column.
#include "user/sh/edit_internal.h"

#include "user/sh/complete.h"
#include "user/sh/expand.h"
#include "user/sh/history.h"
#include "user/sh/var.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

bool edit_is_possible(void)
{
    const char *term = var_get("TERM");

    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
}

static char *current_prompt(bool first, struct arena *arena)
{
    const char *prompt = var_get(first ? "PS1" : "PS2");

    if (!prompt)
        prompt = first ? "$ " : "> ";
    return expand_prompt(prompt, arena);
}

void edit_print_prompt(bool first)
{
    struct arena *arena = arena_create();

    fputs(current_prompt(first, arena), stderr);
    fflush(stderr);
    arena_put(arena);
}
static size_t left_of(const struct editor *editor, size_t at)
{
    if (at > 0)
        at--;
    while (at > 0 && edit_is_continuation(editor->line.text[at]))
        at--;
    return at;
}

static size_t right_of(const struct editor *editor, size_t at)
{
    if (at < editor->line.len)
        at++;
    while (at < editor->line.len && edit_is_continuation(editor->line.text[at]))
        at++;
    return at;
}

static size_t word_left(const struct editor *editor)
{
    size_t at = editor->cursor;

    while (at > 0 && editor->line.text[at - 1] == ' ')
        at--;
    while (at > 0 && editor->line.text[at - 1] != ' ')
        at--;
    return at;
}

static size_t word_right(const struct editor *editor)
{
    size_t at = editor->cursor;

    while (at < editor->line.len && editor->line.text[at] == ' ')
        at++;
    while (at < editor->line.len && editor->line.text[at] != ' ')
        at++;
    return at;
}

static void delete_range(struct editor *editor, size_t start, size_t end)
{
    if (start == end || !editor->line.text)
        return;
    memmove(editor->line.text + start, editor->line.text + end, editor->line.len - end + 1);
    editor->line.len -= end - start;
    editor->cursor = start;
}

static void insert_text(struct editor *editor, const char *text, size_t len)
{
    size_t tail = editor->line.len - editor->cursor;

    strbuf_add(&editor->line, text, len); // makes room; the right bytes follow
    memmove(editor->line.text + editor->cursor + len, editor->line.text + editor->cursor, tail);
    memcpy(editor->line.text + editor->cursor, text, len);
    editor->cursor += len;
}

static void replace_line(struct editor *editor, const char *text)
{
    strbuf_clear(&editor->line);
    strbuf_add_text(&editor->line, text);
    editor->cursor = editor->line.len;
}

static void swap_characters(struct editor *editor)
{
    char *text = editor->line.text;
    size_t at = editor->cursor;

    if (editor->line.len < 2 || at == 0)
        return;
    if (at == editor->line.len)
        at--;
    if (!edit_is_continuation(text[at]) && !edit_is_continuation(text[at - 1])) {
        char left = text[at - 1];

        text[at - 1] = text[at];
        text[at] = left;
        editor->cursor = at + 1;
    }
}

static void move_in_history(struct editor *editor, bool up)
{
    if (up && editor->back == history_count())
        return;
    if (!up && editor->back == 0)
        return;
    if (editor->back == 0) {
        strbuf_clear(&editor->typed);
        strbuf_add_text(&editor->typed, strbuf_text(&editor->line));
    }
    editor->back += up ? 1 : -1;
    replace_line(editor, editor->back ? history_get(editor->back) : strbuf_text(&editor->typed));
}

// Insert what all candidates share; if that is nothing new, show them.
static void complete(struct editor *editor)
{
    struct arena *arena = arena_create();
    struct string_list candidates = {0};
    size_t start, common, typed;

    complete_find(strbuf_text(&editor->line), editor->cursor, &start, arena, &candidates);
    typed = editor->cursor - start;
    if (candidates.nr > 0) {
        const char *first = candidates.items[0];

        common = strlen(first);
        for (size_t i = 1; i < candidates.nr; i++)
            for (size_t j = 0; j < common; j++)
                if (candidates.items[i][j] != first[j])
                    common = j;
        if (common > typed)
            insert_text(editor, first + typed, common - typed);
        else if (candidates.nr > 1)
            edit_show_candidates(editor, &candidates);
        if (candidates.nr == 1 && first[strlen(first) - 1] != '/')
            insert_text(editor, " ", 1);
    }
    arena_put(arena);
}

static void apply_key(struct editor *editor, int key)
{
    char byte = (char)key;

    switch (key) {
    case CTRL_A:
    case KEY_HOME: editor->cursor = 0; break;
    case CTRL_E:
    case KEY_END: editor->cursor = editor->line.len; break;
    case CTRL_B:
    case KEY_LEFT: editor->cursor = left_of(editor, editor->cursor); break;
    case CTRL_F:
    case KEY_RIGHT: editor->cursor = right_of(editor, editor->cursor); break;
    case KEY_WORD_LEFT: editor->cursor = word_left(editor); break;
    case KEY_WORD_RIGHT: editor->cursor = word_right(editor); break;
    case CTRL_H:
    case BACKSPACE: delete_range(editor, left_of(editor, editor->cursor), editor->cursor); break;
    case CTRL_D:
    case KEY_DELETE: delete_range(editor, editor->cursor, right_of(editor, editor->cursor)); break;
    case CTRL_K: delete_range(editor, editor->cursor, editor->line.len); break;
    case CTRL_U: delete_range(editor, 0, editor->cursor); break;
    case CTRL_W: delete_range(editor, word_left(editor), editor->cursor); break;
    case CTRL_T: swap_characters(editor); break;
    case CTRL_L: edit_put("\033[H\033[2J", 7); break;
    case CTRL_P:
    case KEY_UP: move_in_history(editor, true); break;
    case CTRL_N:
    case KEY_DOWN: move_in_history(editor, false); break;
    case TAB: complete(editor); break;
    default:
        if (key >= ' ' && key < 256)
            insert_text(editor, &byte, 1);
        break;
    }
}

static enum source_result edit_line(struct editor *editor)
{
    edit_redraw(editor);
    for (;;) {
        int key = edit_read_key();

        if (key == ENTER || key == '\n') {
            if (editor->cursor != editor->line.len) {
                editor->cursor = editor->line.len;
                edit_redraw(editor);
            }
            edit_put("\r\n", 2);
            return SOURCE_LINE;
        }
        if (key == CTRL_C) {
            edit_put("^C\r\n", 4);
            return SOURCE_INTERRUPTED;
        }
        if (key == KEY_CLOSED || (key == CTRL_D && editor->line.len == 0))
            return SOURCE_END;
        apply_key(editor, key);
        if (key < 256 && edit_append(editor, (char)key))
            continue;
        edit_redraw(editor);
    }
}

enum source_result edit_read_line(struct strbuf *out, bool first)
{
    struct arena *arena = arena_create();
    struct editor editor = {.prompt = current_prompt(first, arena), .columns = edit_columns()};
    const char *newline = strrchr(editor.prompt, '\n');
    struct termios saved, raw;
    enum source_result result;

    if (tcgetattr(STDIN_FILENO, &saved) != 0) {
        arena_put(arena);
        return SOURCE_END;
    }
    raw = saved;
    raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
    raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    if (newline)
        edit_put(editor.prompt, (size_t)(newline - editor.prompt) + 1);
    result = edit_line(&editor);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
    if (result == SOURCE_LINE) {
        history_add(strbuf_text(&editor.line));
        strbuf_add_text(out, strbuf_text(&editor.line));
        strbuf_add_char(out, '\n');
    }
    strbuf_free(&editor.line);
    strbuf_free(&editor.typed);
    arena_put(arena);
    return result;
}
