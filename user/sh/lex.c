// SPDX-License-Identifier: MIT
// The lexer.
//
// It reads characters from `text`, which grows by lines of the source as they are needed; `at` is
// the place in it. The text of a command is kept until the command is complete, so that a place can
// be returned to ($((, which may be arithmetic or two parentheses) and a job can be shown as it was
// typed.
//
// Words are taken apart here and nowhere again: words.c turns quotes into flags, and $(…) straight
// into a tree by calling the parser on this very lexer, which is the only right way to find the
// closing parenthesis. What this file does is split the text at blanks and operators, and collect
// here-documents, whose bodies follow the line that announces them.
#include "user/sh/lex.h"

#include "user/sh/lex_internal.h"
#include "user/sh/shell.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void lexer_init(struct lexer *lexer, struct source *source, const char *what)
{
    *lexer = (struct lexer){.source = source, .what = what, .line = 1};
}

void lexer_destroy(struct lexer *lexer)
{
    strbuf_free(&lexer->text);
}

void lexer_begin(struct lexer *lexer, struct arena *arena)
{
    lexer->arena = arena;
    lexer->pending = NULL;
    lexer->have_token = false;
    lexer->ended = false;
    lexer->depth = 0;
    if (lexer->at == lexer->text.len) {
        strbuf_clear(&lexer->text);
        lexer->at = 0;
    }
}

void lexer_discard(struct lexer *lexer)
{
    strbuf_clear(&lexer->text);
    lexer->at = 0;
    lexer->have_token = false;
    lexer->failed = lexer->interrupted = false;
}

bool lexer_at_end(const struct lexer *lexer)
{
    const char *rest = strbuf_text(&lexer->text) + lexer->at;

    return lexer->source->ended && !lexer->have_token && rest[strspn(rest, " \t\n")] == '\0';
}

void *lexer_fail(struct lexer *lexer, int line, const char *fmt, ...)
{
    char message[200];
    va_list args;

    if (lexer->failed)
        return NULL;
    lexer->failed = true;
    if (lexer->interrupted)
        return NULL;
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    if (lexer->source->kind == SOURCE_PROMPT)
        fprintf(stderr, "%s: syntax error: %s\n", lexer->what, message);
    else
        fprintf(stderr, "%s: line %d: syntax error: %s\n", lexer->what, line, message);
    return NULL;
}

bool lexer_enter(struct lexer *lexer)
{
    if (lexer->depth >= NESTING_MAX) {
        lexer_fail(lexer, lexer->line, "nested more than %d levels deep", NESTING_MAX);
        return false;
    }
    lexer->depth++;
    return true;
}

void lexer_leave(struct lexer *lexer)
{
    lexer->depth--;
}

int lex_peek_char(struct lexer *lexer)
{
    while (lexer->at == lexer->text.len) {
        if (lexer->ended)
            return END_OF_TEXT;
        switch (source_read(lexer->source, &lexer->text, lexer->text.len == 0)) {
        case SOURCE_LINE: break;
        case SOURCE_INTERRUPTED: lexer->interrupted = lexer->failed = lexer->ended = true; break;
        case SOURCE_END: lexer->ended = true; break;
        }
    }
    return (unsigned char)lexer->text.text[lexer->at];
}

int lex_next_char(struct lexer *lexer)
{
    int c = lex_peek_char(lexer);

    if (c != END_OF_TEXT)
        lexer->at++;
    if (c == '\n')
        lexer->line++;
    return c;
}

bool lex_accept_char(struct lexer *lexer, char wanted)
{
    if (lex_peek_char(lexer) != (unsigned char)wanted)
        return false;
    lex_next_char(lexer);
    return true;
}

void lex_skip_continuations(struct lexer *lexer)
{
    // A backslash at the very end of the text must stay one, so look before taking both.
    while (lex_peek_char(lexer) == '\\' && lexer->at + 1 < lexer->text.len &&
           lexer->text.text[lexer->at + 1] == '\n') {
        lex_next_char(lexer);
        lex_next_char(lexer);
    }
}

