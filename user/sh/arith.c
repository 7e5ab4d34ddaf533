// SPDX-License-Identifier: MIT
// Arithmetic: C's integer operators on 64 bits, wrapping.
//
//   expression = NAME assign_op expression | conditional ;
//   conditional = binary [ "?" expression ":" conditional ] ;
//   binary      = unary { binary_op unary }, by precedence ;
//   unary       = ( "+" | "-" | "!" | "~" ) unary | "(" expression ")" | NUMBER | NAME ;
//
// Binary operators are parsed by precedence climbing over one table. What && || ?: do not evaluate
// is still parsed, with `skipping` > 0: then nothing is assigned and dividing by zero is no error.
#include "user/sh/arith.h"

#include "user/lib/tool.h"
#include "user/sh/shell.h"
#include "user/sh/var.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct evaluator {
    const char *text, *at;
    int skipping, depth;
    bool failed;
};

enum operator_kind {
    OP_OR,
    OP_AND,
    OP_BIT_OR,
    OP_BIT_XOR,
    OP_BIT_AND,
    OP_EQUAL,
    OP_NOT_EQUAL,
    OP_LESS_EQUAL,
    OP_GREATER_EQUAL,
    OP_LESS,
    OP_GREATER,
    OP_LEFT,
    OP_RIGHT,
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_REMAINDER,
};

static const struct operator
{
    const char *text;
    int precedence;
    bool assigns; // there is a form with =
    enum operator_kind kind;
}
operators[] = {
    // Longer ones first.
    {"||", 1, false, OP_OR},         {"&&", 2, false, OP_AND},
    {"==", 6, false, OP_EQUAL},      {"!=", 6, false, OP_NOT_EQUAL},
    {"<<", 8, true, OP_LEFT},        {">>", 8, true, OP_RIGHT},
    {"<=", 7, false, OP_LESS_EQUAL}, {">=", 7, false, OP_GREATER_EQUAL},
    {"|", 3, true, OP_BIT_OR},       {"^", 4, true, OP_BIT_XOR},
    {"&", 5, true, OP_BIT_AND},      {"<", 7, false, OP_LESS},
    {">", 7, false, OP_GREATER},     {"+", 9, true, OP_ADD},
    {"-", 9, true, OP_SUBTRACT},     {"*", 10, true, OP_MULTIPLY},
    {"/", 10, true, OP_DIVIDE},      {"%", 10, true, OP_REMAINDER},
};

enum { NR_OPERATORS = sizeof(operators) / sizeof(operators[0]), NAME_LEN_MAX = 128 };

static int64_t expression(struct evaluator *e);

static int64_t fail(struct evaluator *e, const char *why)
{
    if (!e->failed)
        shell_fatal(STATUS_SYNTAX, "arithmetic: %s: %s", e->text, why);
    e->failed = true;
    return 0;
}

static void skip_blanks(struct evaluator *e)
{
    e->at += strspn(e->at, " \t\n");
}

static bool accept(struct evaluator *e, char wanted)
{
    skip_blanks(e);
    if (*e->at != wanted)
        return false;
    e->at++;
    return true;
}

// The operator at this place, unless an = makes it an assignment.
static const struct operator* peek_operator(struct evaluator *e)
{
    skip_blanks(e);
    for (int i = 0; i < NR_OPERATORS; i++) {
        size_t len = strlen(operators[i].text);

        if (strncmp(e->at, operators[i].text, len) == 0)
            return operators[i].assigns && e->at[len] == '=' ? NULL : &operators[i];
    }
    return NULL;
}

static int64_t divide(struct evaluator *e, int64_t a, int64_t b, bool remainder)
{
    if (b == 0)
        return e->skipping ? 0 : fail(e, "division by zero");
    if (b == -1) // INT64_MIN / -1 traps on some machines; it wraps here
        return remainder ? 0 : (int64_t) - (uint64_t)a;
    return remainder ? a % b : a / b;
}

static int64_t apply(struct evaluator *e, enum operator_kind kind, int64_t a, int64_t b)
{
    switch (kind) {
    case OP_OR: return a || b;
    case OP_AND: return a && b;
    case OP_BIT_OR: return a | b;
    case OP_BIT_XOR: return a ^ b;
    case OP_BIT_AND: return a & b;
    case OP_EQUAL: return a == b;
    case OP_NOT_EQUAL: return a != b;
    case OP_LESS_EQUAL: return a <= b;
    case OP_GREATER_EQUAL: return a >= b;
    case OP_LESS: return a < b;
    case OP_GREATER: return a > b;
    case OP_LEFT: return (int64_t)((uint64_t)a << (b & 63));
    case OP_RIGHT: return a >> (b & 63);
    case OP_ADD: return (int64_t)((uint64_t)a + (uint64_t)b);
    case OP_SUBTRACT: return (int64_t)((uint64_t)a - (uint64_t)b);
    case OP_MULTIPLY: return (int64_t)((uint64_t)a * (uint64_t)b);
    case OP_DIVIDE: return divide(e, a, b, false);
    case OP_REMAINDER: return divide(e, a, b, true);
    }
    return 0;
}

static size_t name_length(const char *at)
{
    size_t len = 0;

    if (!isalpha((unsigned char)*at) && *at != '_')
        return 0;
    while (isalnum((unsigned char)at[len]) || at[len] == '_')
        len++;
    return len;
}

