// SPDX-License-Identifier: MIT
// The lexer: source text to tokens, words already taken apart.
#ifndef CAIRN_USER_SH_LEX_H
#define CAIRN_USER_SH_LEX_H

#include "user/lib/arena.h"
#include "user/lib/strbuf.h"
#include "user/sh/ast.h"
#include "user/sh/source.h"

enum token_kind {
    TOKEN_END, // of the source
    TOKEN_NEWLINE,
    TOKEN_WORD,
    TOKEN_IO_NUMBER,        // digits directly before < or >
    TOKEN_SEMICOLON,        // ;
    TOKEN_DOUBLE_SEMICOLON, // ;;
    TOKEN_AMPERSAND,
    TOKEN_AND, // &&
    TOKEN_PIPE,
    TOKEN_OR, // ||
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_LESS,
    TOKEN_GREATER,
    TOKEN_APPEND,     // >>
    TOKEN_CLOBBER,    // >|
    TOKEN_HERE,       // <<
    TOKEN_HERE_STRIP, // <<-
    TOKEN_READ_WRITE, // <>
    TOKEN_DUP_IN,     // <&
    TOKEN_DUP_OUT,    // >&
    TOKEN_ERROR,      // reported: lexer->failed is set
};

struct token {
    enum token_kind kind;
    size_t start; // in the lexer's text
    int line;
    struct word *word;
    char *bare; // the text of a word without any quoting or expansion, else NULL
    int number;
};

// A here-document that has been announced and whose body has yet to be read.
struct here_pending {
    struct here_pending *next;
    struct redirect *redirect;
    char *delimiter;
    bool quoted, strip_tabs;
};

struct lexer {
    struct source *source;
    const char *what; // names the source in messages
    struct strbuf text;
    size_t at;
    int line;
    int depth; // of nesting, bounded by NESTING_MAX
    struct arena *arena;
    struct token token;
    bool have_token;
    size_t previous_end; // where the token before the current one ended
    struct here_pending *pending;
    bool ended;       // the source had no more; stays so for this command, even at a prompt
    bool failed;      // an error was reported; parsing stops
    bool interrupted; // ^C at the prompt
};

void lexer_init(struct lexer *lexer, struct source *source, const char *what);
void lexer_destroy(struct lexer *lexer);

/** Begin a complete command: its tree goes to arena. Text already read is kept. */
void lexer_begin(struct lexer *lexer, struct arena *arena);

/** Forget everything unread, after an error at a prompt. */
void lexer_discard(struct lexer *lexer);

/** True if nothing is left of a source that is wholly in memory: no command follows. */
bool lexer_at_end(const struct lexer *lexer);

/** Look at the next token; take it. */
const struct token *lexer_peek(struct lexer *lexer);
struct token lexer_take(struct lexer *lexer);

/** Announce a here-document, to be read at the end of this line. */
void lexer_add_here(struct lexer *lexer, struct redirect *redirect, const struct token *delimiter,
                    bool strip_tabs);

/** Report a syntax error once, with the line. Always returns NULL. */
void *lexer_fail(struct lexer *lexer, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** Count one level of nesting. Returns false, reported, where there are too many. */
bool lexer_enter(struct lexer *lexer);
void lexer_leave(struct lexer *lexer);

/** Parse text as if between double quotes, without treating " itself specially: here-documents,
 *  arithmetic, prompts. Returns NULL, reported, on an error. */
struct word *lex_quoted_text(struct arena *arena, const char *text, const char *what, int line,
                             int depth);

/** What a token is called in a message. */
const char *token_name(const struct lexer *lexer, const struct token *token);

#endif
