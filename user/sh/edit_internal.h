// SPDX-License-Identifier: MIT
// Between the parts of line editing.
#ifndef CAIRN_USER_SH_EDIT_INTERNAL_H
#define CAIRN_USER_SH_EDIT_INTERNAL_H

#include "user/sh/edit.h"
#include "user/sh/list.h"

enum key {
    CTRL_A = 1,
    CTRL_B = 2,
    CTRL_C = 3,
    CTRL_D = 4,
    CTRL_E = 5,
    CTRL_F = 6,
    CTRL_H = 8,
    TAB = 9,
    CTRL_K = 11,
    CTRL_L = 12,
    ENTER = 13,
    CTRL_N = 14,
    CTRL_P = 16,
    CTRL_T = 20,
    CTRL_U = 21,
    CTRL_W = 23,
    ESCAPE = 27,
    BACKSPACE = 127,
    KEY_UP = 256,
    KEY_DOWN,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_HOME,
    KEY_END,
    KEY_DELETE,
    KEY_WORD_LEFT,
    KEY_WORD_RIGHT,
    KEY_NONE,
    KEY_CLOSED,
};

struct editor {
    const char *prompt;
    struct strbuf line;
    size_t cursor;
    size_t back;         // how far up in the history; 0 is the line being typed
    struct strbuf typed; // that line, while the history is shown
    size_t columns;
};

/** Wait for a key: a byte, or one of KEY_…. */
int edit_read_key(void);

/** True for the second and later bytes of a UTF-8 character. */
bool edit_is_continuation(char c);

size_t edit_columns(void);
void edit_put(const char *text, size_t len);

/** Draw the prompt's last line and the text, and place the cursor. */
void edit_redraw(const struct editor *editor);

/** Show one more character at the end of the line, without drawing the rest again.
 *  Returns false where that does not do. */
bool edit_append(const struct editor *editor, char c);

/** List candidates below the line, in columns. */
void edit_show_candidates(const struct editor *editor, const struct string_list *candidates);

#endif
