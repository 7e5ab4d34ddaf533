// SPDX-License-Identifier: MIT
// The parser: tokens to the syntax tree.
#ifndef CAIRN_USER_SH_PARSE_H
#define CAIRN_USER_SH_PARSE_H

#include "user/sh/lex.h"

enum parse_result { PARSE_COMMAND, PARSE_END, PARSE_ERROR };

/** Read one complete command: a list up to the end of its line.
 *  @out: the tree, NULL for an empty line. Errors are reported. */
enum parse_result parse_complete_command(struct lexer *lexer, struct node **out);

/** Read the commands of $(…) up to and with the closing parenthesis. NULL is both an empty list and
 *  an error; lexer->failed tells. */
struct node *parse_substitution(struct lexer *lexer);

/** Read all of the text of `…`. As above. */
struct node *parse_whole_text(struct arena *arena, const char *text, const char *what, int line,
                              int depth, bool *failed);

/** True for a letter or _ followed by letters, digits and _. */
bool is_name(const char *text);

/** True for the reserved words, which `type` and `command -v` name. */
bool is_reserved(const char *text);

#endif
