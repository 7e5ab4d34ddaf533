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
#include "user/sh/parse.h"

#include "user/sh/shell.h"

#include <ctype.h>
#include <string.h>

static struct node *parse_body(struct lexer *lexer, const char *where);

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
static const char *const closers[] = { "then", "else", "elif", "fi", "do", "done", "esac", "}" };
static const char *const openers[] = { "if", "while", "until", "for", "case", "in", "{", "!" };

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

bool is_reserved(const char *text)
{
    return is_listed(text, closers, LENGTH(closers)) || is_listed(text, openers, LENGTH(openers));
}

static struct node *new_node(struct lexer *lexer, enum node_kind kind)
{
    struct node *node = arena_alloc(lexer->arena, sizeof(*node));

    node->kind = kind;
    node->line = lexer_peek(lexer)->line;
    return node;
}

static void *unexpected(struct lexer *lexer, const char *wanted)
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

static bool next_is(struct lexer *lexer, enum token_kind kind)
{
    return lexer_peek(lexer)->kind == kind;
}

static bool accept(struct lexer *lexer, enum token_kind kind)
{
    if (!next_is(lexer, kind))
        return false;
    lexer_take(lexer);
    return true;
}

static bool next_is_word(struct lexer *lexer, const char *text)
{
    const struct token *token = lexer_peek(lexer);

    return token->kind == TOKEN_WORD && token->bare && strcmp(token->bare, text) == 0;
}

static bool accept_word(struct lexer *lexer, const char *text)
{
    if (!next_is_word(lexer, text))
        return false;
    lexer_take(lexer);
    return true;
}

static bool expect_word(struct lexer *lexer, const char *text)
{
    char wanted[16] = "\"";

    if (accept_word(lexer, text))
        return true;
    strcat(strcat(wanted, text), "\"");
    unexpected(lexer, wanted);
    return false;
}

static void skip_newlines(struct lexer *lexer)
{
    while (accept(lexer, TOKEN_NEWLINE)) {
    }
}

// --- Redirections -------------------------------------------------------------------------------

static bool is_redirect(const struct token *token)
{
    return token->kind == TOKEN_IO_NUMBER ||
           (token->kind >= TOKEN_LESS && token->kind <= TOKEN_DUP_OUT);
}

static struct redirect *parse_redirect(struct lexer *lexer)
{
    static const enum redirect_kind kinds[] = {
        [TOKEN_LESS] = REDIRECT_IN,          [TOKEN_GREATER] = REDIRECT_OUT,
        [TOKEN_APPEND] = REDIRECT_APPEND,    [TOKEN_CLOBBER] = REDIRECT_OUT,
        [TOKEN_HERE] = REDIRECT_HERE,        [TOKEN_HERE_STRIP] = REDIRECT_HERE,
        [TOKEN_READ_WRITE] = REDIRECT_READ_WRITE, [TOKEN_DUP_IN] = REDIRECT_DUP,
        [TOKEN_DUP_OUT] = REDIRECT_DUP,
    };
    struct redirect *redirect = arena_alloc(lexer->arena, sizeof(*redirect));
    struct token op, target;

    redirect->fd = -1;
    if (next_is(lexer, TOKEN_IO_NUMBER))
        redirect->fd = lexer_take(lexer).number;
    op = lexer_take(lexer);
    redirect->kind = kinds[op.kind];
    redirect->no_clobber = op.kind == TOKEN_GREATER;
    if (redirect->fd < 0)
        redirect->fd = op.kind == TOKEN_LESS || op.kind == TOKEN_HERE ||
                               op.kind == TOKEN_HERE_STRIP || op.kind == TOKEN_READ_WRITE ||
                               op.kind == TOKEN_DUP_IN
                           ? 0
                           : 1;
    if (!next_is(lexer, TOKEN_WORD) && !next_is(lexer, TOKEN_IO_NUMBER))
        return unexpected(lexer, "the target of a redirection");
    target = lexer_take(lexer);
    if (redirect->kind == REDIRECT_HERE)
        lexer_add_here(lexer, redirect, &target, op.kind == TOKEN_HERE_STRIP);
    else
        redirect->target = target.word;
    return redirect;
}

// Any number of redirections, appended at *end.
static bool parse_redirects(struct lexer *lexer, struct redirect **end)
{
    while (is_redirect(lexer_peek(lexer))) {
        *end = parse_redirect(lexer);
        if (!*end)
            return false;
        end = &(*end)->next;
    }
    return true;
}

