// SPDX-License-Identifier: MIT
// From marked text to fields.
//
// Expansion writes every character with a mark that says where it came from, and the later steps of
// the standard (splitting, file names, removal of quotes) need nothing else: a character splits only
// if an unquoted expansion produced it, is special in a pattern only if it is not quoted, and there
// are no quotes left to remove.
//
// Splitting: blanks among the IFS characters separate in runs and vanish at the ends; any other
// separates by itself, together with the blanks around it, and so can make empty fields.
#include "user/sh/field.h"

#include "user/sh/pattern.h"
#include "user/sh/shell.h"
#include "user/sh/var.h"

#include <string.h>

void marked_add_char(struct marked *marked, char c, enum mark mark)
{
    strbuf_add_char(&marked->text, c);
    strbuf_add_char(&marked->marks, (char)mark);
}

void marked_add_text(struct marked *marked, const char *text, enum mark mark)
{
    for (; *text; text++)
        marked_add_char(marked, *text, mark);
}

void marked_free(struct marked *marked)
{
    strbuf_free(&marked->text);
    strbuf_free(&marked->marks);
}

const char *field_separators(void)
{
    const char *ifs = var_get("IFS");

    return ifs ? ifs : " \t\n";
}

static bool is_character(const struct marked *marked, size_t i)
{
    return !(marked->marks.text[i] & (MARK_EXISTS | MARK_BREAK));
}

static char *range_to_text(const struct marked *marked, size_t start, size_t end,
                           struct arena *arena)
{
    char *text = arena_alloc(arena, end - start + 1);
    size_t len = 0;

    for (size_t i = start; i < end; i++)
        if (is_character(marked, i))
            text[len++] = marked->text.text[i];
    return text;
}

static char *range_to_pattern(const struct marked *marked, size_t start, size_t end,
                              struct arena *arena)
{
    char *pattern = arena_alloc(arena, 2 * (end - start) + 1);
    size_t len = 0;

    for (size_t i = start; i < end; i++) {
        char c = marked->text.text[i];

        if (!is_character(marked, i))
            continue;
        if ((marked->marks.text[i] & MARK_QUOTED) && strchr("*?[]\\-!^:", c))
            pattern[len++] = '\\';
        pattern[len++] = c;
    }
    return pattern;
}

char *marked_to_text(const struct marked *marked, struct arena *arena)
{
    return range_to_text(marked, 0, marked->text.len, arena);
}

char *marked_to_pattern(const struct marked *marked, struct arena *arena)
{
    return range_to_pattern(marked, 0, marked->text.len, arena);
}

static void add_field(const struct marked *marked, size_t start, size_t end, struct arena *arena,
                      struct string_list *out)
{
    bool special = false;

    for (size_t i = start; i < end && !shell.no_glob; i++)
        special |= is_character(marked, i) && !(marked->marks.text[i] & MARK_QUOTED) &&
                   strchr("*?[", marked->text.text[i]);
    if (special &&
        pattern_expand_files(range_to_pattern(marked, start, end, arena), arena, out) > 0)
        return;
    list_add(out, arena, range_to_text(marked, start, end, arena));
}

enum separator { SEPARATOR_NONE, SEPARATOR_BLANK, SEPARATOR_OTHER };

static enum separator separator_at(const struct marked *marked, size_t i, const char *ifs)
{
    char c;

    if (i >= marked->text.len || !(marked->marks.text[i] & MARK_SPLIT))
        return SEPARATOR_NONE;
    c = marked->text.text[i];
    if (!strchr(ifs, c))
        return SEPARATOR_NONE;
    return strchr(" \t\n", c) ? SEPARATOR_BLANK : SEPARATOR_OTHER;
}

static size_t skip_blanks(const struct marked *marked, size_t i, const char *ifs)
{
    while (separator_at(marked, i, ifs) == SEPARATOR_BLANK)
        i++;
    return i;
}

void marked_to_fields(const struct marked *marked, struct arena *arena, struct string_list *out)
{
    const char *ifs = field_separators();
    size_t i = skip_blanks(marked, 0, ifs), start = i;

    // [start, i) is the field so far; an empty one is real only behind a separator that is no blank.
    while (i < marked->text.len) {
        enum separator separator = separator_at(marked, i, ifs);
        bool is_break = marked->marks.text[i] & MARK_BREAK;

        if (separator == SEPARATOR_NONE && !is_break) {
            i++;
            continue;
        }
        if (i > start || separator == SEPARATOR_OTHER)
            add_field(marked, start, i, arena, out);
        if (is_break) {
            i++;
        } else {
            i = skip_blanks(marked, i, ifs);
            if (separator == SEPARATOR_OTHER || separator_at(marked, i, ifs) == SEPARATOR_OTHER)
                i++;
        }
        start = i = skip_blanks(marked, i, ifs);
    }
    if (i > start)
        add_field(marked, start, i, arena, out);
}

char *field_next(const struct marked *marked, size_t *at, struct arena *arena)
{
    const char *ifs = field_separators();
    size_t start = skip_blanks(marked, *at, ifs), end = start;
    enum separator separator = SEPARATOR_NONE;

    while (end < marked->text.len && !(separator = separator_at(marked, end, ifs)))
        end++;
    *at = skip_blanks(marked, end, ifs);
    if (separator == SEPARATOR_OTHER || separator_at(marked, *at, ifs) == SEPARATOR_OTHER)
        *at = skip_blanks(marked, *at + 1, ifs);
    return range_to_text(marked, start, end, arena);
}

char *field_rest(const struct marked *marked, size_t at, struct arena *arena)
{
    const char *ifs = field_separators();
    size_t start = skip_blanks(marked, at, ifs), end = marked->text.len, after = start;

    while (end > start && separator_at(marked, end - 1, ifs) == SEPARATOR_BLANK)
        end--;
    // If one separator is all that follows the first field, it is no part of it.
    if (end > start && separator_at(marked, end - 1, ifs) == SEPARATOR_OTHER) {
        field_next(marked, &after, arena);
        if (after >= end)
            for (end--; end > start && separator_at(marked, end - 1, ifs) == SEPARATOR_BLANK;)
                end--;
    }
    return range_to_text(marked, start, end, arena);
}
