// SPDX-License-Identifier: MIT
// What is inside a word: quotes, parameters, substitutions.
//
// One loop, read_parts, reads in five contexts. They differ in what ends them and in which characters
// are special:
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
#include "user/sh/lex_internal.h"
#include "user/sh/parse.h"

#include <ctype.h>
#include <string.h>

enum context { IN_WORD, IN_BRACES, IN_QUOTES, IN_QUOTED_BRACES, IN_TEXT };

// A word under construction: finished parts, and the literal that is being collected.
struct builder {
    struct lexer *lexer;
    struct word_part *first, **end;
    struct strbuf literal;
    bool literal_quoted, have_literal;
    unsigned nr_added; // grows with everything added: tells "" from "x"
};

static void read_parts(struct builder *b, enum context context);

static void builder_init(struct builder *b, struct lexer *lexer)
{
    *b = (struct builder){ .lexer = lexer };
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

static void begin_literal(struct builder *b, bool quoted)
{
    if (b->have_literal && b->literal_quoted != quoted)
        flush_literal(b);
    b->have_literal = true;
    b->literal_quoted = quoted;
    b->nr_added++;
}

static void add_char(struct builder *b, int c, bool quoted)
{
    begin_literal(b, quoted);
    strbuf_add_char(&b->literal, (char)c);
}

static struct word_part *add_part(struct builder *b, enum part_kind kind, bool quoted)
{
    flush_literal(b);
    return new_part(b, kind, quoted);
}

static struct word *builder_finish(struct builder *b)
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

// --- Parameters ---------------------------------------------------------------------------------

// A name, digits or one special character; NULL where there is none.
static char *read_parameter_name(struct lexer *lexer, bool many_digits)
{
    struct strbuf name = STRBUF_INIT;
    int c = lex_peek_char(lexer);
    char *copy = NULL;

    if (c != END_OF_TEXT && (isalpha(c) || c == '_')) {
        for (; c != END_OF_TEXT && (isalnum(c) || c == '_'); c = lex_peek_char(lexer))
            strbuf_add_char(&name, (char)lex_next_char(lexer));
    } else if (c != END_OF_TEXT && isdigit(c)) {
        do
            strbuf_add_char(&name, (char)lex_next_char(lexer));
        while (many_digits && (c = lex_peek_char(lexer)) != END_OF_TEXT && isdigit(c));
    } else if (c > 0 && strchr("@*#?-$!", c)) {
        strbuf_add_char(&name, (char)lex_next_char(lexer));
    }
    if (name.len)
        copy = arena_strdup(lexer->arena, name.text);
    strbuf_free(&name);
    return copy;
}

static enum parameter_op read_operator(struct lexer *lexer, bool *colon)
{
    *colon = lex_accept_char(lexer, ':');
    switch (lex_next_char(lexer)) {
    case '-':
        return PARAM_DEFAULT;
    case '=':
        return PARAM_ASSIGN;
    case '?':
        return PARAM_ERROR;
    case '+':
        return PARAM_ALTERNATIVE;
    case '%':
        if (!*colon)
            return lex_accept_char(lexer, '%') ? PARAM_CUT_SUFFIX_MAX : PARAM_CUT_SUFFIX;
        break;
    case '#':
        if (!*colon)
            return lex_accept_char(lexer, '#') ? PARAM_CUT_PREFIX_MAX : PARAM_CUT_PREFIX;
        break;
    }
    lexer_fail(lexer, lexer->line, "bad substitution");
    return PARAM_PLAIN;
}

// ${#x} is a length, ${#} and ${#-x} are about $#. Returns true for the length.
static bool read_length_name(struct lexer *lexer, struct word_part *part)
{
    size_t start = lexer->at;
    int line = lexer->line;

    if (!lex_accept_char(lexer, '#'))
        return false;
    part->text = read_parameter_name(lexer, true);
    if (part->text && lex_accept_char(lexer, '}'))
        return true;
    lexer->at = start;
    lexer->line = line;
    return false;
}

static void read_braces(struct builder *b, bool quoted)
{
    struct lexer *lexer = b->lexer;
    struct word_part *part = add_part(b, PART_PARAMETER, quoted);
    struct builder operand;
    bool is_pattern;
    int line = lexer->line;

    if (read_length_name(lexer, part)) {
        part->op = PARAM_LENGTH;
        return;
    }
    part->text = read_parameter_name(lexer, true);
    if (!part->text) {
        lexer_fail(lexer, line, lex_peek_char(lexer) == END_OF_TEXT ? "no closing }"
                                                                    : "bad substitution");
        return;
    }
    lex_skip_continuations(lexer);
    if (lex_accept_char(lexer, '}'))
        return;
    if (lex_peek_char(lexer) == END_OF_TEXT) {
        lexer_fail(lexer, line, "no closing }");
        return;
    }
    part->op = read_operator(lexer, &part->colon);
    if (lexer->failed || !lexer_enter(lexer))
        return;
    is_pattern = part->op >= PARAM_CUT_SUFFIX;
    builder_init(&operand, lexer);
    read_parts(&operand, quoted && !is_pattern ? IN_QUOTED_BRACES : IN_BRACES);
    part->operand = builder_finish(&operand);
    if (!lex_accept_char(lexer, '}'))
        lexer_fail(lexer, line, "no closing }");
    lexer_leave(lexer);
}

// --- Substitutions ------------------------------------------------------------------------------

static void read_command(struct builder *b, bool quoted)
{
    struct lexer *lexer = b->lexer;
    struct word_part *part = add_part(b, PART_COMMAND, quoted);
    // The parser works on this lexer, between two tokens of ours.
    struct here_pending *outer = lexer->pending, **end;
    size_t previous_end = lexer->previous_end;

    if (!lexer_enter(lexer))
        return;
    lexer->pending = NULL;
    part->command = parse_substitution(lexer);
    lexer->previous_end = previous_end;
    lexer->have_token = false;
    for (end = &outer; *end; end = &(*end)->next) {
    }
    *end = lexer->pending;
    lexer->pending = outer;
    lexer_leave(lexer);
}

// Collect the text of $((…)) behind the two parentheses. Returns false where it is none: the first
// unmatched ) must be followed by another.
static bool collect_arithmetic(struct lexer *lexer, struct strbuf *text)
{
    int depth = 0;

    for (;;) {
        int c = lex_next_char(lexer);

        if (c == END_OF_TEXT)
            return false;
        if (c == ')' && depth-- == 0)
            return lex_accept_char(lexer, ')');
        depth += c == '(';
        strbuf_add_char(text, (char)c);
    }
}

static void read_parenthesis(struct builder *b, bool quoted)
{
    struct lexer *lexer = b->lexer;
    struct strbuf text = STRBUF_INIT;
    size_t start = lexer->at;
    int line = lexer->line;

    if (lex_accept_char(lexer, '(') && collect_arithmetic(lexer, &text)) {
        struct word_part *part = add_part(b, PART_ARITHMETIC, quoted);

        part->operand = lex_quoted_text(lexer->arena, strbuf_text(&text), lexer->what, line,
                                        lexer->depth + 1);
        lexer->failed |= !part->operand;
    } else if (!lexer->failed) {
        lexer->at = start;
        lexer->line = line;
        read_command(b, quoted);
    }
    strbuf_free(&text);
}

// `…`: backslashes before $, ` and \ are taken off, then the text is a program of its own.
static void read_backquotes(struct builder *b, bool quoted, bool in_quotes)
{
    struct lexer *lexer = b->lexer;
    struct word_part *part = add_part(b, PART_COMMAND, quoted);
    struct strbuf text = STRBUF_INIT;
    int line = lexer->line, c;
    bool failed = false;

    while ((c = lex_next_char(lexer)) != '`') {
        if (c == '\\') {
            int next = lex_peek_char(lexer);

            if (next > 0 && (strchr("$`\\", next) || (in_quotes && next == '"')))
                c = lex_next_char(lexer);
        }
        if (c == END_OF_TEXT) {
            lexer_fail(lexer, line, "no closing `");
            break;
        }
        strbuf_add_char(&text, (char)c);
    }
    if (!lexer->failed) {
        part->command = parse_whole_text(lexer->arena, strbuf_text(&text), lexer->what, line,
                                         lexer->depth + 1, &failed);
        lexer->failed |= failed;
    }
    strbuf_free(&text);
}

static void read_dollar(struct builder *b, bool quoted)
{
    struct lexer *lexer = b->lexer;
    char *name;

    lex_skip_continuations(lexer);
    if (lex_accept_char(lexer, '{')) {
        read_braces(b, quoted);
    } else if (lex_accept_char(lexer, '(')) {
        read_parenthesis(b, quoted);
    } else {
        name = read_parameter_name(lexer, false);
        if (name)
            add_part(b, PART_PARAMETER, quoted)->text = name;
        else
            add_char(b, '$', quoted);
    }
}

// --- Quotes and tildes --------------------------------------------------------------------------

static void read_single_quotes(struct builder *b)
{
    int line = b->lexer->line, c;

    begin_literal(b, true);
    while ((c = lex_next_char(b->lexer)) != '\'') {
        if (c == END_OF_TEXT) {
            lexer_fail(b->lexer, line, "no closing '");
            return;
        }
        add_char(b, c, true);
    }
}

static void read_double_quotes(struct builder *b)
{
    unsigned nr_before = b->nr_added;
    int line = b->lexer->line;

    read_parts(b, IN_QUOTES);
    if (!lex_accept_char(b->lexer, '"'))
        lexer_fail(b->lexer, line, "no closing \"");
    if (b->nr_added == nr_before)
        begin_literal(b, true); // "" is an empty word, but "$@" without parameters is none
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
    } else if (c == END_OF_TEXT) {
        add_char(b, '\\', true);
    } else if (special[context] && !strchr(special[context], c)) {
        add_char(b, '\\', true);
    } else {
        add_char(b, lex_next_char(b->lexer), true);
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
        add_char(b, '~', false);
        return;
    }
    while ((c = lex_peek_char(lexer)) > 0 && (isalnum(c) || strchr("_.-", c)))
        strbuf_add_char(&name, (char)lex_next_char(lexer));
    if (c == '/' || (in_value && c == ':') || (context == IN_WORD && ends_word(c)) ||
        (context == IN_BRACES && c == '}')) {
        struct word_part *part = add_part(b, PART_TILDE, false);

        part->in_value = in_value;
        part->text = arena_strdup(lexer->arena, strbuf_text(&name));
    } else {
        add_char(b, '~', false);
        for (size_t i = 0; i < name.len; i++)
            add_char(b, name.text[i], false);
    }
    strbuf_free(&name);
}

