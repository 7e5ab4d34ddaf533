// SPDX-License-Identifier: MIT
// What is inside a word: quotes, parameters, substitutions.
//
// One loop, word_read_parts, reads in five contexts. They differ in what ends them and in which
// characters are special:
//
//   context           ends at          '    "        \ before             parts are
//   WORD              blank, operator  yes  yes      everything           unquoted
//   BRACES            }                yes  yes      everything           unquoted
//   QUOTES            "                no   (end)    $ ` " \ newline      quoted
//   QUOTED_BRACES     }                no   yes      $ ` " \ } newline    quoted
//   TEXT              end of text      no   no       $ ` \ newline        quoted
//
// BRACES is the word in ${x-word}; inside double quotes it is QUOTED_BRACES, but for a pattern, as in
// "${x%word}", quotes keep their meaning and it stays BRACES. TEXT is a here-document or arithmetic.
// $ and ` are special everywhere.
#include "user/sh/word_internal.h"

#include <ctype.h>
#include <string.h>

void word_begin(struct builder *b, struct lexer *lexer)
{
    *b = (struct builder){.lexer = lexer};
    b->end = &b->first;
}

static struct word_part *new_part(struct builder *b, enum part_kind kind, bool quoted)
{
    struct word_part *part = arena_alloc(b->lexer->arena, sizeof(*part));

    part->kind = kind;
    part->quoted = quoted;
    *b->end = part;
    b->end = &part->next;
    b->nr_added++;
    return part;
}

static void flush_literal(struct builder *b)
{
    if (!b->have_literal)
        return;
    b->have_literal = false;
    new_part(b, PART_LITERAL, b->literal_quoted)->text =
        arena_strndup(b->lexer->arena, strbuf_text(&b->literal), b->literal.len);
    strbuf_clear(&b->literal);
}

void word_begin_literal(struct builder *b, bool quoted)
{
    if (b->have_literal && b->literal_quoted != quoted)
        flush_literal(b);
    b->have_literal = true;
    b->literal_quoted = quoted;
    b->nr_added++;
}

void word_add_char(struct builder *b, int c, bool quoted)
{
    word_begin_literal(b, quoted);
    strbuf_add_char(&b->literal, (char)c);
}

struct word_part *word_add_part(struct builder *b, enum part_kind kind, bool quoted)
{
    flush_literal(b);
    return new_part(b, kind, quoted);
}

struct word *word_finish(struct builder *b)
{
    struct word *word = arena_alloc(b->lexer->arena, sizeof(*word));

    flush_literal(b);
    strbuf_free(&b->literal);
    word->parts = b->first;
    return b->lexer->failed ? NULL : word;
}

struct word *lex_literal_word(struct arena *arena, const char *text)
{
    struct word *word = arena_alloc(arena, sizeof(*word));

    word->parts = arena_alloc(arena, sizeof(*word->parts));
    word->parts->kind = PART_LITERAL;
    word->parts->quoted = true;
    word->parts->text = arena_strdup(arena, text);
    return word;
}

static bool is_quoted_context(enum context context)
{
    return context == IN_QUOTES || context == IN_QUOTED_BRACES || context == IN_TEXT;
}

static bool ends_word(int c)
{
    return c == END_OF_TEXT || strchr(" \t\n;&|<>()", c) != NULL;
}

// --- Quotes and tildes --------------------------------------------------------------------------

static void read_single_quotes(struct builder *b)
{
    int line = b->lexer->line, c;

    word_begin_literal(b, true);
    while ((c = lex_next_char(b->lexer)) != '\'') {
        if (c == END_OF_TEXT) {
            lexer_fail(b->lexer, line, "no closing '");
            return;
        }
        word_add_char(b, c, true);
    }
}

static void read_double_quotes(struct builder *b)
{
    unsigned nr_before = b->nr_added;
    int line = b->lexer->line;

    word_read_parts(b, IN_QUOTES);
    if (!lex_accept_char(b->lexer, '"'))
        lexer_fail(b->lexer, line, "no closing \"");
    if (b->nr_added == nr_before)
        word_begin_literal(b, true); // "" is an empty word, but "$@" without parameters is none
}

