// SPDX-License-Identifier: MIT
// The parser: recursive descent, one function for each rule.
//
//   complete_command = [ list ] ( NEWLINE | end ) ;
//   list             = and_or { ( ";" | "&" ) and_or } [ ";" | "&" ] ;
//   and_or           = pipeline { ( "&&" | "||" ) newlines pipeline } ;
//   pipeline         = [ "!" ] command { "|" newlines command } ;
//   command          = simple | compound { redirect } | function ;
//   compound         = "{" body "}" | "(" body ")" | if | loop | for | case ;
//   if               = "if" body "then" body { "elif" body "then" body } [ "else" body ] "fi" ;
//   loop             = ( "while" | "until" ) body "do" body "done" ;
//   for              = "for" NAME newlines [ "in" { WORD } separator ] "do" body "done" ;
//   case             = "case" WORD newlines "in" newlines { arm } "esac" ;
//   arm              = [ "(" ] WORD { "|" WORD } ")" [ body ] [ ";;" ] newlines ;
//   function         = NAME "(" ")" newlines compound { redirect } ;
//   simple           = { ASSIGNMENT | redirect } { WORD | redirect } ;
//   redirect         = [ NUMBER ] ( "<" | ">" | ">|" | ">>" | "<>" | "<&" | ">&" | "<<" | "<<-" ) WORD ;
//   body             = newlines and_or { ( ";" | "&" | NEWLINE ) newlines and_or } [ separator ] ;
//
// Reserved words are words like others, and are recognised only where a command may begin. So a
// body ends at the first reserved word that cannot begin a command, and its caller says which one it
// expects. On an error every function returns NULL, with lexer->failed set and the message printed.
//
// Here are the rules down to pipeline; parse_compound.c and parse_simple.c have the others.
#include "user/sh/parse.h"

#include "user/sh/parse_internal.h"

#include <ctype.h>
#include <string.h>

bool is_name(const char *text)
{
    if (!isalpha((unsigned char)*text) && *text != '_')
        return false;
    while (isalnum((unsigned char)*text) || *text == '_')
        text++;
    return *text == '\0';
}

static bool is_listed(const char *text, const char *const *list, size_t nr)
{
    for (size_t i = 0; i < nr; i++)
        if (strcmp(text, list[i]) == 0)
            return true;
    return false;
}

// Reserved words that end a body.
static const char *const closers[] = {"then", "else", "elif", "fi", "do", "done", "esac", "}"};
static const char *const openers[] = {"if", "while", "until", "for", "case", "in", "{", "!"};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

bool is_reserved(const char *text)
{
    return is_listed(text, closers, LENGTH(closers)) || is_listed(text, openers, LENGTH(openers));
}

struct node *parse_new_node(struct lexer *lexer, enum node_kind kind)
{
    struct node *node = arena_alloc(lexer->arena, sizeof(*node));

    node->kind = kind;
    node->line = lexer_peek(lexer)->line;
    return node;
}

void *parse_unexpected(struct lexer *lexer, const char *wanted)
{
    const struct token *token = lexer_peek(lexer);

    if (token->kind == TOKEN_ERROR || lexer->failed) {
        lexer->failed = true;
        return NULL;
    }
    if (wanted)
        return lexer_fail(lexer, token->line, "unexpected %s where %s should be",
                          token_name(lexer, token), wanted);
    return lexer_fail(lexer, token->line, "unexpected %s", token_name(lexer, token));
}

bool parse_next_is(struct lexer *lexer, enum token_kind kind)
{
    return lexer_peek(lexer)->kind == kind;
}

bool parse_accept(struct lexer *lexer, enum token_kind kind)
{
    if (!parse_next_is(lexer, kind))
        return false;
    lexer_take(lexer);
    return true;
}

bool parse_next_is_word(struct lexer *lexer, const char *text)
{
    const struct token *token = lexer_peek(lexer);

    return token->kind == TOKEN_WORD && token->bare && strcmp(token->bare, text) == 0;
}

bool parse_accept_word(struct lexer *lexer, const char *text)
{
    if (!parse_next_is_word(lexer, text))
        return false;
    lexer_take(lexer);
    return true;
}

bool parse_expect_word(struct lexer *lexer, const char *text)
{
    char wanted[16] = "\"";

    if (parse_accept_word(lexer, text))
        return true;
    strcat(strcat(wanted, text), "\"");
    parse_unexpected(lexer, wanted);
    return false;
}

void parse_skip_newlines(struct lexer *lexer)
{
    while (parse_accept(lexer, TOKEN_NEWLINE)) {
    }
}
// --- Pipelines and lists ------------------------------------------------------------------------

static struct node *parse_command(struct lexer *lexer)
{
    const struct token *token = lexer_peek(lexer);
    struct node *node;

    if (token->kind == TOKEN_WORD && token->bare &&
        (is_listed(token->bare, closers, LENGTH(closers)) || strcmp(token->bare, "!") == 0))
        return parse_unexpected(lexer, NULL);
    node = parse_compound(lexer);
    return node || lexer->failed ? node : parse_simple(lexer);
}

