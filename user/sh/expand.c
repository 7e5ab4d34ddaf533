// SPDX-License-Identifier: MIT
// Expansion.
//
// A word is expanded part by part into marked text (field.h), and that is turned into what the place
// wants: fields (arguments), one string (a value), or a pattern. Errors have been reported when -1
// comes back, and shell.unwind says how far to go; nothing needs freeing but the marked text, since
// strings are in the arena.
#include "user/sh/expand.h"

#include "user/lib/names.h"
#include "user/sh/arith.h"
#include "user/sh/exec.h"
#include "user/sh/expand_internal.h"
#include "user/sh/lex.h"
#include "user/sh/shell.h"
#include "user/sh/var.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void expansion_add_result(struct expansion *expansion, const char *text, bool quoted)
{
    if (quoted && !*text)
        marked_add_char(&expansion->out, ' ', MARK_EXISTS);
    else
        marked_add_text(&expansion->out, text, quoted ? MARK_QUOTED : MARK_SPLIT);
}

static void expand_literal(struct expansion *expansion, const struct word_part *part)
{
    if (part->quoted && !*part->text)
        marked_add_char(&expansion->out, ' ', MARK_EXISTS);
    else if (part->quoted)
        marked_add_text(&expansion->out, part->text, MARK_QUOTED);
    else
        marked_add_text(&expansion->out, part->text,
                        expansion->in_operand ? MARK_SPLIT : MARK_NONE);
}

static void expand_tilde(struct expansion *expansion, const struct word_part *part)
{
    const char *home = NULL;
    char *found = NULL;

    if (part->in_value && !expansion->in_value) {
        marked_add_char(&expansion->out, '~', MARK_NONE);
        marked_add_text(&expansion->out, part->text, MARK_NONE);
        return;
    }
    if (*part->text)
        home = found = home_of_user(part->text);
    else
        home = var_get("HOME");
    if (home) {
        marked_add_text(&expansion->out, home, MARK_QUOTED);
    } else {
        marked_add_char(&expansion->out, '~', MARK_QUOTED);
        marked_add_text(&expansion->out, part->text, MARK_QUOTED);
    }
    free(found);
}

static int expand_command(struct expansion *expansion, const struct word_part *part)
{
    struct strbuf output = STRBUF_INIT;

    if (part->command && exec_capture(part->command, &output) != 0) {
        strbuf_free(&output);
        return -1;
    }
    if (!part->command)
        shell.substitution_status = 0;
    while (output.len && output.text[output.len - 1] == '\n')
        output.text[--output.len] = '\0';
    expansion_add_result(expansion, strbuf_text(&output), part->quoted);
    strbuf_free(&output);
    return 0;
}

static int expand_arithmetic(struct expansion *expansion, const struct word_part *part)
{
    char *text = expand_text(part->operand, expansion->arena), number[24];
    int64_t value;

    if (!text || arith_evaluate(text, &value) != 0)
        return -1;
    snprintf(number, sizeof(number), "%" PRId64, value);
    expansion_add_result(expansion, number, part->quoted);
    return 0;
}

int expand_parts(struct expansion *expansion, const struct word *word)
{
    for (const struct word_part *part = word->parts; part; part = part->next) {
        int result = 0;

        switch (part->kind) {
        case PART_LITERAL: expand_literal(expansion, part); break;
        case PART_TILDE: expand_tilde(expansion, part); break;
        case PART_PARAMETER: result = expand_parameter(expansion, part); break;
        case PART_COMMAND: result = expand_command(expansion, part); break;
        case PART_ARITHMETIC: result = expand_arithmetic(expansion, part); break;
        }
        if (result != 0)
            return -1;
    }
    return 0;
}

int expand_words(const struct word *words, struct arena *arena, struct string_list *out)
{
    for (; words; words = words->next) {
        struct expansion expansion = {.arena = arena, .fields = true};
        int result = expand_parts(&expansion, words);

        if (result == 0)
            marked_to_fields(&expansion.out, arena, out);
        marked_free(&expansion.out);
        if (result != 0)
            return -1;
    }
    return 0;
}

char *expand_text(const struct word *word, struct arena *arena)
{
    struct expansion expansion = {.arena = arena, .in_value = true};
    char *text = NULL;

    if (expand_parts(&expansion, word) == 0)
        text = marked_to_text(&expansion.out, arena);
    marked_free(&expansion.out);
    return text;
}

char *expand_pattern(const struct word *word, struct arena *arena)
{
    struct expansion expansion = {.arena = arena};
    char *pattern = NULL;

    if (expand_parts(&expansion, word) == 0)
        pattern = marked_to_pattern(&expansion.out, arena);
    marked_free(&expansion.out);
    return pattern;
}

char *expand_prompt(const char *text, struct arena *arena)
{
    struct shell saved = shell;
    struct word *word = lex_quoted_text(arena, text, shell.name, shell.line, 0);
    char *expanded = word ? expand_text(word, arena) : NULL;

    // A prompt leaves no trace, neither in $? nor by failing.
    shell.status = saved.status;
    shell.substitution_status = saved.substitution_status;
    if (!expanded)
        shell.unwind = saved.unwind;
    return expanded ? expanded : arena_strdup(arena, text);
}