// --- Simple commands and functions --------------------------------------------------------------

// name=value, by its first part being an unquoted literal that begins so.
static struct assignment *as_assignment(struct lexer *lexer, const struct token *token)
{
    struct word_part *first = token->word->parts, *rest;
    struct assignment *assignment;
    char *equals, *name;

    if (!first || first->kind != PART_LITERAL || first->quoted)
        return NULL;
    equals = strchr(first->text, '=');
    if (!equals)
        return NULL;
    name = arena_strndup(lexer->arena, first->text, (size_t)(equals - first->text));
    if (!is_name(name))
        return NULL;
    rest = arena_alloc(lexer->arena, sizeof(*rest));
    *rest = *first;
    rest->text = equals + 1;
    assignment = arena_alloc(lexer->arena, sizeof(*assignment));
    assignment->name = name;
    assignment->value = arena_alloc(lexer->arena, sizeof(*assignment->value));
    assignment->value->parts = *rest->text ? rest : rest->next;
    return assignment;
}

static struct node *parse_compound(struct lexer *lexer);

static struct node *parse_function(struct lexer *lexer, const struct token *name)
{
    struct node *node = new_node(lexer, NODE_FUNCTION);

    lexer_take(lexer); // (
    if (!accept(lexer, TOKEN_CLOSE))
        return unexpected(lexer, "\")\"");
    if (!name->bare || !is_name(name->bare))
        return lexer_fail(lexer, name->line, "not a name for a function");
    node->name = name->bare;
    skip_newlines(lexer);
    node->body = parse_compound(lexer);
    if (!node->body)
        return lexer->failed ? NULL : unexpected(lexer, "the body of a function");
    return node;
}

static struct node *parse_simple(struct lexer *lexer)
{
    struct node *node = new_node(lexer, NODE_SIMPLE);
    struct assignment **assignment_end = &node->assignments;
    struct redirect **redirect_end = &node->redirects;
    struct word **word_end = &node->words;

    for (;;) {
        const struct token *token = lexer_peek(lexer);

        if (is_redirect(token)) {
            *redirect_end = parse_redirect(lexer);
            if (!*redirect_end)
                return NULL;
            redirect_end = &(*redirect_end)->next;
        } else if (token->kind == TOKEN_WORD) {
            struct token word = lexer_take(lexer);
            struct assignment *assignment = node->words ? NULL : as_assignment(lexer, &word);

            if (assignment) {
                *assignment_end = assignment;
                assignment_end = &assignment->next;
                continue;
            }
            if (!node->words && !node->redirects && !node->assignments &&
                next_is(lexer, TOKEN_OPEN))
                return parse_function(lexer, &word);
            *word_end = word.word;
            word_end = &word.word->next;
        } else {
            break;
        }
    }
    if (lexer->failed)
        return NULL;
    if (!node->words && !node->redirects && !node->assignments)
        return unexpected(lexer, NULL);
    return node;
}

// --- Compound commands --------------------------------------------------------------------------

static struct node *parse_group(struct lexer *lexer)
{
    bool subshell = next_is(lexer, TOKEN_OPEN);
    struct node *node = new_node(lexer, subshell ? NODE_SUBSHELL : NODE_GROUP);

    lexer_take(lexer);
    node->body = parse_body(lexer, subshell ? "(" : "{");
    if (!node->body)
        return NULL;
    if (!subshell)
        return expect_word(lexer, "}") ? node : NULL;
    return accept(lexer, TOKEN_CLOSE) ? node : unexpected(lexer, "\")\"");
}

// Behind "if" or "elif": an elif is an if in the else branch.
static struct node *parse_if(struct lexer *lexer)
{
    struct node *node = new_node(lexer, NODE_IF);

    if (!lexer_enter(lexer))
        return NULL;
    lexer_take(lexer);
    node->condition = parse_body(lexer, "if");
    if (!node->condition || !expect_word(lexer, "then"))
        return NULL;
    node->body = parse_body(lexer, "then");
    if (!node->body)
        return NULL;
    if (next_is_word(lexer, "elif")) {
        node->otherwise = parse_if(lexer);
        lexer_leave(lexer);
        return node->otherwise ? node : NULL;
    }
    if (accept_word(lexer, "else")) {
        node->otherwise = parse_body(lexer, "else");
        if (!node->otherwise)
            return NULL;
    }
    lexer_leave(lexer);
    return expect_word(lexer, "fi") ? node : NULL;
}