static struct node *parse_pipeline(struct lexer *lexer)
{
    struct node *node = parse_new_node(lexer, NODE_PIPELINE), **end = &node->members;

    while (parse_accept_word(lexer, "!"))
        node->negated = !node->negated;
    do {
        if (node->members)
            parse_skip_newlines(lexer);
        *end = parse_command(lexer);
        if (!*end)
            return NULL;
        end = &(*end)->next;
    } while (parse_accept(lexer, TOKEN_PIPE));
    return node->negated || node->members->next ? node : node->members;
}

static struct node *parse_and_or(struct lexer *lexer)
{
    struct node *node = parse_new_node(lexer, NODE_AND_OR), **end = &node->members;
    enum connector connector = CONNECT_NONE;

    for (;;) {
        *end = parse_pipeline(lexer);
        if (!*end)
            return NULL;
        (*end)->connector = connector;
        end = &(*end)->next;
        if (parse_accept(lexer, TOKEN_AND))
            connector = CONNECT_AND;
        else if (parse_accept(lexer, TOKEN_OR))
            connector = CONNECT_OR;
        else
            break;
        parse_skip_newlines(lexer);
    }
    return node->members->next ? node : node->members;
}

// The first line of what stood between two places, without blanks at its end.
static char *source_text(struct lexer *lexer, size_t start, size_t end)
{
    const char *text = lexer->text.text + start;
    size_t len = 0;

    while (start + len < end && text[len] != '\n')
        len++;
    while (len > 0 && strchr(" \t", text[len - 1]))
        len--;
    return arena_strndup(lexer->arena, text, len);
}

bool parse_ends_list(struct lexer *lexer)
{
    const struct token *token = lexer_peek(lexer);

    switch (token->kind) {
    case TOKEN_END:
    case TOKEN_NEWLINE:
    case TOKEN_CLOSE:
    case TOKEN_DOUBLE_SEMICOLON:
    case TOKEN_ERROR: return true;
    case TOKEN_WORD: return token->bare && is_listed(token->bare, closers, LENGTH(closers));
    default: return false;
    }
}

// One or more and-or lists.
// @across_lines: newlines separate as semicolons do.
static struct node *parse_list(struct lexer *lexer, bool across_lines)
{
    struct node *list = parse_new_node(lexer, NODE_LIST), **end = &list->members;

    do {
        size_t start = lexer_peek(lexer)->start;
        struct node *member = parse_and_or(lexer);

        if (!member)
            return NULL;
        lexer_peek(lexer);
        if (lexer->failed)
            return NULL;
        member->text = source_text(lexer, start, lexer->previous_end);
        *end = member;
        end = &member->next;
        if (parse_accept(lexer, TOKEN_AMPERSAND))
            member->background = true;
        else if (!parse_accept(lexer, TOKEN_SEMICOLON) &&
                 !(across_lines && parse_next_is(lexer, TOKEN_NEWLINE)))
            break;
        if (across_lines)
            parse_skip_newlines(lexer);
    } while (!parse_ends_list(lexer));
    return lexer->failed ? NULL : list;
}

struct node *parse_body(struct lexer *lexer, const char *where)
{
    parse_skip_newlines(lexer);
    if (parse_ends_list(lexer)) {
        char wanted[32] = "a command after \"";

        return parse_unexpected(lexer, strcat(strcat(wanted, where), "\""));
    }
    return parse_list(lexer, true);
}

enum parse_result parse_complete_command(struct lexer *lexer, struct node **out)
{
    *out = NULL;
    if (parse_accept(lexer, TOKEN_NEWLINE))
        return PARSE_COMMAND;
    if (!lexer->failed && parse_next_is(lexer, TOKEN_END))
        return PARSE_END;
    if (!lexer->failed)
        *out = parse_list(lexer, false);
    // Behind the newline nothing may be looked at: at a prompt it has not been typed.
    if (*out && !parse_accept(lexer, TOKEN_NEWLINE) && !parse_accept(lexer, TOKEN_END))
        *out = parse_unexpected(lexer, NULL);
    return *out ? PARSE_COMMAND : PARSE_ERROR;
}

struct node *parse_substitution(struct lexer *lexer)
{
    struct node *list = NULL;

    parse_skip_newlines(lexer);
    if (!parse_ends_list(lexer))
        list = parse_list(lexer, true);
    if (!lexer->failed && !parse_accept(lexer, TOKEN_CLOSE))
        return parse_unexpected(lexer, "\")\"");
    return lexer->failed ? NULL : list;
}

struct node *parse_whole_text(struct arena *arena, const char *text, const char *what, int line,
                              int depth, bool *failed)
{
    struct source source = source_from_text(text);
    struct lexer lexer;
    struct node *list = NULL;

    lexer_init(&lexer, &source, what);
    lexer_begin(&lexer, arena);
    lexer.line = line;
    lexer.depth = depth;
    parse_skip_newlines(&lexer);
    if (!parse_ends_list(&lexer))
        list = parse_list(&lexer, true);
    if (!lexer.failed && !parse_next_is(&lexer, TOKEN_END))
        parse_unexpected(&lexer, NULL);
    *failed = lexer.failed;
    lexer_destroy(&lexer);
    return *failed ? NULL : list;
}
