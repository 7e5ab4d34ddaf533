// SPDX-License-Identifier: MIT
// The parser: compound commands. The grammar is in parse.c.
#include "user/sh/parse_internal.h"

static struct node *parse_group(struct lexer *lexer)
{
    bool subshell = parse_next_is(lexer, TOKEN_OPEN);
    struct node *node = parse_new_node(lexer, subshell ? NODE_SUBSHELL : NODE_GROUP);

    lexer_take(lexer);
    node->body = parse_body(lexer, subshell ? "(" : "{");
    if (!node->body)
        return NULL;
    if (!subshell)
        return parse_expect_word(lexer, "}") ? node : NULL;
    return parse_accept(lexer, TOKEN_CLOSE) ? node : parse_unexpected(lexer, "\")\"");
}

// Behind "if" or "elif": an elif is an if in the else branch.
static struct node *parse_if(struct lexer *lexer)
{
    struct node *node = parse_new_node(lexer, NODE_IF);

    if (!lexer_enter(lexer))
        return NULL;
    lexer_take(lexer);
    node->condition = parse_body(lexer, "if");
    if (!node->condition || !parse_expect_word(lexer, "then"))
        return NULL;
    node->body = parse_body(lexer, "then");
    if (!node->body)
        return NULL;
    if (parse_next_is_word(lexer, "elif")) {
        node->otherwise = parse_if(lexer);
        lexer_leave(lexer);
        return node->otherwise ? node : NULL;
    }
    if (parse_accept_word(lexer, "else")) {
        node->otherwise = parse_body(lexer, "else");
        if (!node->otherwise)
            return NULL;
    }
    lexer_leave(lexer);
    return parse_expect_word(lexer, "fi") ? node : NULL;
}

static struct node *parse_do_group(struct lexer *lexer)
{
    struct node *body;

    if (!parse_expect_word(lexer, "do"))
        return NULL;
    body = parse_body(lexer, "do");
    return body && parse_expect_word(lexer, "done") ? body : NULL;
}

static struct node *parse_loop(struct lexer *lexer)
{
    struct node *node = parse_new_node(lexer, NODE_LOOP);

    node->until = parse_next_is_word(lexer, "until");
    lexer_take(lexer);
    node->condition = parse_body(lexer, node->until ? "until" : "while");
    if (!node->condition)
        return NULL;
    node->body = parse_do_group(lexer);
    return node->body ? node : NULL;
}

static struct node *parse_for(struct lexer *lexer)
{
    struct node *node = parse_new_node(lexer, NODE_FOR);
    struct word **end = &node->words;
    struct token name;

    lexer_take(lexer);
    if (!parse_next_is(lexer, TOKEN_WORD))
        return parse_unexpected(lexer, "the name of a variable");
    name = lexer_take(lexer);
    if (!name.bare || !is_name(name.bare))
        return lexer_fail(lexer, name.line, "not a name for a loop's variable");
    node->name = name.bare;
    parse_skip_newlines(lexer);
    if (parse_accept_word(lexer, "in")) {
        node->has_words = true;
        while (parse_next_is(lexer, TOKEN_WORD)) {
            *end = lexer_take(lexer).word;
            end = &(*end)->next;
        }
        if (!parse_accept(lexer, TOKEN_SEMICOLON) && !parse_accept(lexer, TOKEN_NEWLINE))
            return parse_unexpected(lexer, NULL);
    } else {
        parse_accept(lexer, TOKEN_SEMICOLON);
    }
    parse_skip_newlines(lexer);
    node->body = parse_do_group(lexer);
    return node->body ? node : NULL;
}

static struct case_arm *parse_arm(struct lexer *lexer)
{
    struct case_arm *arm = arena_alloc(lexer->arena, sizeof(*arm));
    struct word **end = &arm->patterns;

    parse_accept(lexer, TOKEN_OPEN);
    do {
        if (!parse_next_is(lexer, TOKEN_WORD))
            return parse_unexpected(lexer, "a pattern");
        *end = lexer_take(lexer).word;
        end = &(*end)->next;
    } while (parse_accept(lexer, TOKEN_PIPE));
    if (!parse_accept(lexer, TOKEN_CLOSE))
        return parse_unexpected(lexer, "\")\"");
    parse_skip_newlines(lexer);
    if (!parse_next_is(lexer, TOKEN_DOUBLE_SEMICOLON) && !parse_next_is_word(lexer, "esac")) {
        arm->body = parse_body(lexer, "case");
        if (!arm->body)
            return NULL;
    }
    if (!parse_accept(lexer, TOKEN_DOUBLE_SEMICOLON) && !parse_next_is_word(lexer, "esac"))
        return parse_unexpected(lexer, "\";;\" or \"esac\"");
    parse_skip_newlines(lexer);
    return arm;
}

static struct node *parse_case(struct lexer *lexer)
{
    struct node *node = parse_new_node(lexer, NODE_CASE);
    struct case_arm **end = &node->arms;

    lexer_take(lexer);
    if (!parse_next_is(lexer, TOKEN_WORD))
        return parse_unexpected(lexer, "the word to compare");
    node->words = lexer_take(lexer).word;
    parse_skip_newlines(lexer);
    if (!parse_expect_word(lexer, "in"))
        return NULL;
    parse_skip_newlines(lexer);
    while (!parse_accept_word(lexer, "esac")) {
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
    if (parse_next_is(lexer, TOKEN_OPEN) || parse_next_is_word(lexer, "{"))
        return parse_group(lexer);
    if (parse_next_is_word(lexer, "if"))
        return parse_if(lexer);
    if (parse_next_is_word(lexer, "while") || parse_next_is_word(lexer, "until"))
        return parse_loop(lexer);
    if (parse_next_is_word(lexer, "for"))
        return parse_for(lexer);
    if (parse_next_is_word(lexer, "case"))
        return parse_case(lexer);
    return NULL;
}

struct node *parse_compound(struct lexer *lexer)
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
