// SPDX-License-Identifier: MIT
// The parser: simple commands, function definitions and redirections. The grammar is in parse.c.
#include "user/sh/parse_internal.h"

#include "user/sh/shell.h"

#include <string.h>

// --- Redirections -------------------------------------------------------------------------------

static bool is_redirect(const struct token *token)
{
    return token->kind == TOKEN_IO_NUMBER ||
           (token->kind >= TOKEN_LESS && token->kind <= TOKEN_DUP_OUT);
}

static struct redirect *parse_redirect(struct lexer *lexer)
{
    static const enum redirect_kind kinds[] = {
        [TOKEN_LESS] = REDIRECT_IN,
        [TOKEN_GREATER] = REDIRECT_OUT,
        [TOKEN_APPEND] = REDIRECT_APPEND,
        [TOKEN_CLOBBER] = REDIRECT_OUT,
        [TOKEN_HERE] = REDIRECT_HERE,
        [TOKEN_HERE_STRIP] = REDIRECT_HERE,
        [TOKEN_READ_WRITE] = REDIRECT_READ_WRITE,
        [TOKEN_DUP_IN] = REDIRECT_DUP,
        [TOKEN_DUP_OUT] = REDIRECT_DUP,
    };
    struct redirect *redirect = arena_alloc(lexer->arena, sizeof(*redirect));
    struct token op, target;

    redirect->fd = -1;
    if (parse_next_is(lexer, TOKEN_IO_NUMBER))
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
    if (!parse_next_is(lexer, TOKEN_WORD) && !parse_next_is(lexer, TOKEN_IO_NUMBER))
        return parse_unexpected(lexer, "the target of a redirection");
    target = lexer_take(lexer);
    if (redirect->kind == REDIRECT_HERE)
        lexer_add_here(lexer, redirect, &target, op.kind == TOKEN_HERE_STRIP);
    else
        redirect->target = target.word;
    return redirect;
}

// Any number of redirections, appended at *end.
bool parse_redirects(struct lexer *lexer, struct redirect **end)
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

static struct node *parse_function(struct lexer *lexer, const struct token *name)
{
    struct node *node = parse_new_node(lexer, NODE_FUNCTION);

    lexer_take(lexer); // (
    if (!parse_accept(lexer, TOKEN_CLOSE))
        return parse_unexpected(lexer, "\")\"");
    if (!name->bare || !is_name(name->bare))
        return lexer_fail(lexer, name->line, "not a name for a function");
    node->name = name->bare;
    parse_skip_newlines(lexer);
    node->body = parse_compound(lexer);
    if (!node->body)
        return lexer->failed ? NULL : parse_unexpected(lexer, "the body of a function");
    return node;
}

struct node *parse_simple(struct lexer *lexer)
{
    struct node *node = parse_new_node(lexer, NODE_SIMPLE);
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
                parse_next_is(lexer, TOKEN_OPEN))
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
        return parse_unexpected(lexer, NULL);
    return node;
}
