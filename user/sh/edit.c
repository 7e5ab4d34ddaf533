// SPDX-License-Identifier: MIT
// Line editing.
//
// The terminal is put into raw mode for the length of one line and back before any command runs. The
// line stays on one row of the screen: if it is longer than the row, a window of it around the cursor
// is shown. So the display is redrawn whole after each key (carriage return, prompt, window, clear to
// the end, cursor), and needs to know nothing of the terminal but its width.
//
// A character may be several bytes of UTF-8; the cursor moves over whole characters, and each takes
// one column.
#include "user/sh/edit.h"

#include "user/lib/tool.h"
#include "user/sh/complete.h"
#include "user/sh/expand.h"
#include "user/sh/history.h"
#include "user/sh/shell.h"
#include "user/sh/trap.h"
#include "user/sh/var.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum key {
    CTRL_A = 1, CTRL_B = 2, CTRL_C = 3, CTRL_D = 4, CTRL_E = 5, CTRL_F = 6, CTRL_H = 8, TAB = 9,
    CTRL_K = 11, CTRL_L = 12, ENTER = 13, CTRL_N = 14, CTRL_P = 16, CTRL_T = 20, CTRL_U = 21,
    CTRL_W = 23, ESCAPE = 27, BACKSPACE = 127,
    KEY_UP = 256, KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_HOME, KEY_END, KEY_DELETE,
    KEY_WORD_LEFT, KEY_WORD_RIGHT, KEY_NONE, KEY_CLOSED,
};

struct editor {
    const char *prompt;
    struct strbuf line;
    size_t cursor;
    size_t back;        // how far up in the history; 0 is the line being typed
    struct strbuf typed; // that line, while the history is shown
    size_t columns;
};

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

// --- Keys ---------------------------------------------------------------------------------------

static int read_byte(void)
{
    unsigned char byte;
    ssize_t len;

    while ((len = read(STDIN_FILENO, &byte, 1)) < 0 && errno == EINTR) {
        if (trap_take_interrupt())
            return CTRL_C;
        if (trap_pending())
            trap_run_pending();
        if (shell.unwind)
            return KEY_CLOSED;
    }
    return len == 1 ? byte : KEY_CLOSED;
}

// The rest of an escape sequence comes at once; a lone ESC has nothing behind it.
static bool more_follows(void)
{
    struct pollfd poll_fd = { .fd = STDIN_FILENO, .events = POLLIN };

    return poll(&poll_fd, 1, 50) > 0;
}

static int decode_sequence(const char *parameters, int final)
{
    bool with_ctrl = strstr(parameters, ";5") != NULL;

    switch (final) {
    case 'A':
        return KEY_UP;
    case 'B':
        return KEY_DOWN;
    case 'C':
        return with_ctrl ? KEY_WORD_RIGHT : KEY_RIGHT;
    case 'D':
        return with_ctrl ? KEY_WORD_LEFT : KEY_LEFT;
    case 'H':
        return KEY_HOME;
    case 'F':
        return KEY_END;
    case '~':
        switch (atoi(parameters)) {
        case 1:
        case 7:
            return KEY_HOME;
        case 3:
            return KEY_DELETE;
        case 4:
        case 8:
            return KEY_END;
        default:
            return KEY_NONE;
        }
    default:
        return KEY_NONE;
    }
}

static int read_escape_key(void)
{
    char parameters[16];
    size_t len = 0;
    int byte;

    if (!more_follows())
        return KEY_NONE;
    byte = read_byte();
    if (byte == 'b')
        return KEY_WORD_LEFT;
    if (byte == 'f')
        return KEY_WORD_RIGHT;
    if (byte != '[' && byte != 'O')
        return byte == KEY_CLOSED ? KEY_CLOSED : KEY_NONE;
    while ((byte = read_byte()) < '@') // digits and semicolons, then a letter or ~
        if (len < sizeof(parameters) - 1)
            parameters[len++] = (char)byte;
    parameters[len] = '\0';
    return byte == KEY_CLOSED ? KEY_CLOSED : decode_sequence(parameters, byte);
}

static int read_key(void)
{
    int byte = read_byte();

    return byte == ESCAPE ? read_escape_key() : byte;
}

// --- Display ------------------------------------------------------------------------------------

static bool is_continuation(char c)
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
            width += !is_continuation(text[i]);
    }
    return width;
}

static size_t terminal_columns(void)
{
    struct winsize size = { 0 };

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10)
        return size.ws_col;
    return 80; // a serial line does not know
}

static void put(const char *text, size_t len)
{
    write_all(STDERR_FILENO, text, len);
}