static struct node *parse_do_group(struct lexer *lexer)
{
    struct node *body;

    if (!expect_word(lexer, "do"))
        return NULL;
    body = parse_body(lexer, "do");
    return body && expect_word(lexer, "done") ? body : NULL;
}

static struct node *parse_loop(struct lexer *lexer)
{
    struct node *node = new_node(lexer, NODE_LOOP);

    node->until = next_is_word(lexer, "until");
    lexer_take(lexer);
    node->condition = parse_body(lexer, node->until ? "until" : "while");
    if (!node->condition)
        return NULL;
    node->body = parse_do_group(lexer);
    return node->body ? node : NULL;
}

static struct node *parse_for(struct lexer *lexer)
{
    struct node *node = new_node(lexer, NODE_FOR);
    struct word **end = &node->words;
    struct token name;

    lexer_take(lexer);
    if (!next_is(lexer, TOKEN_WORD))
        return unexpected(lexer, "the name of a variable");
    name = lexer_take(lexer);
    if (!name.bare || !is_name(name.bare))
        return lexer_fail(lexer, name.line, "not a name for a loop's variable");
    node->name = name.bare;
    skip_newlines(lexer);
    if (accept_word(lexer, "in")) {
        node->has_words = true;
        while (next_is(lexer, TOKEN_WORD)) {
            *end = lexer_take(lexer).word;
            end = &(*end)->next;
        }
        if (!accept(lexer, TOKEN_SEMICOLON) && !accept(lexer, TOKEN_NEWLINE))
            return unexpected(lexer, NULL);
    } else {
        accept(lexer, TOKEN_SEMICOLON);
    }
    skip_newlines(lexer);
    node->body = parse_do_group(lexer);
    return node->body ? node : NULL;
}

static struct case_arm *parse_arm(struct lexer *lexer)
{
    struct case_arm *arm = arena_alloc(lexer->arena, sizeof(*arm));
    struct word **end = &arm->patterns;

    accept(lexer, TOKEN_OPEN);
    do {
        if (!next_is(lexer, TOKEN_WORD))
            return unexpected(lexer, "a pattern");
        *end = lexer_take(lexer).word;
        end = &(*end)->next;
    } while (accept(lexer, TOKEN_PIPE));
    if (!accept(lexer, TOKEN_CLOSE))
        return unexpected(lexer, "\")\"");
    skip_newlines(lexer);
    if (!next_is(lexer, TOKEN_DOUBLE_SEMICOLON) && !next_is_word(lexer, "esac")) {
        arm->body = parse_body(lexer, "case");
        if (!arm->body)
            return NULL;
    }
    if (!accept(lexer, TOKEN_DOUBLE_SEMICOLON) && !next_is_word(lexer, "esac"))
        return unexpected(lexer, "\";;\" or \"esac\"");
    skip_newlines(lexer);
    return arm;
}

static struct node *parse_case(struct lexer *lexer)
{
    struct node *node = new_node(lexer, NODE_CASE);
    struct case_arm **end = &node->arms;

    lexer_take(lexer);
    if (!next_is(lexer, TOKEN_WORD))
        return unexpected(lexer, "the word to compare");
    node->words = lexer_take(lexer).word;
    skip_newlines(lexer);
    if (!expect_word(lexer, "in"))
        return NULL;
    skip_newlines(lexer);
    while (!accept_word(lexer, "esac")) {
        *end = parse_arm(lexer);
        if (!*end)
            return NULL;
        end = &(*end)->next;
    }
    return node;
}

// NULL without failure where the next token begins none.
static struct node *parse_bare_compound(struct lexer *lexer)
{
    if (next_is(lexer, TOKEN_OPEN) || next_is_word(lexer, "{"))
        return parse_group(lexer);
    if (next_is_word(lexer, "if"))
        return parse_if(lexer);
    if (next_is_word(lexer, "while") || next_is_word(lexer, "until"))
        return parse_loop(lexer);
    if (next_is_word(lexer, "for"))
        return parse_for(lexer);
    if (next_is_word(lexer, "case"))
        return parse_case(lexer);
    return NULL;
}

static struct node *parse_compound(struct lexer *lexer)
{
    struct node *node;

    if (!lexer_enter(lexer))
        return NULL;
    node = parse_bare_compound(lexer);
    lexer_leave(lexer);
    if (node && !parse_redirects(lexer, &node->redirects))
        return NULL;
    return node;
}

