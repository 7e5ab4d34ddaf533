// SPDX-License-Identifier: MIT
// What begins with $ or ` in a word: parameters, substitutions, arithmetic.
//
// $( is followed by commands, which the parser reads from this very lexer up to the parenthesis. $((
// may be arithmetic or a subshell inside $(…): it is arithmetic if the parentheses balance so that
// two close it together, and otherwise the lexer goes back and takes the other reading.
#include "user/sh/parse.h"
#include "user/sh/word_internal.h"

#include <ctype.h>
#include <string.h>

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
    case '-': return PARAM_DEFAULT;
    case '=': return PARAM_ASSIGN;
    case '?': return PARAM_ERROR;
    case '+': return PARAM_ALTERNATIVE;
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
    struct word_part *part = word_add_part(b, PART_PARAMETER, quoted);
    struct builder operand;
    bool is_pattern;
    int line = lexer->line;

    if (read_length_name(lexer, part)) {
        part->op = PARAM_LENGTH;
        return;
    }
    part->text = read_parameter_name(lexer, true);
    if (!part->text) {
        lexer_fail(lexer, line,
                   lex_peek_char(lexer) == END_OF_TEXT ? "no closing }" : "bad substitution");
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
    word_begin(&operand, lexer);
    word_read_parts(&operand, quoted && !is_pattern ? IN_QUOTED_BRACES : IN_BRACES);
    part->operand = word_finish(&operand);
    if (!lex_accept_char(lexer, '}'))
        lexer_fail(lexer, line, "no closing }");
    lexer_leave(lexer);
}

// --- Substitutions ------------------------------------------------------------------------------

static void read_command(struct builder *b, bool quoted)
{
    struct lexer *lexer = b->lexer;
    struct word_part *part = word_add_part(b, PART_COMMAND, quoted);
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
        struct word_part *part = word_add_part(b, PART_ARITHMETIC, quoted);

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
void word_read_backquotes(struct builder *b, bool quoted, bool in_quotes)
{
    struct lexer *lexer = b->lexer;
    struct word_part *part = word_add_part(b, PART_COMMAND, quoted);
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

void word_read_dollar(struct builder *b, bool quoted)
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
            word_add_part(b, PART_PARAMETER, quoted)->text = name;
        else
            word_add_char(b, '$', quoted);
    }
}
