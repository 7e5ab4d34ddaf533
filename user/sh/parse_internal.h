// SPDX-License-Identifier: MIT
// Between the parts of the parser: looking at tokens, and the rules that call each other.
#ifndef CAIRN_USER_SH_PARSE_INTERNAL_H
#define CAIRN_USER_SH_PARSE_INTERNAL_H

#include "user/sh/parse.h"

/** A node of the tree, with the line of the next token. */
struct node *parse_new_node(struct lexer *lexer, enum node_kind kind);

/** Report the next token as wrong; `wanted` says what should be there, or NULL. Returns NULL. */
void *parse_unexpected(struct lexer *lexer, const char *wanted);

/** Look at the next token; accept takes it if it is the one. */
bool parse_next_is(struct lexer *lexer, enum token_kind kind);
bool parse_accept(struct lexer *lexer, enum token_kind kind);

/** The same for reserved words. */
bool parse_next_is_word(struct lexer *lexer, const char *text);
bool parse_accept_word(struct lexer *lexer, const char *text);

/** Take a reserved word, or report what stands in its place. */
bool parse_expect_word(struct lexer *lexer, const char *text);

void parse_skip_newlines(struct lexer *lexer);

/** True if the next token cannot begin a command, and so ends a list. */
bool parse_ends_list(struct lexer *lexer);

/** A list over several lines, at least one command; `where` names the word before it. */
struct node *parse_body(struct lexer *lexer, const char *where);

/** NULL without lexer->failed where no compound command begins. */
struct node *parse_compound(struct lexer *lexer);

struct node *parse_simple(struct lexer *lexer);

/** Any number of redirections, appended at *end. */
bool parse_redirects(struct lexer *lexer, struct redirect **end);

#endif