static void skip_blanks(struct lexer *lexer)
{
    for (;;) {
        int c;

        lex_skip_continuations(lexer);
        c = lex_peek_char(lexer);
        if (c == '#') {
            while (c != '\n' && c != END_OF_TEXT) {
                lexer->at++;
                c = lex_peek_char(lexer);
            }
        }
        if (c != ' ' && c != '\t')
            return;
        lex_next_char(lexer);
    }
}

// One line of a here-document, without its newline. Returns false at the end of the source.
static bool read_here_line(struct lexer *lexer, struct strbuf *line, bool join)
{
    int c = lex_peek_char(lexer);

    strbuf_clear(line);
    if (c == END_OF_TEXT)
        return false;
    while ((c = lex_next_char(lexer)) != END_OF_TEXT && c != '\n') {
        strbuf_add_char(line, (char)c);
        // Unless the delimiter is quoted, an escaped newline joins lines.
        if (join && c == '\\') {
            c = lex_next_char(lexer);
            if (c == '\n')
                line->text[--line->len] = '\0';
            else if (c != END_OF_TEXT)
                strbuf_add_char(line, (char)c);
        }
    }
    return true;
}

static void read_here_document(struct lexer *lexer, struct here_pending *pending)
{
    struct strbuf body = STRBUF_INIT, line = STRBUF_INIT;
    int start = lexer->line;
    bool ended = false;

    while (!ended && read_here_line(lexer, &line, !pending->quoted)) {
        const char *text = strbuf_text(&line);

        while (pending->strip_tabs && *text == '\t')
            text++;
        ended = strcmp(text, pending->delimiter) == 0;
        if (!ended) {
            strbuf_add_text(&body, text);
            strbuf_add_char(&body, '\n');
        }
    }
    if (!ended && !lexer->interrupted)
        fprintf(stderr, "%s: line %d: warning: here-document not ended by \"%s\"\n", lexer->what,
                start, pending->delimiter);
    if (pending->quoted)
        pending->redirect->target = lex_literal_word(lexer->arena, strbuf_text(&body));
    else
        pending->redirect->target = lex_quoted_text(lexer->arena, strbuf_text(&body), lexer->what,
                                                    start, lexer->depth);
    if (!pending->redirect->target)
        lexer->failed = true;
    strbuf_free(&body);
    strbuf_free(&line);
}

static void read_pending(struct lexer *lexer)
{
    struct here_pending *pending = lexer->pending;

    lexer->pending = NULL;
    for (; pending && !lexer->failed; pending = pending->next)
        read_here_document(lexer, pending);
}

void lexer_add_here(struct lexer *lexer, struct redirect *redirect, const struct token *delimiter,
                    bool strip_tabs)
{
    struct here_pending *pending = arena_alloc(lexer->arena, sizeof(*pending)), **end;
    struct strbuf text = STRBUF_INIT;

    for (struct word_part *part = delimiter->word->parts; part; part = part->next) {
        pending->quoted |= part->quoted;
        // The delimiter is taken literally, "$x" included.
        if (part->kind == PART_PARAMETER)
            strbuf_add_char(&text, '$');
        else if (part->kind == PART_TILDE)
            strbuf_add_char(&text, '~');
        if (part->text)
            strbuf_add_text(&text, part->text);
    }
    pending->delimiter = arena_strdup(lexer->arena, strbuf_text(&text));
    strbuf_free(&text);
    pending->redirect = redirect;
    pending->strip_tabs = strip_tabs;
    redirect->target = lex_literal_word(lexer->arena, "");
    for (end = &lexer->pending; *end; end = &(*end)->next) {
    }
    *end = pending;
}