static bool read_name(struct evaluator *e, char name[NAME_LEN_MAX])
{
    size_t len = name_length(e->at);

    if (len == 0 || len >= NAME_LEN_MAX) {
        if (len)
            fail(e, "a name is too long");
        return false;
    }
    memcpy(name, e->at, len);
    name[len] = '\0';
    e->at += len;
    return true;
}

// A constant: decimal, 0octal or 0xhexadecimal. Too big ones become the biggest.
static int64_t constant(struct evaluator *e)
{
    char *end;
    int64_t value = strtoimax(e->at, &end, 0);

    if (isalnum((unsigned char)*end) || *end == '_')
        return fail(e, "not a number");
    e->at = end;
    return value;
}

// A variable's value is an expression of its own; unset or empty is 0.
static int64_t variable(struct evaluator *e, const char *name)
{
    const char *value = var_get(name);
    struct evaluator inner = {.depth = e->depth + 1, .skipping = e->skipping};
    char *copy;
    int64_t result;

    if (!value && shell.unset_is_error && !e->skipping) {
        e->failed = true;
        return shell_fatal(STATUS_SYNTAX, "%s: parameter not set", name);
    }
    if (!value || !*value)
        return 0;
    if (inner.depth > NESTING_MAX)
        return fail(e, "nested too deeply");
    copy = xstrdup(value); // evaluating it may assign to it
    inner.text = inner.at = copy;
    result = expression(&inner);
    skip_blanks(&inner);
    if (!inner.failed && *inner.at)
        fail(&inner, "not a number");
    e->failed |= inner.failed;
    free(copy);
    return result;
}

static int64_t unary(struct evaluator *e)
{
    char name[NAME_LEN_MAX];
    int64_t value;

    if (++e->depth > NESTING_MAX)
        return fail(e, "nested too deeply");
    skip_blanks(e);
    if (e->failed) {
        value = 0;
    } else if (accept(e, '+')) {
        value = unary(e);
    } else if (accept(e, '-')) {
        value = (int64_t) - (uint64_t)unary(e);
    } else if (accept(e, '!')) {
        value = !unary(e);
    } else if (accept(e, '~')) {
        value = ~unary(e);
    } else if (accept(e, '(')) {
        value = expression(e);
        if (!e->failed && !accept(e, ')'))
            fail(e, "no closing )");
    } else if (isdigit((unsigned char)*e->at)) {
        value = constant(e);
    } else if (read_name(e, name)) {
        value = variable(e, name);
    } else {
        value = fail(e, *e->at ? "unexpected character" : "an operand is missing");
    }
    e->depth--;
    return value;
}

static int64_t binary(struct evaluator *e, int min_precedence)
{
    int64_t left = unary(e);

    for (;;) {
        const struct operator* op = e->failed ? NULL : peek_operator(e);
        bool skip;
        int64_t right;

        if (!op || op->precedence < min_precedence)
            return left;
        e->at += strlen(op->text);
        skip = (op->kind == OP_AND && !left) || (op->kind == OP_OR && left);
        e->skipping += skip;
        right = binary(e, op->precedence + 1);
        e->skipping -= skip;
        if (!e->failed)
            left = apply(e, op->kind, left, right);
    }
}

static int64_t conditional(struct evaluator *e)
{
    int64_t condition = binary(e, 1), first, second;

    if (e->failed || !accept(e, '?'))
        return condition;
    e->skipping += !condition;
    first = expression(e);
    e->skipping -= !condition;
    if (!e->failed && !accept(e, ':'))
        return fail(e, "no : for a ?");
    e->skipping += !!condition;
    second = conditional(e);
    e->skipping -= !!condition;
    return condition ? first : second;
}

// The operator of "name op= …" at this place. Returns the length with the =, 0 where it is none.
static size_t assignment_length(const char *at, const struct operator** op)
{
    *op = NULL;
    if (at[0] == '=' && at[1] != '=')
        return 1;
    for (int i = 0; i < NR_OPERATORS; i++) {
        size_t len = strlen(operators[i].text);

        if (operators[i].assigns && strncmp(at, operators[i].text, len) == 0 && at[len] == '=') {
            *op = &operators[i];
            return len + 1;
        }
    }
    return 0;
}

static int64_t expression(struct evaluator *e)
{
    const struct operator* op;
    const char *start, *behind;
    char name[NAME_LEN_MAX];
    size_t len;
    int64_t value, old = 0;

    if (++e->depth > NESTING_MAX)
        return fail(e, "nested too deeply");
    skip_blanks(e);
    start = e->at;
    behind = start + name_length(start);
    behind += strspn(behind, " \t\n");
    len = behind > start && name_length(start) ? assignment_length(behind, &op) : 0;
    if (len && read_name(e, name)) {
        e->at = behind + len;
        if (op)
            old = variable(e, name);
        value = expression(e);
        if (!e->failed && op)
            value = apply(e, op->kind, old, value);
        if (!e->failed && !e->skipping && var_set_number(name, value) != 0)
            e->failed = true;
    } else {
        value = conditional(e);
    }
    e->depth--;
    return value;
}

int arith_evaluate(const char *text, int64_t *out)
{
    struct evaluator e = {.text = text, .at = text};
    int64_t value = 0;

    skip_blanks(&e);
    if (*e.at)
        value = expression(&e);
    skip_blanks(&e);
    if (!e.failed && *e.at)
        fail(&e, "unexpected text at the end");
    if (e.failed)
        return -1;
    *out = value;
    return 0;
}