static bool ends_context(enum context context, int c)
{
    switch (context) {
    case IN_WORD:
        return ends_word(c);
    case IN_QUOTES:
        return c == '"' || c == END_OF_TEXT;
    case IN_TEXT:
        return c == END_OF_TEXT;
    default:
        return c == '}' || c == END_OF_TEXT;
    }
}

// Read up to what ends the context, which is left for the caller.
static void read_parts(struct builder *b, enum context context)
{
    struct lexer *lexer = b->lexer;
    bool quoted = is_quoted_context(context);
    int c;

    while (!lexer->failed && !ends_context(context, c = lex_peek_char(lexer))) {
        lex_next_char(lexer);
        if (c == '\\')
            read_backslash(b, context);
        else if (c == '$')
            read_dollar(b, quoted);
        else if (c == '`')
            read_backquotes(b, quoted, context == IN_QUOTES);
        else if (c == '\'' && !quoted)
            read_single_quotes(b);
        else if (c == '"' && context != IN_TEXT)
            read_double_quotes(b);
        else if (c == '~' && !quoted)
            read_tilde(b, context);
        else
            add_char(b, c, quoted);
    }
}

struct word *lex_word(struct lexer *lexer)
{
    struct builder b;

    builder_init(&b, lexer);
    read_parts(&b, IN_WORD);
    return builder_finish(&b);
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
    builder_init(&b, &lexer);
    read_parts(&b, IN_TEXT);
    word = builder_finish(&b);
    lexer_destroy(&lexer);
    return word;
}