static void redraw(const struct editor *editor)
{
    // A prompt may hold several lines; they stand, and only the last one is drawn again.
    const char *newline = strrchr(editor->prompt, '\n');
    const char *prompt = newline ? newline + 1 : editor->prompt, *text = strbuf_text(&editor->line);
    size_t prompt_width = width_of(prompt, strlen(prompt)), room, start = 0, end;
    struct strbuf out = STRBUF_INIT;
    char move[32];

    room = editor->columns > prompt_width + 10 ? editor->columns - prompt_width - 1 : 10;
    while (width_of(text + start, editor->cursor - start) >= room)
        for (start++; is_continuation(text[start]);)
            start++;
    end = editor->line.len;
    while (width_of(text + start, end - start) > room)
        for (end--; is_continuation(text[end]);)
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
    put(out.text, out.len);
    strbuf_free(&out);
}

// --- Editing ------------------------------------------------------------------------------------

static size_t left_of(const struct editor *editor, size_t at)
{
    if (at > 0)
        at--;
    while (at > 0 && is_continuation(editor->line.text[at]))
        at--;
    return at;
}

static size_t right_of(const struct editor *editor, size_t at)
{
    if (at < editor->line.len)
        at++;
    while (at < editor->line.len && is_continuation(editor->line.text[at]))
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
    if (start == end)
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
    if (!is_continuation(text[at]) && !is_continuation(text[at - 1])) {
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
    replace_line(editor,
                 editor->back ? history_get(editor->back) : strbuf_text(&editor->typed));
}

static void show_candidates(const struct editor *editor, const struct string_list *candidates)
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
    put(out.text, out.len);
    strbuf_free(&out);
}

// Insert what all candidates share; if that is nothing new, show them.
static void complete(struct editor *editor)
{
    struct arena *arena = arena_create();
    struct string_list candidates = { 0 };
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
            show_candidates(editor, &candidates);
        if (candidates.nr == 1 && first[strlen(first) - 1] != '/')
            insert_text(editor, " ", 1);
    }
    arena_put(arena);
}

static void apply_key(struct editor *editor, int key)
{
    char byte = (char)key;

    switch (key) {
    case CTRL_A: case KEY_HOME:
        editor->cursor = 0;
        break;
    case CTRL_E: case KEY_END:
        editor->cursor = editor->line.len;
        break;
    case CTRL_B: case KEY_LEFT:
        editor->cursor = left_of(editor, editor->cursor);
        break;
    case CTRL_F: case KEY_RIGHT:
        editor->cursor = right_of(editor, editor->cursor);
        break;
    case KEY_WORD_LEFT:
        editor->cursor = word_left(editor);
        break;
    case KEY_WORD_RIGHT:
        editor->cursor = word_right(editor);
        break;
    case CTRL_H: case BACKSPACE:
        delete_range(editor, left_of(editor, editor->cursor), editor->cursor);
        break;
    case CTRL_D: case KEY_DELETE:
        delete_range(editor, editor->cursor, right_of(editor, editor->cursor));
        break;
    case CTRL_K:
        delete_range(editor, editor->cursor, editor->line.len);
        break;
    case CTRL_U:
        delete_range(editor, 0, editor->cursor);
        break;
    case CTRL_W:
        delete_range(editor, word_left(editor), editor->cursor);
        break;
    case CTRL_T:
        swap_characters(editor);
        break;
    case CTRL_L:
        put("\033[H\033[2J", 7);
        break;
    case CTRL_P: case KEY_UP:
        move_in_history(editor, true);
        break;
    case CTRL_N: case KEY_DOWN:
        move_in_history(editor, false);
        break;
    case TAB:
        complete(editor);
        break;
    default:
        if (key >= ' ' && key < 256)
            insert_text(editor, &byte, 1);
        break;
    }
}

static enum source_result edit_line(struct editor *editor)
{
    redraw(editor);
    for (;;) {
        int key = read_key();

        if (key == ENTER || key == '\n') {
            editor->cursor = editor->line.len;
            redraw(editor);
            put("\r\n", 2);
            return SOURCE_LINE;
        }
        if (key == CTRL_C) {
            put("^C\r\n", 4);
            return SOURCE_INTERRUPTED;
        }
        if (key == KEY_CLOSED || (key == CTRL_D && editor->line.len == 0))
            return SOURCE_END;
        apply_key(editor, key);
        // Half a character is not shown; nor is anything while more input waits (a paste).
        redraw(editor);
    }
}

enum source_result edit_read_line(struct strbuf *out, bool first)
{
    struct arena *arena = arena_create();
    struct editor editor = { .prompt = current_prompt(first, arena),
                             .columns = terminal_columns() };
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
        put(editor.prompt, (size_t)(newline - editor.prompt) + 1);
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
