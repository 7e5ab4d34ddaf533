// SPDX-License-Identifier: MIT
// A program that draws on the whole terminal, and leaves it as it was.
#ifndef CAIRN_USER_LIB_FULL_SCREEN_H
#define CAIRN_USER_LIB_FULL_SCREEN_H

#include "user/lib/strbuf.h"

/** Take the terminal that standard output is: another screen, no cursor, and keys at once, where
 *  standard input is one, too. It is given back at exit, and when a signal ends or stops the
 *  program. */
void full_screen_enter(void);

/** Give it back. Does nothing when it has not been taken. */
void full_screen_leave(void);

/** How large it is; 80 by 24 where nobody knows. */
void full_screen_size(int *columns, int *rows);

/** Show a text of lines, the upper left of it as far as there is room. */
void full_screen_draw(const char *text);

/** Wait for a key, at most so long. Returns it, 0: none came, or the window has another size; -1:
 *  none will come any more. */
int full_screen_key(int timeout_ms);

#endif
