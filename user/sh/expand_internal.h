// SPDX-License-Identifier: MIT
// Between expand.c (words and substitutions) and parameter.c (what follows a $).
#ifndef CAIRN_USER_SH_EXPAND_INTERNAL_H
#define CAIRN_USER_SH_EXPAND_INTERNAL_H

#include "user/sh/ast.h"
#include "user/sh/field.h"

struct expansion {
    struct arena *arena;
    struct marked out;
    bool fields;     // the result will be split, so "$@" makes several
    bool in_operand; // inside ${x-word}: unquoted literals split like the result they are
    bool in_value;   // an assignment: tildes behind = and : count
};

/** Expand all parts of a word at the end of out. Returns 0 or -1. */
int expand_parts(struct expansion *expansion, const struct word *word);

/** Expand a parameter. Returns 0 or -1. */
int expand_parameter(struct expansion *expansion, const struct word_part *part);

/** Add the result of an expansion. */
void expansion_add_result(struct expansion *expansion, const char *text, bool quoted);

#endif
