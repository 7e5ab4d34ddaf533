// SPDX-License-Identifier: MIT
// Between words.c (contexts and quotes) and word_dollar.c (what begins with $ or `).
#ifndef CAIRN_USER_SH_WORD_INTERNAL_H
#define CAIRN_USER_SH_WORD_INTERNAL_H

#include "user/sh/lex_internal.h"

enum context { IN_WORD, IN_BRACES, IN_QUOTES, IN_QUOTED_BRACES, IN_TEXT };

// A word under construction: finished parts, and the literal that is being collected.
struct builder {
    struct lexer *lexer;
    struct word_part *first, **end;
    struct strbuf literal;
    bool literal_quoted, have_literal;
    unsigned nr_added; // grows with everything added: tells "" from "x"
};

void word_begin(struct builder *b, struct lexer *lexer);

/** The word, or NULL if the lexer has failed. */
struct word *word_finish(struct builder *b);

/** Make sure that a literal is there, be it empty. */
void word_begin_literal(struct builder *b, bool quoted);
void word_add_char(struct builder *b, int c, bool quoted);
struct word_part *word_add_part(struct builder *b, enum part_kind kind, bool quoted);

/** Read up to what ends the context, which is left for the caller. */
void word_read_parts(struct builder *b, enum context context);

/** Behind a $, and behind a `. */
void word_read_dollar(struct builder *b, bool quoted);
void word_read_backquotes(struct builder *b, bool quoted, bool in_quotes);

#endif
