// SPDX-License-Identifier: MIT
// Parameters: $x, ${x-word} and their relatives.
//
// A parameter is a variable, a position or one of the special characters; all but $@ and $* have a
// string or nothing as value. $@ and $* are lists: where fields are wanted, $@ puts a break between
// its elements, quoted or not, and $* does so unquoted; everywhere else they are joined.
#include "user/sh/expand_internal.h"

#include "user/lib/number.h"
#include "user/sh/expand.h"
#include "user/sh/parse.h"
#include "user/sh/pattern.h"
#include "user/sh/shell.h"
#include "user/sh/var.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_list(const char *name)
{
    return strcmp(name, "@") == 0 || strcmp(name, "*") == 0;
}

static const char *position_value(const char *digits)
{
    const struct parameters *params = params_get();
    int64_t position;

    if (!parse_i64(digits, &position) || position > params->nr)
        return NULL;
    return position == 0 ? shell.name : params->items[position - 1];
}

// The value of what is no list; NULL where unset.
static const char *single_value(const char *name, struct arena *arena)
{
    char number[24] = "";

    if (isdigit((unsigned char)*name))
        return position_value(name);
    if (isalpha((unsigned char)*name) || *name == '_') {
        if (strcmp(name, "LINENO") != 0)
            return var_get(name);
        snprintf(number, sizeof(number), "%d", shell.line);
    } else if (*name == '#') {
        snprintf(number, sizeof(number), "%d", params_get()->nr);
    } else if (*name == '?') {
        snprintf(number, sizeof(number), "%d", shell.status);
    } else if (*name == '$') {
        snprintf(number, sizeof(number), "%d", (int)shell.pid);
    } else if (*name == '!') {
        if (shell.last_background == 0)
            return NULL;
        snprintf(number, sizeof(number), "%d", (int)shell.last_background);
    } else if (*name == '-') {
        return shell_option_letters();
    }
    return arena_strdup(arena, number);
}

// The list as one string. $* joins with the first character of IFS, $@ with a blank.
static char *joined_list(const char *name, struct arena *arena)
{
    const struct parameters *params = params_get();
    const char *ifs = field_separators();
    char separator = *name == '*' ? *ifs : ' ';
    struct strbuf buf = STRBUF_INIT;
    char *text;

    for (int i = 0; i < params->nr; i++) {
        if (i > 0 && separator)
            strbuf_add_char(&buf, separator);
        strbuf_add_text(&buf, params->items[i]);
    }
    text = arena_strdup(arena, strbuf_text(&buf));
    strbuf_free(&buf);
    return text;
}

// Cut the part of text that the pattern matches from its beginning or end.
static char *cut_affix(const char *text, const char *pattern, enum parameter_op op,
                       struct arena *arena)
{
    size_t len = strlen(text);
    bool suffix = op == PARAM_CUT_SUFFIX || op == PARAM_CUT_SUFFIX_MAX;
    bool longest = op == PARAM_CUT_SUFFIX_MAX || op == PARAM_CUT_PREFIX_MAX;

    for (size_t i = 0; i <= len; i++) {
        size_t cut = longest ? len - i : i; // how much goes

        if (suffix && pattern_match(pattern, text + len - cut, cut))
            return arena_strndup(arena, text, len - cut);
        if (!suffix && pattern_match(pattern, text, cut))
            return arena_strdup(arena, text + cut);
    }
    return arena_strdup(arena, text);
}

// Add the list, each element through cut_affix where there is a pattern.
static void add_list(struct expansion *expansion, const struct word_part *part, const char *pattern)
{
    const struct parameters *params = params_get();
    bool separate = expansion->fields && (*part->text == '@' || !part->quoted);
    struct strbuf joined = STRBUF_INIT;
    char separator = *part->text == '*' ? *field_separators() : ' ';

    for (int i = 0; i < params->nr; i++) {
        const char *text = params->items[i];

        if (pattern)
            text = cut_affix(text, pattern, part->op, expansion->arena);
        if (separate) {
            if (i > 0)
                marked_add_char(&expansion->out, ' ', MARK_BREAK);
            expansion_add_result(expansion, text, part->quoted);
        } else {
            if (i > 0 && separator)
                strbuf_add_char(&joined, separator);
            strbuf_add_text(&joined, text);
        }
    }
    if (!separate)
        expansion_add_result(expansion, strbuf_text(&joined), part->quoted);
    strbuf_free(&joined);
}