// --- Pipelines and lists ------------------------------------------------------------------------

static struct node *parse_command(struct lexer *lexer)
{
    const struct token *token = lexer_peek(lexer);
    struct node *node;

    if (token->kind == TOKEN_WORD && token->bare &&
        (is_listed(token->bare, closers, LENGTH(closers)) || strcmp(token->bare, "!") == 0))
        return unexpected(lexer, NULL);
    node = parse_compound(lexer);
    return node || lexer->failed ? node : parse_simple(lexer);
}

static struct node *parse_pipeline(struct lexer *lexer)
{
    struct node *node = new_node(lexer, NODE_PIPELINE), **end = &node->members;

    while (accept_word(lexer, "!"))
        node->negated = !node->negated;
    do {
        if (node->members)
            skip_newlines(lexer);
        *end = parse_command(lexer);
        if (!*end)
            return NULL;
        end = &(*end)->next;
    } while (accept(lexer, TOKEN_PIPE));
    return node->negated || node->members->next ? node : node->members;
}

static struct node *parse_and_or(struct lexer *lexer)
{
    struct node *node = new_node(lexer, NODE_AND_OR), **end = &node->members;
    enum connector connector = CONNECT_NONE;

    for (;;) {
        *end = parse_pipeline(lexer);
        if (!*end)
            return NULL;
        (*end)->connector = connector;
        end = &(*end)->next;
        if (accept(lexer, TOKEN_AND))
            connector = CONNECT_AND;
        else if (accept(lexer, TOKEN_OR))
            connector = CONNECT_OR;
        else
            break;
        skip_newlines(lexer);
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

static bool ends_list(struct lexer *lexer)
{
    const struct token *token = lexer_peek(lexer);

    switch (token->kind) {
    case TOKEN_END:
    case TOKEN_NEWLINE:
    case TOKEN_CLOSE:
    case TOKEN_DOUBLE_SEMICOLON:
    case TOKEN_ERROR:
        return true;
    case TOKEN_WORD:
        return token->bare && is_listed(token->bare, closers, LENGTH(closers));
    default:
        return false;
    }
}

// One or more and-or lists.
// @across_lines: newlines separate as semicolons do.
static struct node *parse_list(struct lexer *lexer, bool across_lines)
{
    struct node *list = new_node(lexer, NODE_LIST), **end = &list->members;

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
        if (accept(lexer, TOKEN_AMPERSAND))
            member->background = true;
        else if (!accept(lexer, TOKEN_SEMICOLON) && !(across_lines && next_is(lexer, TOKEN_NEWLINE)))
            break;
        if (across_lines)
            skip_newlines(lexer);
    } while (!ends_list(lexer));
    return lexer->failed ? NULL : list;
}

static struct node *parse_body(struct lexer *lexer, const char *where)
{
    skip_newlines(lexer);
    if (ends_list(lexer)) {
        char wanted[32] = "a command after \"";

        return unexpected(lexer, strcat(strcat(wanted, where), "\""));
    }
    return parse_list(lexer, true);
}

enum parse_result parse_complete_command(struct lexer *lexer, struct node **out)
{
    *out = NULL;
    if (accept(lexer, TOKEN_NEWLINE))
        return PARSE_COMMAND;
    if (!lexer->failed && next_is(lexer, TOKEN_END))
        return PARSE_END;
    if (!lexer->failed)
        *out = parse_list(lexer, false);
    // Behind the newline nothing may be looked at: at a prompt it has not been typed.
    if (*out && !accept(lexer, TOKEN_NEWLINE) && !accept(lexer, TOKEN_END))
        *out = unexpected(lexer, NULL);
    return *out ? PARSE_COMMAND : PARSE_ERROR;
}

struct node *parse_substitution(struct lexer *lexer)
{
    struct node *list = NULL;

    skip_newlines(lexer);
    if (!ends_list(lexer))
        list = parse_list(lexer, true);
    if (!lexer->failed && !accept(lexer, TOKEN_CLOSE))
        return unexpected(lexer, "\")\"");
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
    skip_newlines(&lexer);
    if (!ends_list(&lexer))
        list = parse_list(&lexer, true);
    if (!lexer.failed && !next_is(&lexer, TOKEN_END))
        unexpected(&lexer, NULL);
    *failed = lexer.failed;
    lexer_destroy(&lexer);
    return *failed ? NULL : list;
}