static void read_backslash(struct builder *b, enum context context)
{
    static const char *const special[] = {
        [IN_QUOTES] = "$`\"\\",
        [IN_QUOTED_BRACES] = "$`\"\\}",
        [IN_TEXT] = "$`\\",
    };
    int c = lex_peek_char(b->lexer);

    if (c == '\n') {
        lex_next_char(b->lexer);
    } else if (c == END_OF_TEXT || (special[context] && !strchr(special[context], c))) {
        word_add_char(b, '\\', true);
    } else {
        word_add_char(b, lex_next_char(b->lexer), true);
    }
}

// True if what was read so far is the beginning of "name=value", standing behind = or :.
static bool in_assignment_value(const struct builder *b)
{
    const char *text = b->first ? b->first->text : strbuf_text(&b->literal);
    const char *last = strbuf_text(&b->literal) + b->literal.len;
    size_t len = 0;

    if (!text || (b->first && (b->first->kind != PART_LITERAL || b->first->quoted)))
        return false;
    if (!b->have_literal || b->literal_quoted || !b->literal.len || !strchr("=:", last[-1]))
        return false;
    while (isalnum((unsigned char)text[len]) || text[len] == '_')
        len++;
    return len > 0 && !isdigit((unsigned char)text[0]) && text[len] == '=';
}

// A ~ that may begin a tilde prefix: it does if only a login name follows, up to a slash or the end.
static void read_tilde(struct builder *b, enum context context)
{
    struct lexer *lexer = b->lexer;
    bool in_value = context == IN_WORD && in_assignment_value(b);
    struct strbuf name = STRBUF_INIT;
    int c;

    if (b->nr_added > 0 && !in_value) {
        word_add_char(b, '~', false);
        return;
    }
    while ((c = lex_peek_char(lexer)) > 0 && (isalnum(c) || strchr("_.-", c)))
        strbuf_add_char(&name, (char)lex_next_char(lexer));
    if (c == '/' || (in_value && c == ':') || (context == IN_WORD && ends_word(c)) ||
        (context == IN_BRACES && c == '}')) {
        struct word_part *part = word_add_part(b, PART_TILDE, false);

        part->in_value = in_value;
        part->text = arena_strdup(lexer->arena, strbuf_text(&name));
    } else {
        word_add_char(b, '~', false);
        for (size_t i = 0; i < name.len; i++)
            word_add_char(b, name.text[i], false);
    }
    strbuf_free(&name);
}

static bool ends_context(enum context context, int c)
{
    switch (context) {
    case IN_WORD: return ends_word(c);
    case IN_QUOTES: return c == '"' || c == END_OF_TEXT;
    case IN_TEXT: return c == END_OF_TEXT;
    default: return c == '}' || c == END_OF_TEXT;
    }
}

// Read up to what ends the context, which is left for the caller.
void word_read_parts(struct builder *b, enum context context)
{
    struct lexer *lexer = b->lexer;
    bool quoted = is_quoted_context(context);
    int c;

    while (!lexer->failed && !ends_context(context, c = lex_peek_char(lexer))) {
        lex_next_char(lexer);
        if (c == '\\')
            read_backslash(b, context);
        else if (c == '$')
            word_read_dollar(b, quoted);
        else if (c == '`')
            word_read_backquotes(b, quoted, context == IN_QUOTES);
        else if (c == '\'' && !quoted)
            read_single_quotes(b);
        else if (c == '"' && context != IN_TEXT)
            read_double_quotes(b);
        else if (c == '~' && !quoted)
            read_tilde(b, context);
        else
            word_add_char(b, c, quoted);
    }
}

struct word *lex_word(struct lexer *lexer)
{
    struct builder b;

    word_begin(&b, lexer);
    word_read_parts(&b, IN_WORD);
    return word_finish(&b);
}

struct word *lex_quoted_text(struct arena *arena, const char *text, const char *what, int line,
                             int depth)
{
    struct source source = source_from_text(text);
    struct lexer lexer;
    struct builder b;
    struct word *word;

    lexer_init(&lexer, &source, what);
    lexer_begin(&lexer, arena);
    lexer.line = line;
    lexer.depth = depth;
    word_begin(&b, &lexer);
    word_read_parts(&b, IN_TEXT);
    word = word_finish(&b);
    lexer_destroy(&lexer);
    return word;
}