static void add_value(struct expansion *expansion, const struct word_part *part, const char *value)
{
    if (is_list(part->text))
        add_list(expansion, part, NULL);
    else
        expansion_add_result(expansion, value ? value : "", part->quoted);
}

static int unset_error(const struct word_part *part)
{
    return shell_fatal(STATUS_SYNTAX, "%s: parameter not set", part->text);
}

// The operand takes the place of the value, with its own quoting.
static int add_operand(struct expansion *expansion, const struct word_part *part)
{
    bool outer = expansion->in_operand;
    size_t before = expansion->out.text.len;
    int result;

    expansion->in_operand = true;
    result = expand_parts(expansion, part->operand);
    expansion->in_operand = outer;
    if (part->quoted && expansion->out.text.len == before)
        expansion_add_result(expansion, "", true);
    return result;
}

static int assign_default(struct expansion *expansion, const struct word_part *part)
{
    char *value;

    if (!is_name(part->text))
        return shell_fatal(STATUS_SYNTAX, "%s: cannot be assigned to in this way", part->text);
    value = expand_text(part->operand, expansion->arena);
    if (!value || var_set(part->text, value, 0) != 0)
        return -1;
    expansion_add_result(expansion, value, part->quoted);
    return 0;
}

static int report_unset(struct expansion *expansion, const struct word_part *part)
{
    char *message = expand_text(part->operand, expansion->arena);

    if (!message)
        return -1;
    if (!*message)
        message = arena_strdup(expansion->arena,
                               part->colon ? "parameter null or not set" : "parameter not set");
    return shell_fatal(STATUS_SYNTAX, "%s: %s", part->text, message);
}

static int add_cut(struct expansion *expansion, const struct word_part *part, const char *value)
{
    char *pattern = expand_pattern(part->operand, expansion->arena);

    if (!pattern)
        return -1;
    if (is_list(part->text))
        add_list(expansion, part, pattern);
    else
        expansion_add_result(expansion,
                             cut_affix(value ? value : "", pattern, part->op, expansion->arena),
                             part->quoted);
    return 0;
}

static void add_length(struct expansion *expansion, const struct word_part *part, const char *value)
{
    char number[24];

    if (is_list(part->text))
        snprintf(number, sizeof(number), "%d", params_get()->nr);
    else
        snprintf(number, sizeof(number), "%zu", strlen(value ? value : ""));
    expansion_add_result(expansion, number, part->quoted);
}

int expand_parameter(struct expansion *expansion, const struct word_part *part)
{
    bool list = is_list(part->text), set;
    const char *value;

    if (list)
        value = params_get()->nr ? joined_list(part->text, expansion->arena) : NULL;
    else
        value = single_value(part->text, expansion->arena);
    set = value && !(part->colon && !*value);
    switch (part->op) {
    case PARAM_DEFAULT:
        if (!set)
            return add_operand(expansion, part);
        break;
    case PARAM_ALTERNATIVE:
        if (set)
            return add_operand(expansion, part);
        if (part->quoted && !list)
            expansion_add_result(expansion, "", true);
        return 0;
    case PARAM_ASSIGN:
        if (!set)
            return assign_default(expansion, part);
        break;
    case PARAM_ERROR:
        if (!set)
            return report_unset(expansion, part);
        break;
    default:
        if (!value && !list && shell.unset_is_error)
            return unset_error(part);
        break;
    }
    if (part->op == PARAM_LENGTH)
        add_length(expansion, part, value);
    else if (part->op >= PARAM_CUT_SUFFIX)
        return add_cut(expansion, part, value);
    else
        add_value(expansion, part, value);
    return 0;
}
