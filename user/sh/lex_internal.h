// SPDX-License-Identifier: MIT
// Between lex.c (characters and tokens) and words.c (what is inside a word).
#ifndef CAIRN_USER_SH_LEX_INTERNAL_H
#define CAIRN_USER_SH_LEX_INTERNAL_H

#include "user/sh/lex.h"

enum { END_OF_TEXT = -1 };

/** The next character without, and with, moving behind it. */
int lex_peek_char(struct lexer *lexer);
int lex_next_char(struct lexer *lexer);

/** Take the next character if it is the wanted one. */
bool lex_accept_char(struct lexer *lexer, char wanted);

/** Skip pairs of backslash and newline. */
void lex_skip_continuations(struct lexer *lexer);

/** Read a word up to an unquoted blank or operator. NULL, reported, on an error. */
struct word *lex_word(struct lexer *lexer);

/** A word of one quoted literal. */
struct word *lex_literal_word(struct arena *arena, const char *text);

#endif