static const struct {
    const char *text;
    enum token_kind kind;
} operators[] = {
    // Longer ones first.
    {"<<-", TOKEN_HERE_STRIP}, {"&&", TOKEN_AND},
    {"||", TOKEN_OR},          {";;", TOKEN_DOUBLE_SEMICOLON},
    {"<<", TOKEN_HERE},        {">>", TOKEN_APPEND},
    {"<&", TOKEN_DUP_IN},      {">&", TOKEN_DUP_OUT},
    {"<>", TOKEN_READ_WRITE},  {">|", TOKEN_CLOBBER},
    {"&", TOKEN_AMPERSAND},    {"|", TOKEN_PIPE},
    {";", TOKEN_SEMICOLON},    {"(", TOKEN_OPEN},
    {")", TOKEN_CLOSE},        {"<", TOKEN_LESS},
    {">", TOKEN_GREATER},
};

enum { NR_OPERATORS = sizeof(operators) / sizeof(operators[0]) };

// An operator lies within one line, and lines are read whole, so the text holds all of it.
static bool read_operator(struct lexer *lexer, struct token *token)
{
    for (int i = 0; i < NR_OPERATORS; i++) {
        size_t len = strlen(operators[i].text);

        if (strncmp(lexer->text.text + lexer->at, operators[i].text, len) == 0) {
            lexer->at += len;
            token->kind = operators[i].kind;
            return true;
        }
    }
    return false;
}

// The text of a word of one unquoted literal: what may be a reserved word or a name.
static char *bare_text(const struct word *word)
{
    const struct word_part *part = word->parts;

    return part && !part->next && part->kind == PART_LITERAL && !part->quoted ? part->text : NULL;
}

static void read_word(struct lexer *lexer, struct token *token)
{
    int next;

    token->word = lex_word(lexer);
    if (!token->word) {
        token->kind = TOKEN_ERROR;
        return;
    }
    token->kind = TOKEN_WORD;
    token->bare = bare_text(token->word);
    next = lexer->at < lexer->text.len ? lexer->text.text[lexer->at] : 0;
    if ((next == '<' || next == '>') && token->bare &&
        token->bare[strspn(token->bare, "0123456789")] == '\0') {
        token->kind = TOKEN_IO_NUMBER;
        // Too many digits are a number too big, which redirection refuses.
        token->number = strlen(token->bare) > 6 ? FD_USER_MAX + 1 : 0;
        for (const char *digit = token->bare; *digit && token->number <= FD_USER_MAX; digit++)
            token->number = token->number * 10 + (*digit - '0');
    }
}

static void read_token(struct lexer *lexer, struct token *token)
{
    int c;

    skip_blanks(lexer);
    *token = (struct token){.start = lexer->at, .line = lexer->line};
    c = lex_peek_char(lexer);
    token->start = lexer->at;
    if (lexer->failed) {
        token->kind = TOKEN_ERROR;
    } else if (c == END_OF_TEXT) {
        read_pending(lexer);
        token->kind = TOKEN_END;
    } else if (c == '\n') {
        lex_next_char(lexer);
        read_pending(lexer);
        token->kind = lexer->failed ? TOKEN_ERROR : TOKEN_NEWLINE;
    } else if (!read_operator(lexer, token)) {
        read_word(lexer, token);
    }
}

const struct token *lexer_peek(struct lexer *lexer)
{
    if (!lexer->have_token) {
        lexer->previous_end = lexer->at;
        // Local: reading a word with $(…) in it peeks and takes tokens of its own.
        struct token token;

        read_token(lexer, &token);
        lexer->token = token;
        lexer->have_token = true;
    }
    return &lexer->token;
}

struct token lexer_take(struct lexer *lexer)
{
    struct token token = *lexer_peek(lexer);

    lexer->have_token = false;
    return token;
}

const char *token_name(const struct lexer *lexer, const struct token *token)
{
    static char name[64];
    size_t len;

    if (token->kind == TOKEN_END)
        return "end of file";
    if (token->kind == TOKEN_NEWLINE)
        return "newline";
    len = lexer->at - token->start;
    if (len > sizeof(name) - 3)
        len = sizeof(name) - 3;
    snprintf(name, sizeof(name), "\"%.*s\"", (int)len, lexer->text.text + token->start);
    return name;
}
